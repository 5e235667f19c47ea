"""The long table: its columns, what each may hold, and the check of every cell."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from eci.errors import EciWarning
from eci.scores.faults import Faults
from eci.scores.names import suggest
from eci.scores.sheet import Header, Sheet

Unit = Literal["fraction", "percent"]
Duplicates = Literal["vendor", "independent", "mean", "max", "all"]

MODEL_FACTS = ("lab", "release_date", "open_weights", "reasoning")
BENCHMARK_FACTS = ("domain", "family", "chance", "ceiling")
DTYPES: dict[str, Any] = {  # of the long table, in its order
    "model": "str",
    "benchmark": "str",
    "score": "float64",
    "conditions": "str",
    "source_kind": "str",
    "source_url": "str",
    "n_items": "float64",
    "lab": "str",
    "release_date": "datetime64[s]",
    "open_weights": "boolean",
    "reasoning": "boolean",
    "domain": "str",
    "family": "str",
    "chance": "float64",
    "ceiling": "float64",
}

SCORES = Header(known=tuple(DTYPES), required=("model", "benchmark", "score"))
MODELS = Header(known=("model", *MODEL_FACTS), required=("model",))
BENCHMARKS = Header(known=("benchmark", *BENCHMARK_FACTS, "n_items"), required=("benchmark",))

SOURCE_KINDS = ("vendor", "independent", "secondary")
_FLAGS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_FULL = {"fraction": 1.0, "percent": 100.0}

Mask = npt.NDArray[np.bool_]


def parse(sheet: Sheet, unit: Unit, faults: Faults) -> pd.DataFrame:
    """Turn the cells of a sheet into typed columns, adding a fault for each that is not what it should be.

    Parameters
    ----------
    sheet
        The table as read.
    unit
        The declared unit of score, chance and ceiling.
    faults
        Collects the faults; a faulty cell comes out missing.

    Returns
    -------
    DataFrame
        The columns of the sheet, row for row: scores as fractions, dates as datetime64, flags as nullable
        booleans, text stripped of surrounding blanks.
    """
    columns = {str(name): _PARSERS[str(name)](sheet, str(name), unit, faults) for name in sheet.cells}
    return pd.DataFrame(columns, index=sheet.cells.index)


def _text(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    return sheet.cells[column].astype("str").str.strip()


def _name(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    raw = sheet.cells[column].astype("str")
    name = raw.str.strip()
    seen = pd.Series(name.unique(), dtype="str")
    unprintable = seen[~seen.map(str.isprintable).astype(bool)]
    sheet.report(_mask(name == ""), column, "is blank", f"Name the {column}, or remove the row", faults)
    sheet.report(
        _mask(name.isin(unprintable)),
        column,
        "holds a line break or another character that cannot be printed",
        "Write the name on one line",
        faults,
    )
    padded = raw[_mask(raw != name)]
    if len(padded):
        place = sheet.fault(int(padded.index[0]), column, "", "").where
        warnings.warn(
            f"{place}, column {column}: removed the blanks around {padded.iloc[0]!r}"
            + (f", and in {len(padded) - 1} more rows." if len(padded) > 1 else "."),
            EciWarning,
            stacklevel=2,
        )
    return name


def _number(sheet: Sheet, column: str, faults: Faults) -> tuple[pd.Series, Mask]:
    """Read a column of numbers; the mask tells the cells that are neither blank nor faulty."""
    cells = sheet.cells[column]
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        number = cells.astype("Float64").astype("float64")
        blank = text = _mask(cells.isna())
    else:
        words = cells.astype("str").str.strip()
        blank = _mask(words == "")
        number = pd.to_numeric(words, errors="coerce").astype("float64")
        text = _mask(number.isna()) & ~blank
        comma = text & _mask(words.str.fullmatch(r"[-+]?\d*,\d+"))
        sign = text & _mask(words.str.fullmatch(r"[-+]?[\d.,]+\s*%"))
        sheet.report(
            comma, column, "has a decimal comma", "Write a point, and no thousands separator", faults
        )
        sheet.report(
            sign, column, "has a percent sign", "Write the bare number and declare --unit percent", faults
        )
        sheet.report(
            text & ~comma & ~sign, column, "is not a number", "Write a number, or leave it out", faults
        )
    infinite = _mask(np.isinf(number))
    sheet.report(infinite, column, "is infinite", "Write a finite number, or leave it out", faults)
    return number, ~blank & _mask(number.notna()) & ~infinite


def _fraction(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    number, ok = _number(sheet, column, faults)
    full = _FULL[unit]
    low, high = _mask(number < 0) & ok, _mask(number > full) & ok
    sheet.report(low, column, "is negative", f"Write a {unit} from 0 to {full:g}", faults)
    if unit == "fraction":
        advice = "Correct it, or, where all are in percent, declare unit='percent' (--unit percent)"
        sheet.report(high, column, "is above 1 in a column of fractions", advice, faults)
    else:
        sheet.report(high, column, "is above 100 percent", "Correct it", faults)
    # Fifteen decimals lose nothing and make 63.3 percent the same double as the fraction 0.633.
    return (number / full).round(15).where(ok & ~low & ~high) + 0.0


def _score(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    cells = sheet.cells[column]
    blank = _mask(cells.isna()) if cells.dtype != "str" else _mask(cells.str.strip() == "")
    advice = "Write the score, or remove the row"
    sheet.report(blank, column, "is missing", advice, faults)
    score = _fraction(sheet, column, unit, faults)
    if unit == "percent" and score.max() <= 0.01:
        warnings.warn(
            f"{sheet.file or 'DataFrame'}: scores were declared as percent, yet none is above 1. "
            "If they are fractions, leave out --unit percent.",
            EciWarning,
            stacklevel=2,
        )
    return score


def _chance(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    chance = _fraction(sheet, column, unit, faults)
    sheet.report(_mask(chance == 1), column, "leaves no room above chance", "Correct it", faults)
    return chance


def _ceiling(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    ceiling = _fraction(sheet, column, unit, faults)
    sheet.report(_mask(ceiling == 0), column, "leaves no room below the ceiling", "Correct it", faults)
    if unit == "percent":
        advice = "The declared unit holds for score, chance and ceiling: write 100, not 1"
        small = _mask(ceiling > 0) & _mask(ceiling <= 0.01)
        sheet.report(small, column, "is a ceiling of at most one percent", advice, faults)
    return ceiling


def _count(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    number, ok = _number(sheet, column, faults)
    bad = ok & (_mask(number < 1) | _mask(number % 1 != 0))
    sheet.report(bad, column, "is not a count", "Write a whole number from 1, or leave it blank", faults)
    return number.where(ok & ~bad)


def _date(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    cells = sheet.cells[column]
    if pd.api.types.is_datetime64_any_dtype(cells):
        days: pd.Series = cells.dt.tz_localize(None).astype("datetime64[s]").dt.normalize()
        return days
    words = cells.astype("str").str.strip().str.removesuffix(" 00:00:00")
    date = pd.to_datetime(words, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
    bad = _mask(words != "") & (_mask(date.isna()) | ~_mask(words.str.fullmatch(r"\d{4}-\d\d-\d\d")))
    advice = "Write a day of the calendar as YYYY-MM-DD, or leave it blank"
    sheet.report(bad, column, "is not a date", advice, faults)
    return date.where(~bad)


def _flag(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    cells = sheet.cells[column]
    if pd.api.types.is_bool_dtype(cells):
        return cells.astype("boolean")
    words = cells.astype("str").str.strip().str.casefold()
    flag = words.map(_FLAGS).astype("boolean")
    bad = _mask(words != "") & _mask(flag.isna())
    sheet.report(bad, column, "is neither true nor false", "Write true, false, or leave it blank", faults)
    return flag


def _source_kind(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    kind = sheet.cells[column].astype("str").str.strip()
    unknown = kind[~kind.isin((*SOURCE_KINDS, ""))].unique()
    for name in unknown[: faults.room]:
        hint = suggest(name, SOURCE_KINDS, 1)
        advice = f"Write {hint[0] if hint else ', '.join(SOURCE_KINDS)}, or leave it blank"
        sheet.report(_mask(kind == name), column, "is not a kind of source", advice, faults)
    return kind


def _mask(values: object) -> Mask:
    return np.asarray(values, dtype=np.bool_)


_PARSERS: dict[str, Callable[[Sheet, str, Unit, Faults], pd.Series]] = {
    "model": _name,
    "benchmark": _name,
    "score": _score,
    "conditions": _text,
    "source_kind": _source_kind,
    "source_url": _text,
    "n_items": _count,
    "lab": _text,
    "release_date": _date,
    "open_weights": _flag,
    "reasoning": _flag,
    "domain": _text,
    "family": _text,
    "chance": _chance,
    "ceiling": _ceiling,
}
