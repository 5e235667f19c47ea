"""The bundled tables: keys, ranges, sources, and every change and count that the pages about them state."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pytest

import eci

ROOT = Path(__file__).parents[2]
DATA = ROOT / "benchmarks_data"
KEYS = {"models": "model", "benchmarks": "benchmark"}
CORRECTED_KEY = ["model", "benchmark", "score", "source_url"]
CARD = "opus_4_8_card"


def read(name: str) -> pd.DataFrame:
    """Everything as text, so that blanks and the written form of numbers stay visible."""
    return pd.read_csv(DATA / f"{name}.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: read(name) for name in ("scores", "models", "benchmarks", "corrections", "suspects")}


@pytest.fixture(scope="module")
def pairs(tables) -> pd.DataFrame:
    return tables["scores"].drop_duplicates(["model", "benchmark"])


def is_iso(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and dt.date.fromisoformat(text) is not None


@pytest.mark.parametrize("name", ["scores", "models", "benchmarks"])
def test_columns_are_those_of_the_contract(tables, name):
    columns = {
        "scores": "model benchmark score conditions source_kind source_url",
        "models": "model lab release_date open_weights reasoning source_url",
        "benchmarks": "benchmark domain n_items chance ceiling release_date description source_url "
        "family n_items_source",
    }
    assert list(tables[name].columns) == columns[name].split()


@pytest.mark.parametrize("name", KEYS)
def test_names_are_unique_and_used(tables, name):
    key = KEYS[name]
    names = tables[name][key]
    assert names.is_unique
    assert set(names) == set(tables["scores"][key])
    assert all(text == " ".join(text.split()) and text for text in names)


def test_no_row_stands_twice(tables):
    assert not tables["scores"].duplicated(["model", "benchmark", "score", "conditions", "source_url"]).any()


def test_no_two_values_share_conditions_and_source(tables):
    same = ["model", "benchmark", "conditions", "source_kind", "source_url"]
    assert not tables["scores"].duplicated(same).any()


def test_scores_are_fractions_below_the_ceiling(tables):
    scores, benchmarks = tables["scores"], tables["benchmarks"].set_index("benchmark")
    value = scores["score"].astype(float)
    assert value.between(0, 1).all()
    chance, ceiling = benchmarks["chance"].astype(float), benchmarks["ceiling"].astype(float)
    assert ((chance >= 0) & (chance < ceiling) & (ceiling <= 1)).all()
    assert (value.to_numpy() <= ceiling[scores["benchmark"]].to_numpy()).all()


def test_scores_below_chance_are_all_listed_as_suspects(tables):
    scores = tables["scores"]
    chance = tables["benchmarks"].set_index("benchmark")["chance"].astype(float)
    below = scores[scores["score"].astype(float).to_numpy() < chance[scores["benchmark"]].to_numpy()]
    suspects = set(zip(tables["suspects"]["model"], tables["suspects"]["benchmark"], strict=True))
    assert len(below) == 8
    assert set(zip(below["model"], below["benchmark"], strict=True)) <= suspects


def test_every_row_has_a_source_and_a_known_kind(tables):
    scores = tables["scores"]
    assert set(scores["source_kind"]) == {"vendor", "independent", "secondary"}
    for name in ("scores", "models", "benchmarks"):
        assert tables[name]["source_url"].str.len().ge(8).all(), name
    written = ~scores["source_url"].str.startswith("https://")
    assert written.sum() == 199
    assert scores.loc[written, "source_url"].str.contains("transcription|notes|Card").all()


def test_dates_are_iso_and_plausible(tables):
    models = tables["models"]["release_date"]
    assert models.map(is_iso).all()
    assert models.between("2022-01-01", "2026-12-31").all()
    known = tables["benchmarks"]["release_date"].loc[lambda column: column != ""]
    assert known.map(is_iso).all()
    assert known.between("2017-01-01", "2026-12-31").all()


def test_item_counts_are_whole_and_name_their_source(tables):
    benchmarks = tables["benchmarks"]
    known = benchmarks["n_items"] != ""
    assert benchmarks.loc[known, "n_items"].str.fullmatch(r"[1-9]\d*").all()
    assert ((benchmarks["n_items_source"] != "") == known).all()


@pytest.mark.parametrize(
    ("benchmark", "runs"),
    [("Cybench", "Cybench leaderboard"), ("FrontierMath Tiers 1-3 v2", "Epoch run"), ("ZeroBench", "")],
)
def test_single_runs_are_whole_numbers_of_items(tables, benchmark, runs):
    """A wrong item count, or a score of another test, would show here."""
    n_items = int(tables["benchmarks"].set_index("benchmark")["n_items"][benchmark])
    rows = tables["scores"].query("benchmark == @benchmark and conditions.str.contains(@runs)")
    half_digit = rows["score"].map(lambda text: 0.5 * 10.0 ** -max(len(text.partition(".")[2]), 3))
    solved = rows["score"].astype(float) * n_items
    assert len(rows) >= 6
    assert ((solved - solved.round()).abs() <= half_digit * n_items + 1e-9).all()


def test_a_family_bears_the_name_of_its_benchmark_or_holds_several(tables):
    benchmarks = tables["benchmarks"]
    size = benchmarks.groupby("family")["benchmark"].transform("size")
    assert (benchmarks["family"] != "").all()
    assert (benchmarks["family"] == benchmarks["benchmark"])[size == 1].all()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("LiveCodeBench v5", "LiveCodeBench v6", True),
        ("MATH", "MATH-500", True),
        ("FrontierMath Tiers 1-3", "FrontierMath Tiers 1-3 v2", True),
        ("FrontierMath Tiers 1-3", "FrontierMath Tier 4", False),
        ("ARC-AGI-1", "ARC-AGI-2", False),
        ("AIME 2024", "AIME 2025", False),
        ("Terminal-Bench 2.0", "Terminal-Bench 2.1", True),
        ("Terminal-Bench 1.0", "Terminal-Bench 2.0", False),
        ("tau2-bench retail", "tau2-bench airline", False),
        ("tau-bench retail", "tau2-bench retail", True),
        ("HLE (no tools)", "HLE (with tools)", True),
    ],
)
def test_families_follow_the_rule_of_shared_items(tables, first, second, same):
    family = tables["benchmarks"].set_index("benchmark")["family"]
    assert (family[first] == family[second]) is same


def test_corrections_are_in_the_tables(tables):
    corrections = tables["corrections"]
    assert list(corrections.columns) == ["table", "key", "column", "old", "new", "why", "source"]
    assert (corrections[["table", "key", "column", "why", "source"]] != "").all(axis=None)
    for change in corrections.itertuples():
        assert change.old != change.new
        if change.table == "scores":
            before = dict(zip(CORRECTED_KEY, change.key.split(" | "), strict=True))
            assert before[change.column] == change.old
            assert not count(tables["scores"], before), change
            assert count(tables["scores"], before | {change.column: change.new}) == 1, change
        else:
            row = tables[change.table].set_index(KEYS[change.table]).loc[change.key]
            assert row[change.column] == change.new, change


def count(table: pd.DataFrame, values: dict[str, str]) -> int:
    return int((table[list(values)] == pd.Series(values)).all(axis=1).sum())


def test_suspects_name_rows_that_exist_and_say_why(tables):
    suspects, scores = tables["suspects"], tables["scores"]
    assert list(suspects.columns) == ["model", "benchmark", "score", "why"]
    assert (suspects[["benchmark", "why"]] != "").all(axis=None)
    assert not suspects.duplicated(["model", "benchmark", "score"]).any()
    one_row = suspects[suspects["model"] != ""]
    key = ["model", "benchmark", "score"]
    assert set(one_row[key].itertuples(index=False)) <= set(scores[key].itertuples(index=False))
    assert set(suspects["benchmark"]) <= set(scores["benchmark"])
    assert (suspects.loc[suspects["model"] == "", "score"] == "").all()


@pytest.mark.parametrize("name", ["aeci", "epoch_eci"])
def test_published_indices_lie_in_their_intervals(tables, name):
    published = pd.read_csv(DATA / "published" / f"{name}.csv")
    given = published.dropna(subset=["low", "high"])
    assert len(given) >= 7
    assert (given["low"] < given["index"]).all()
    assert (given["index"] < given["high"]).all()
    assert given["interval_prob"].between(0.5, 0.99).all()
    assert published["index"].between(60, 200).all()
    assert not published.duplicated(["model", "vintage"]).any()
    assert published["release_date"].dropna().map(is_iso).all()
    assert published["source_url"].str.len().ge(8).all()


def test_published_eci_maps_to_our_names_and_dates(tables):
    published = read("published/epoch_eci")
    mapped = published[published["model_in_scores"] != ""]
    assert not mapped.duplicated(["vintage", "model_in_scores"]).any()
    ours = tables["models"].set_index("model")["release_date"]
    assert (mapped["release_date"].to_numpy() == ours[mapped["model_in_scores"]].to_numpy()).all()
    sizes = mapped["vintage"].str.partition(" ")[0].value_counts().to_dict()
    assert sizes == {"2025-12": 69, "2026-07-07": 107, "2026-08-28": 17, "2026-09-08": 6}


@pytest.mark.parametrize(("name", "n_rows"), [("metr_horizons", 7), (CARD, 7)])
def test_other_published_tables_parse(name, n_rows):
    published = pd.read_csv(DATA / "published" / f"{name}.csv")
    assert len(published) == n_rows
    assert not published.drop(columns="page", errors="ignore").isna().any(axis=None)


def test_tables_agree_on_dates_except_one(tables):
    """Claude 3 Opus: each table keeps the date of its source."""
    both = pd.read_csv(DATA / "published" / "aeci.csv").merge(tables["models"], on="model")
    differ = both.loc[both["release_date_x"] != both["release_date_y"], "model"]
    assert list(differ) == ["Claude 3 Opus"]


def test_only_what_may_be_published_is_here():
    files = [path for path in DATA.rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_size < 2_000_000 for path in files)
    assert not [path for path in files if "epoch_2025_11" in str(path)]
    assert sum(path.suffix == ".csv" for path in files) == 9


def test_text_files_are_utf_8_with_plain_line_ends():
    for path in DATA.rglob("*.csv"):
        raw = path.read_bytes()
        assert not raw.startswith(b"\xef\xbb\xbf"), path
        assert b"\r" not in raw, path
        assert raw.decode("utf-8").endswith("\n"), path


def test_the_loader_reads_every_row(tables):
    table = eci.load_scores()
    assert len(table) == len(tables["scores"])
    assert set(table["family"]) == set(tables["benchmarks"]["family"])


def test_counts_stated_in_the_pages(tables, pairs):
    scores, models, benchmarks = (tables[name] for name in ("scores", "models", "benchmarks"))
    per_benchmark = pairs.groupby("benchmark").size()
    low = scores["conditions"].str.contains("low effort|no thinking|minimal effort")
    thinks = scores["model"].isin(models.loc[models["reasoning"] == "true", "model"])
    only_low = scores[thinks].assign(low=low).groupby(["model", "benchmark"])["low"].all()
    stated = {
        "rows": len(scores),
        "models": len(models),
        "benchmarks": len(benchmarks),
        "pairs": len(pairs),
        "pairs with several rows": int((scores.groupby(["model", "benchmark"]).size() > 1).sum()),
        "benchmarks with at most 6 models": int((per_benchmark <= 6).sum()),
        "rows without conditions": int((scores["conditions"] == "").sum()),
        "families": benchmarks["family"].nunique(),
        "benchmarks that share a family": int(benchmarks["family"].duplicated(keep=False).sum()),
        "benchmarks with item counts": int((benchmarks["n_items"] != "").sum()),
        "corrections": len(tables["corrections"]),
        "suspect rows": int((tables["suspects"]["model"] != "").sum()),
        "suspect benchmarks": int((tables["suspects"]["model"] == "").sum()),
        "pairs of reasoning models": len(only_low),
        "of these at low effort only": int(only_low.sum()),
    }
    assert stated == {
        "rows": 5808,
        "models": 195,
        "benchmarks": 262,
        "pairs": 4497,
        "pairs with several rows": 841,
        "benchmarks with at most 6 models": 81,
        "rows without conditions": 1242,
        "families": 194,
        "benchmarks that share a family": 110,
        "benchmarks with item counts": 127,
        "corrections": 34,
        "suspect rows": 74,
        "suspect benchmarks": 15,
        "pairs of reasoning models": 3109,
        "of these at low effort only": 121,
    }


def test_coverage_stated_in_the_pages(tables, pairs):
    date = tables["models"].set_index("model")["release_date"].str[:4]
    domain = tables["benchmarks"].set_index("benchmark")["domain"]
    by_year = pairs["model"].map(date).value_counts().sort_index().to_dict()
    by_domain = pairs["benchmark"].map(domain).value_counts().to_dict()
    assert by_year == {"2022": 18, "2023": 161, "2024": 833, "2025": 1902, "2026": 1583}
    assert by_domain == {
        "knowledge": 856,
        "coding": 828,
        "agentic": 828,
        "math": 712,
        "multimodal": 474,
        "reasoning": 382,
        "commonsense": 192,
        "long_context": 185,
        "cyber": 40,
    }


def test_joints_between_years_stated_in_the_pages(tables, pairs):
    year = pairs["model"].map(tables["models"].set_index("model")["release_date"].str[:4])
    domain = pairs["benchmark"].map(tables["benchmarks"].set_index("benchmark")["domain"])
    years = year.groupby(pairs["benchmark"]).nunique()
    agentic = year[domain == "agentic"].value_counts()
    assert (years >= 4).sum() == 11
    assert pairs["benchmark"].value_counts().head(1).to_dict() == {"GPQA Diamond": 139}
    assert (agentic["2026"], agentic.index.min()) == (459, "2024")


def test_rows_of_epoch_and_of_rival_labs_stated_in_the_pages(tables):
    scores = tables["scores"]
    lab_pages = (
        r"openai\.com|github\.com/openai|anthropic|blog\.google|deepmind|huggingface\.co/google|"
        r"meta\.(?:com|ai)|meta-llama|//x\.ai|deepseek|qwen|moonshot|kimi|//z\.ai|zai-org|2508\.06471|minimax|mistral\.ai|microsoft"
    )
    mirrors = "epoch.ai|epoch-research|madhu24raj|General-Purpose-AI-Policy-Lab"
    other = "JonathanChavez|whatmodel|anomalyco|matharena"
    url = scores["source_url"]
    with_lab = url.str.contains(lab_pages, case=False, regex=True) & ~url.str.contains(other)
    rivals = scores[with_lab & (scores["source_kind"] != "vendor")]
    assert url.str.contains(mirrors).sum() == 1157
    assert rivals["source_kind"].value_counts().to_dict() == {"independent": 1369, "secondary": 163}
