"""Names that two indices write differently."""

from __future__ import annotations

from collections.abc import Iterable

_IGNORED = str.maketrans("", "", " -_\u00a0\u2010\u2011\u2013")
_SHOWN = 3


def tell_lookalikes(first: Iterable[str], second: Iterable[str]) -> str:
    """Name pairs that differ only in capitals, blanks or hyphens, in a sentence; empty where there are none.

    They are never taken for the same: a link that merged them would rest on a guess.

    Parameters
    ----------
    first, second
        Names of the two sides.
    """
    here, there = set(first), set(second)
    plain = {name.casefold().translate(_IGNORED): name for name in sorted(there - here)}
    pairs = [
        (name, plain[key])
        for name in sorted(here - there)
        if (key := name.casefold().translate(_IGNORED)) in plain
    ]
    if not pairs:
        return ""
    shown = ", ".join(f"{one!r} and {other!r}" for one, other in pairs[:_SHOWN])
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    names = "name differs" if len(pairs) == 1 else "names differ"
    return f"{len(pairs)} {names} only in capitals, blanks or hyphens: {shown}{more}."
