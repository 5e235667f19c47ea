"""`eci report` and `eci plot` on a saved fit: what they write, what they refuse, what they load."""

import hashlib
import json
import re
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import eci
from eci.cli.main import main
from eci.errors import DataError
from eci.report.page.sources import find_sources
from eci.report.repeat import repeat_trend

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(invented_fit, tmp_path_factory):
    return invented_fit.save(tmp_path_factory.mktemp("report") / "fit")


@pytest.fixture(scope="module")
def page(folder):
    out = folder.parent / "report.html"
    result = run("report", folder, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == "" and "Wrote" in result.stderr
    return out.read_text(encoding="utf-8")


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 1 and result.stdout == "" and "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


class Page(HTMLParser):
    """Collects elements and the text of scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def test_the_page_loads_nothing_and_runs_only_its_own_scripts(page):
    elements = Page(page).elements
    assert not [a for tag, a in elements if tag in ("link", "img", "iframe", "object", "embed", "base")]
    assert not [a for _, a in elements if "src" in a or any(name.startswith("on") for name in a)]
    policy = next(a["content"] for tag, a in elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    scripts = [text for text in Page(page).scripts if not text.startswith("{")]
    assert {b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts} == allowed


def test_every_chart_has_words_and_a_table_and_every_section_a_heading(page):
    elements = Page(page).elements
    charts = {a["id"]: a for tag, a in elements if a.get("class") == "chart"}
    kinds = ("timeline", "changes", "benchmarks", "information", "residuals")
    assert set(charts) == {f"chart-{kind}" for kind in kinds}
    assert all(a["role"] == "img" and len(a["aria-label"]) > 40 for a in charts.values())
    found = {a["id"] for tag, a in elements if tag == "table"}
    assert {f"table-{name.removeprefix('chart-')}" for name in charts} <= found
    ids = {a["id"] for _, a in elements if "id" in a}
    labelled = [a["aria-labelledby"] for _, a in elements if "aria-labelledby" in a]
    assert labelled and set(labelled) <= ids
    inner = {a["href"] for tag, a in elements if tag == "a" and a["href"].startswith("#")}
    assert inner <= {f"#{name}" for name in ids}
    assert [a["lang"] for tag, a in elements if tag == "html"] == ["en"]


def test_every_choice_is_on_the_page(page, invented_fit):
    table = page[page.index('id="table-choices"') :]
    choices = ["min benchmarks", "likelihood", "noise sd scale", "anchor model 01", "seed", "n memberships"]
    for said in [*choices, "slope change sd", invented_fit.digest, "python"]:
        assert f">{said}<" in table, said
    assert "CHECK FAILED: ess_bulk_index" in page


def test_the_same_fit_gives_the_same_page(folder, page, tmp_path):
    again = tmp_path / "again.html"
    assert run("report", folder, "--out", again).exit_code == 0
    assert again.read_text(encoding="utf-8") == page


def test_sources_come_from_the_data_of_the_fit(folder, small_table, tmp_path):
    data = tmp_path / "scores.csv"
    links = ["https://a.example/x?y=1&z=<2>", "javascript:alert(1)", "a paper, table 3"]
    cited = small_table.assign(source_url=[links[i % 3] for i in range(len(small_table))])
    cited.to_csv(data, index=False)
    out = tmp_path / "report.html"
    assert run("report", folder, "--scores", data, "--out", out).exit_code == 0
    anchors = {a["href"] for tag, a in Page(out.read_text(encoding="utf-8")).elements if tag == "a"}
    assert links[0] in anchors and not any("javascript" in href for href in anchors)
    small_table.assign(score=0.5).to_csv(data, index=False)
    assert "not the scores of the fit" in refused("report", folder, "--scores", data, "--out", out, "--force")


def test_sources_stand_beside_their_scores(invented_fit, small_table):
    cited = small_table.assign(source_url=small_table["model"] + " on " + small_table["benchmark"])
    found = find_sources(invented_fit, eci.load_scores(cited.sample(frac=1, random_state=3)))
    matrix = invented_fit.matrix
    pairs = zip(matrix.model_index, matrix.benchmark_index, strict=True)
    assert found["source_url"].tolist() == [f"{matrix.models[m]} on {matrix.benchmarks[j]}" for m, j in pairs]


def test_a_saved_trend_is_shown_as_it_was_written(folder, tmp_path):
    made = tmp_path / "trend"
    options = ["--until", "2024-11-01", "--change", "kink", "--model", "model 03", "--seed", "4"]
    assert run("trend", folder, *options, "--out", made).exit_code == 0
    trend, names = repeat_trend(eci.load_fit(folder), made / "trend.json")
    written = pd.read_csv(made / "trend.csv").set_index("quantity")
    assert trend.slope_after.median == pytest.approx(float(written.loc["slope_after", "median"]), rel=1e-5)
    assert names == ["model 03"]
    out = tmp_path / "report.html"
    assert run("report", folder, "--trend", made / "trend.json", "--out", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "model 03 lies" in text and "under the assumption of a kink" in text
    assert 'id="chart-changes"' not in text  # nothing was compared


def test_a_trend_of_another_fit_is_refused(folder, invented_fit, tmp_path):
    made = tmp_path / "trend"
    assert run("trend", folder, "--out", made).exit_code == 0
    text = (made / "trend.json").read_text()
    other = tmp_path / "other.json"
    other.write_text(text.replace("fit of scores", "fit of the scores"))
    assert "is a trend of fit of the scores" in refused("report", folder, "--trend", other)
    record = json.loads(text)
    record["residual_sd"]["median"] *= 1.01
    other.write_text(json.dumps(record))
    assert "cannot be repeated" in refused("report", folder, "--trend", other)
    other.write_text('{"schema": "something/1"}')
    assert "is no trend of this version" in refused("report", folder, "--trend", other)
    other.write_text(text.replace('"seed"', '"sown"'))
    assert "lacks 'seed'" in refused("report", folder, "--trend", other)
    with pytest.raises(DataError, match=r"The trend .*none\.json does not exist\. Name the trend\.json"):
        repeat_trend(invented_fit, tmp_path / "none.json")
    with pytest.raises(DataError, match=r"The trend .* is a folder\. Name the trend\.json"):
        repeat_trend(invented_fit, tmp_path)


def test_a_point_estimate_gets_a_report_without_trend(invented_fit, tmp_path):
    one = {"slope": invented_fit.scale.slope[:1], "origin": invented_fit.scale.origin[:1]}
    scale = replace(invented_fit.scale, **one)
    point = replace(
        invented_fit, draws=None, n_chains=1, method={"name": "map"}, sample_stats={}, scale=scale
    )
    folder = point.save(tmp_path / "fit")
    out = tmp_path / "report.html"
    result = run("report", folder, "--out", out)
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    assert "No trend: This fit was made with the method map" in text and "A preview" in text
    assert run("plot", "index", folder, "--out", tmp_path / "index.png").exit_code == 0


@pytest.mark.parametrize(
    "kind", ["index", "timeline", "benchmarks", "information", "residuals", "changes", "break"]
)
def test_every_kind_is_drawn_as_png_and_svg(folder, tmp_path, kind):
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        out = tmp_path / f"{kind}{suffix}"
        result = run("plot", kind, folder, "--out", out, "--dpi", "60")
        assert result.exit_code == 0, result.output
        assert out.read_bytes().startswith(start)
    again = tmp_path / "again.svg"
    assert run("plot", kind, folder, "--out", again).exit_code == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "FOLDER", "--out", "EXISTING"], "exists already. Add --force"),
        (["report", "FOLDER", "--out", "nowhere/report.html"], "does not exist. Make it first"),
        (["report", "nowhere"], "holds no fit"),
        (["plot", "index", "FOLDER", "--out", "index.bmp"], "ends in none of"),
        (["plot", "index", "FOLDER", "--out", "index.png", "--lab", "Nroth"], "Did you mean"),
        (["plot", "timeline", "nowhere", "--out", "t.png"], "holds no fit"),
    ],
)
def test_bad_input_ends_in_words_and_leaves_nothing(folder, tmp_path, monkeypatch, arguments, message):
    existing = tmp_path / "report-there.html"
    existing.write_text("mine")
    monkeypatch.chdir(tmp_path)
    given = [str(folder) if a == "FOLDER" else str(existing) if a == "EXISTING" else a for a in arguments]
    assert message in refused(*given)
    assert [path.name for path in tmp_path.iterdir()] == [existing.name] and existing.read_text() == "mine"


def test_wrong_usage_is_clicks_exit_2(folder):
    assert run("plot", "pie", folder).exit_code == 2
    assert run("plot", "residuals", folder, "--top", "3").exit_code == 2
    assert run("plot", "index", folder, "--trend", "t.json").exit_code == 2


def test_stopped_on_the_way_it_leaves_the_old_file_and_says_so(folder, tmp_path, monkeypatch):
    out = tmp_path / "report.html"
    out.write_text("old")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("eci.report.html.render_report", stop)
    result = run("report", folder, "--out", out, "--force")
    assert result.exit_code == 130
    assert f"{out} was left as it was." in result.stderr
    assert out.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_report_and_plot_load_neither_jax_nor_arviz(folder, tmp_path):
    code = (
        "import sys; from click.testing import CliRunner; from eci.cli.main import main\n"
        f"for a in (['report', {str(folder)!r}, '--out', {str(tmp_path / 'r.html')!r}], "
        f"['plot', 'residuals', {str(folder)!r}, '--out', {str(tmp_path / 'r.png')!r}]):\n"
        "    r = CliRunner().invoke(main, a); assert r.exit_code == 0, r.output\n"
        "print([m for m in ('jax', 'arviz', 'numpyro', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["index", "timeline", "benchmarks", "information", "residuals"])
def test_a_saved_fit_without_an_index_has_no_picture(invented_fit, tmp_path, kind):
    nan = invented_fit.scale.slope * float("nan")
    scale = replace(invented_fit.scale, slope=nan, origin=nan, anchors={})
    empty = replace(invented_fit, scale=scale).save(tmp_path / "fit")
    out = tmp_path / "picture.png"
    assert "No model of this fit has an index" in refused("plot", kind, empty, "--out", out)
    assert not out.exists()
