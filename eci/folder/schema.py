"""What fit.json of a saved fit must hold: a folder may come from a stranger, or half from an editor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from eci.scores.names import find_invisible

METHODS = ("nuts", "laplace", "map", "quadrature", "bootstrap", "least_squares")
LIKELIHOODS = ("normal", "student_t", "logit_normal", "beta", "binomial", "beta_binomial")


def require_facts(facts: Mapping[str, Any]) -> None:
    """Refuse facts of a fit that lack one, hold another kind of value, or text that nobody sees.

    Parameters
    ----------
    facts
        The content of fit.json, of a version that is read.

    Raises
    ------
    ValueError
        Says what is wrong.
    """
    missing = [key for key in _IS_SOUND if key not in facts]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for key, is_sound in _IS_SOUND.items():
        if not is_sound(facts[key]):
            raise ValueError(f"its {key} cannot be {str(facts[key])[:80]!r}")
    if facts["preview"] != (facts["method"]["name"] != "nuts"):
        raise ValueError(
            f"its preview cannot be {facts['preview']} with the method {facts['method']['name']}"
        )
    for key in ("source", "sha256"):  # not in the first fits of this version
        if not isinstance(facts.get(key, {}), dict):
            raise ValueError(f"its {key} cannot be {str(facts[key])[:80]!r}")
    require_visible(facts)


def require_visible(value: Any) -> None:
    """Refuse text that could steer a terminal, in whatever lists and mappings.

    Raises
    ------
    ValueError
        Names the text and the character.
    """
    if isinstance(value, str) and (code := find_invisible(value)):
        raise ValueError(f"{value[:80]!r} holds the invisible character {code}")
    if isinstance(value, Mapping):
        require_visible([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for item in value:
            require_visible(item)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) < 1e300 and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_prob(value: Any) -> bool:
    return _is_number(value) and 0 < value < 1


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _maps_to(is_sound: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(is_sound, value.values()))


def _is_method(value: Any) -> bool:
    return isinstance(value, dict) and value.get("name") in METHODS


def _is_scale(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_text(value.get("label")):
        return False
    return _maps_to(_is_number)(value.get("anchors")) and len(value["anchors"]) in (0, 2)


def _is_check(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "value", "limit", "ok", "worst", "advice"}
        and all(map(_is_text, (value["name"], value["worst"], value["advice"])))
        and (value["value"] is None or _is_number(value["value"]))
        and _is_number(value["limit"])
        and isinstance(value["ok"], bool)
    )


def _is_dropped(value: Any) -> bool:
    is_whole = isinstance(value, dict) and value.keys() == {"kind", "name", "rule", "detail"}
    return is_whole and all(map(_is_text, value.values()))


def _lists(is_sound: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_sound, value))


_IS_SOUND: dict[str, Callable[[Any], bool]] = {
    "data_digest": _is_text,
    "rules": _is_mapping,  # Rules looks at each of them
    "dropped": _lists(_is_dropped),
    "likelihood": lambda value: value in LIKELIHOODS,
    "priors": _maps_to(_is_number),
    "method": _is_method,
    "preview": lambda value: isinstance(value, bool),
    "seed": _is_count,
    "scale": _is_scale,
    "interval_prob": _is_prob,
    "n_chains": _is_count,
    "versions": _maps_to(_is_text),
    "device": _is_text,
    "seconds": _maps_to(_is_number),
    "diagnostics": _lists(_is_check),
}
