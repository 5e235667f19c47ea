"""Names people meant: suggestions for a name nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 120  # the comparison is quadratic in the length, and no name that can be meant is longer


def find_invisible(text: str) -> str:
    """Name the first character of a text that nobody sees or that steers a terminal, as U+202E; else "".

    Parameters
    ----------
    text
        A name.
    """
    if text.isprintable():
        return ""
    return next(f"U+{ord(character):04X}" for character in text if not character.isprintable())


def suggest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Find the known names closest to a name, best first, whatever their case.

    Parameters
    ----------
    name
        The name that was given.
    known
        The names that exist.
    n
        How many to return at most.

    Returns
    -------
    list of str
        Known names in their own spelling; empty where none is close.

    Notes
    -----
    Ratcliff and Metzener (1988), "Pattern matching: the gestalt approach", as `difflib` has it.
    """
    spelled = {_fold(candidate): candidate for candidate in sorted(known, reverse=True)}
    return [spelled[match] for match in get_close_matches(_fold(name), spelled, n=n, cutoff=0.6)]


def did_you_mean(name: str, known: Iterable[str], n: int = 3) -> str:
    """Word the suggestions for a name as a question; empty where there are none.

    Parameters
    ----------
    name
        The name that was given.
    known
        The names that exist.
    n
        How many to offer at most.
    """
    found = [repr(match) for match in suggest(name, known, n)]
    if not found:
        return ""
    return f"Did you mean {found[0] if len(found) == 1 else ', '.join(found[:-1]) + ' or ' + found[-1]}?"


class Hints:
    """Suggestions for many unknown names: asked once per name, and for the first twenty names only.

    Parameters
    ----------
    known
        The names that exist.
    """

    _MOST = 20  # nobody reads more, and comparing thousands of names with thousands takes minutes

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted(known)
        self._found: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """Word the suggestions for a name; empty where there are none."""
        if name not in self._found:
            wanted = len(self._found) < self._MOST
            self._found[name] = did_you_mean(name, self._known) if wanted else ""
        return self._found[name]


def _fold(name: str) -> str:
    return name[:_LONGEST].casefold()
