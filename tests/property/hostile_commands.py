"""Command lines with damaged files and hostile values: the fuzzing of commands takes its inputs from here."""

import contextlib
import copy
import json
import os
import random
import shlex
import shutil
import warnings
from pathlib import Path

import pandas as pd
from click.testing import CliRunner
from hostile_files import TOKENS, edited

from eci.cli.main import main
from eci.folder.save import FILES

VALUES = [
    *(
        "",
        " ",
        "-",
        "--",
        "=",
        "==",
        "a=b=c",
        "=1",
        "x=",
        "nan",
        "inf",
        "-inf",
        "-0",
        "1e999",
        "1e-999",
        "0",
        "-1",
        "2",
    ),
    *(
        "0.5",
        "1_000",
        "1,5",
        "0x1",
        "١",
        "9" * 30,
        "99999999999",
        "m" * 10_000,
        "a,b",
        ",",
        ",,,",
        "*",
        "?",
        "~",
        ".",
    ),
    *(
        "2024-01-01",
        "2024-13-45",
        "0000-00-00",
        "9999-12-31",
        "0001-01-01",
        "2024-1-1",
        "01/02/2024",
        "today",
    ),
    *(
        "../..",
        "/etc",
        "/dev/null",
        "/proc/self/mem",
        "nowhere/at/all.csv",
        "saved",
        "saved/fit.json",
        "scores.csv",
    ),
    *(
        "\u202egpt",
        "نموذج",
        "👩‍🔬",
        "\x1b[31mred",
        "a\nb",
        "\udcff",
        "$x$",
        "{x}",
        "%s",
        "[red]",
        "<b>",
        "=1+1",
        "@SUM(A1)",
    ),
    *("model 03", "Model 03", "model 03=130", "model 14=150", "bench 1", "A", "A=1=2=3", "North", "math"),
]
NODES = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1e308,
        float("nan"),
        float("inf"),
        10**400,
        "",
        "x",
        "\x1b[31m",
        "a\nb",
        [],
        {},
        [[]],
    ),
    *(
        [1, 2],
        {"a": 1},
        "2024-01-01",
        "2024-99-99",
        "eci.fit/9",
        "eci.fit/x",
        "/",
        "m" * 5000,
        [None] * 3,
        {"": ""},
    ),
]

# Command lines that are good as they stand. {out} is a place where nothing is.
_QUICK = (
    "show saved",
    "show saved --top 3 --lab North",
    "show saved --benchmarks --json",
    "show saved --checks",
    "show saved --checks --json",
    "place saved new.csv",
    "place saved new.csv --unit fraction --format table --aliases aliases.csv --json",
    "predict saved --model 'model 03'",
    "predict saved --model New --scores new.csv --prior dated --seed 1 --json",
    "predict saved --benchmark 'bench 1' --top 2",
    "predict saved --all --calibration",
    "next saved --model 'model 03' --against 'model 04' --k 2 --top 3",
    "next saved --frontier --frontier-size 4 --json",
    "next saved --model New --scores new.csv --format table",
    "compare saved 'model 03' 'model 04' --interval-prob 0.8",
    "compare saved 'model 03' 'model 04' 'model 05' --between --seed 2 --json",
    "compare saved 'model 03' 'model 04' 'model 05' --metrics metrics.csv --same 'a=bench 1'",
    "check scores.csv",
    "check scores.csv --since 2024-01-01 --until 2024-12-31 --lab North --json",
    "check scores.csv --duplicates mean --domain math --exclude-benchmark 'bench 1'",
    "check scores.csv --aliases aliases.csv --min-benchmarks 2 --min-models 2",
    "data diff scores.csv new.csv --top 2",
    "data diff scores.csv new.csv --aliases aliases.csv --json",
    "data list --cache cache",
    "data show epoch --cache cache",
    "data fetch epoch --offline --cache cache --sha256 00 --max-mib 1 --timeout 1",
    "vintages index.csv other.csv --top 3 --error-corr 0.5",
    "vintages index.csv other.csv --within-corr 0.5 --json",
    "link index.csv other.csv --vintage-a 2024 --error-corr 0.2 --models A,B,C,D",
    "link saved points.csv --sd-b 1 --interval-prob 0.5 --seed 3 --json",
    "link index.csv other.csv --vintage-a 2024 --apply other.csv --reading identity",
    "link saved saved --method regression --common models --robust --errors joint",
    "trend index.csv --vintage 2024-06 --change none --seed 1",
    "--help",
    "--version",
    "trend --help",
    "fit scores.csv --method least_squares --ridge 0.2 --anchor-benchmark 'bench 1' --out {out}",
    "fit scores.csv --method least_squares --anchor 'model 03=130' --anchor 'model 12=150' --out {out}",
)
_SLOW = (
    "trend index.csv --vintage 2024-06 --break-at D --change both --priors trend.toml",
    "trend saved --change kink --model 'model 07' --forecast 2026-01-01 --level 200 --json",
    "trend saved --lab North --since 2024-02-01 --through 'model 11' --interval-prob 0.7",
    "trend saved --frontier --student-t 4 --group-by lab --segments joined",
    "trend saved --models 'model 01,model 03,model 05,model 08,model 11' --out {out}",
    "plot index saved --top 5 --out {out}.svg --dpi 40",
    "plot benchmarks saved --out {out}.svg",
    "plot timeline saved --trend trend.json --out {out}.svg",
    "plot residuals saved --out {out}.png --dpi 40",
    "report saved --trend trend.json --title T --out {out}.html",
    "report saved --scores scores.csv --unit fraction --out {out}.html",
    "link index.csv other.csv --vintage-a 2024 --leave-one-out --out {out}",
    "fit scores.csv --method map --priors priors.toml --out {out} --seed 5",
)
QUICK, SLOW = (list(map(shlex.split, lines)) for lines in (_QUICK, _SLOW))
TEXT_FILES = (
    "scores.csv",
    "new.csv",
    "aliases.csv",
    "metrics.csv",
    "index.csv",
    "other.csv",
    "points.csv",
    "priors.toml",
    "trend.toml",
)
FIT_FILES = (
    "saved/fit.json",
    "saved/abilities.csv",
    "saved/benchmarks.csv",
    "saved/posterior.nc",
    "trend.json",
)


def furnish(folder, fit, table):
    """Write the files that the command lines name: a saved fit, its trend, tables, options in TOML."""
    fit.save(folder / "saved")
    table.to_csv(folder / "scores.csv", index=False)
    new = table[table["model"] == "model 05"].assign(model="New", release_date="2024-12-01")
    new.to_csv(folder / "new.csv", index=False)
    (folder / "aliases.csv").write_text("alias,model,benchmark\nmodel-05,model 05,\nb1,,bench 1\n")
    metrics = pd.DataFrame({"metric": ["a", "b", "c"]})
    for at, name in enumerate(("model 03", "model 04", "model 05")):
        metrics[name] = [0.1 * at + 0.2, 0.3, 0.9 - 0.1 * at]
    metrics.to_csv(folder / "metrics.csv", index=False)
    index = pd.DataFrame(
        {
            "model": list("ABCDEFGH"),
            "release_date": [f"2024-{month:02d}-01" for month in range(1, 9)],
            "index": [100.0, 102, 103, 105, 109, 112, 116, 119],
            "low": [98.0, 100, 101, 103, 107, 110, 114, 117],
            "high": [102.0, 104, 105, 107, 111, 114, 118, 121],
            "interval_prob": 0.9,
            "lab": list("NSNSNSNS"),
        }
    )
    later = index.assign(index=index["index"] + [1, -1, 0, 2, 0, -1, 1, 0], vintage="2024-09-01")
    index.assign(vintage="2024-06-01").to_csv(folder / "index.csv", index=False)
    later.assign(low=later["index"] - 2, high=later["index"] + 2).to_csv(folder / "other.csv", index=False)
    points = pd.DataFrame({"model": fit.matrix.models, "index": 100 + 1.1 * fit.index})
    points.to_csv(folder / "points.csv", index=False)
    (folder / "priors.toml").write_text("difficulty_sd_scale = 1.5\nnoise_sd_scale = 0.1\n")
    (folder / "trend.toml").write_text("jump_sd = 3.0\nslope_change_sd = 10.0\n")
    with working_in(folder):
        made = CliRunner().invoke(main, ["trend", "saved", "--model", "model 07", "--out", "made"])
        assert made.exit_code == 0, made.output
        shutil.copy("made/trend.json", "trend.json")
    tidy(folder)
    return folder


@contextlib.contextmanager
def working_in(folder):
    """Names in the command lines are names in the folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def damaged(content, name, rng):
    """A file with something wrong in its text, or, of JSON, in its structure."""
    if name.endswith(".json") and rng.random() < 0.7:
        return _changed_node(json.loads(content), rng)
    edits = [
        (
            rng.choice(["insert", "replace", "repeat", "remove"]),
            rng.random(),
            rng.choice([0, 1, 2, 5, 20]),
            rng.choice(TOKENS),
        )
        for _ in range(rng.choice([1, 1, 2, 4]))
    ]
    return edited(content, edits)[: None if rng.random() < 0.9 else rng.randrange(len(content))]


def _changed_node(whole, rng):
    """JSON with one node put in place of another, or taken out."""
    holder, key = {"": whole}, ""
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.8:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    if rng.random() < 0.2 and holder is not whole and isinstance(holder, dict) and key:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(rng.choice(NODES))
    return json.dumps(whole).encode()


def tidy(folder):
    """Take away what commands have written."""
    kept = {*TEXT_FILES, "saved", "trend.json"}
    written = [path for path in folder.iterdir() if path.name not in kept]
    written += [path for path in (folder / "saved").iterdir() if path.name not in FILES]
    for path in written:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def attack_command(seed, folder, *, slow_share=0.02):
    """One command line from its seed: which command, and how it ended.

    The folder is one that `furnish` wrote; what the attack damages it repairs.
    """
    rng = random.Random(seed)
    line = list(rng.choice(SLOW if rng.random() < slow_share else QUICK))
    out = f"out{seed}"
    line = [word.replace("{out}", out) for word in line]
    broken, intact = None, b""
    if rng.random() < 0.5:
        read = [name for name in (*TEXT_FILES, *FIT_FILES) if name.split("/")[0] in line]
        if read:
            broken = rng.choice(read)
            intact = (folder / broken).read_bytes()
            (folder / broken).write_bytes(damaged(intact, broken, rng))
    if broken is None or rng.random() < 0.1:
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(1, len(line)) if len(line) > 1 else 0
            is_flag = line[at].startswith("--")
            line[at] = rng.choice(VALUES) if not is_flag or rng.random() < 0.3 else line[at]
            if is_flag and at + 1 < len(line):
                line[at + 1] = rng.choice(VALUES)
    try:
        with working_in(folder):
            result = run(line)
        if result.exit_code == 0 and broken is None:
            _require_whole(folder / out, line)
    finally:
        if broken is not None:
            (folder / broken).write_bytes(intact)
        tidy(folder)
    command = " ".join(line[:2]) if line[0] == "data" else line[0]
    return command if command in KNOWN else "other", {
        0: "answered",
        1: "refused",
        2: "usage",
        3: "check failed",
    }[result.exit_code]


KNOWN = {" ".join(line[:2]) if line[0] == "data" else line[0] for line in (*QUICK, *SLOW)}


def run(line):
    """Run a command line, warnings of other packages being errors, and look at how it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = CliRunner().invoke(main, line)
    _require_words(result, line)
    return result


def _require_words(result, line):
    """An answer or a message, never a traceback; JSON that is JSON; nothing that steers a terminal."""
    assert result.exception is None or isinstance(result.exception, SystemExit), (line, result.exc_info)
    assert result.exit_code in (0, 1, 2, 3), (line, result.output[-300:])
    assert "Traceback" not in result.output, (line, result.output[-500:])
    assert len(result.stderr) < 40_000, (line, result.stderr[:300])
    if result.exit_code == 1:
        assert result.output.strip(), line
    if result.exit_code != 2 and all(map(str.isprintable, line)):  # what the user typed may be repeated
        unseen = [text for text in result.output.splitlines() if not text.isprintable()]
        assert not unseen, (line, unseen[0][:300])
    if "--json" in line and result.exit_code == 0 and line[0] != "--":
        json.loads(result.stdout, parse_constant=_refuse)


def _refuse(name):
    raise AssertionError(f"JSON with {name}")


def _require_whole(out, line):
    """A fit that was written can be read; each score of its file is in it or named among the dropped."""
    if line[0] != "fit" or not out.is_dir():
        return
    import eci

    fit = eci.load_fit(out)
    table = eci.load_scores(out.parent / line[1])
    gone = {kind: {d.name for d in fit.matrix.dropped if d.kind == kind} for kind in ("model", "benchmark")}
    named = table["model"].isin(gone["model"]) | table["benchmark"].isin(gone["benchmark"])
    rows = sum(d.kind == "row" for d in fit.matrix.dropped)
    assert fit.matrix.n_scores + rows + named.sum() == len(table)
    assert fit.matrix.source["path"] == line[1]
