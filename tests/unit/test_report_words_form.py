"""One form for percents and counts in everything that is printed."""

import ast
import re
from pathlib import Path

import pytest

from eci.report.text import count, write_number

SOURCES = sorted((Path(__file__).parents[2] / "eci").rglob("*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def printed(path):
    """Strings of a file that are no docstrings, with 0 where a value is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    holders = [node for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    docs = {id(node.body[0].value) for node in holders if isinstance(node.body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_percents_are_written_without_a_space():
    assert len(SOURCES) > 150
    spaced = [(path.name, text) for path in SOURCES for text in printed(path) if re.search(r"\d %", text)]
    assert spaced == []


def test_one_is_not_several():
    assert [count(n, "model") for n in (0, 1, 2)] == ["0 models", "1 model", "2 models"]


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (999_999.0, ".1f", "999999.0"),
        (4.85559e67, ".1f", "4.86e+67"),
        (-2e6, "+.3f", "-2.00e+06"),
        (3e6, "+.3f", "+3.00e+06"),
        (4_000_000, "d", "4000000"),
    ],
)
def test_numbers_without_meaning_in_their_digits_are_short(value, spec, text):
    assert write_number(value, spec) == text
