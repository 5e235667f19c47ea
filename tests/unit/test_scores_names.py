"""Suggestions for names nobody knows."""

import pytest

from eci.scores.names import Hints, did_you_mean, suggest

KNOWN = ["Claude 3.5 Sonnet", "Claude 3 Opus", "GPT-4o", "GPT-4", "o1"]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("claude 3.5 sonet", "Claude 3.5 Sonnet"),
        ("GPT4o", "GPT-4o"),
        ("O1", "o1"),
        ("Claude Opus 3", "Claude 3 Opus"),
    ],
)
def test_suggests_the_name_that_was_meant(name, first):
    assert suggest(name, KNOWN)[0] == first


def test_suggests_nothing_for_a_stranger():
    assert suggest("zzzz", KNOWN) == []
    assert did_you_mean("zzzz", KNOWN) == ""
    assert suggest("", []) == []


def test_order_of_the_known_names_does_not_matter():
    assert suggest("gpt", ["GPT", "Gpt"], 1) == suggest("gpt", ["Gpt", "GPT"], 1)


def test_words():
    assert did_you_mean("GPT4", KNOWN, 1) == "Did you mean 'GPT-4'?"
    assert did_you_mean("GPT-4x", KNOWN, 2) == "Did you mean 'GPT-4' or 'GPT-4o'?"


def test_long_names_do_not_hang():
    suggest("a" * 1_000_000, ["b" * 1_000_000, "a" * 1_000_000])


def test_hints_stop_after_twenty_names():
    hints = Hints(["name"])
    asked = [hints[f"nam{i}"] for i in range(25)]
    assert [bool(hint) for hint in asked] == [True] * 20 + [False] * 5
    assert hints["nam0"] == asked[0]
