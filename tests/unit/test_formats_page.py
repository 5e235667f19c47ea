"""docs/formats.md is read: every example gives the rows printed below it."""

import re
from pathlib import Path

import pandas as pd
import pytest

from eci.scores import load_scores
from eci.scores.readers import READERS

PAGE = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## )", PAGE, re.DOTALL | re.MULTILINE))
EXAMPLE = re.compile(r"```(csv|json)\n(.*?)```\n+```text\n(.*?)```", re.DOTALL)


def test_every_format_has_its_section():
    assert set(READERS) <= set(SECTIONS)


@pytest.mark.parametrize(
    ("name", "ending", "text", "expected"),
    [(name, *example) for name in SECTIONS for example in EXAMPLE.findall(SECTIONS[name])],
)
def test_example(tmp_path, name, ending, text, expected):
    path = tmp_path / f"example.{ending}"
    path.write_text(text, encoding="utf-8")
    table = load_scores(path, format=name)
    shown = table[expected.partition("\n")[0].split(",")].convert_dtypes()
    assert shown.to_csv(index=False, float_format="%.6g", lineterminator="\n") == expected


def test_the_alias_table_is_read(tmp_path):
    (text,) = re.findall(r"```csv\n(alias.*?)```", PAGE, re.DOTALL)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    frame = pd.DataFrame({"model": ["GPT 5"], "benchmark": ["GPQA-Diamond"], "score": [0.5]})
    table = load_scores(frame, aliases=tmp_path / "a.csv")
    assert table[["model", "benchmark"]].to_numpy().tolist() == [["GPT-5", "GPQA Diamond"]]
