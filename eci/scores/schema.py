"""The long table: its columns, what each may hold, and the check of every cell."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from eci.errors import EciWarning
from eci.scores.faults import Fault, Faults
from eci.scores.names import find_invisible
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

SCORES = Header(known=(*DTYPES, "standard_error"), required=("model", "benchmark", "score"))
MODELS = Header(known=("model", *MODEL_FACTS), required=("model",))
BENCHMARKS = Header(known=("benchmark", *BENCHMARK_FACTS, "n_items"), required=("benchmark",))

MOST_ITEMS = 1_000_000_000  # a slip of the pen above it, and likelihoods of counts overflow far above it
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


def _words(sheet: Sheet, column: str) -> pd.Series:
    return sheet.cells[column].astype("str").fillna("").str.strip()


def _text(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    return _words(sheet, column)


def _label(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    """Read names by which rows are grouped: blanks around them go, characters nobody sees are faults."""
    raw = sheet.cells[column].astype("str").fillna("")
    label = raw.str.strip()
    seen = pd.Series(label.unique(), dtype="str")
    odd = label.isin(seen[_mask([find_invisible(name) != "" for name in seen])])

    def word(row: int) -> Fault:
        problem = f"holds the invisible character {find_invisible(label.iloc[row])}"
        advice = "Write the name on one line, with plain blanks: names that look equal must be equal"
        return sheet.fault(row, column, problem, advice)

    faults.add_rows(np.flatnonzero(odd), word)
    padded = np.flatnonzero((raw != label) & (label != ""))
    if len(padded):
        first = sheet.fault(int(padded[0]), column, "", "")
        more = f", and in {len(padded) - 1} more rows" if len(padded) > 1 else ""
        message = f"{first.where}, column {column}: removed the blanks around {first.value!r}{more}."
        warnings.warn(message, EciWarning, stacklevel=2)
    return label


def _name(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    name = _label(sheet, column, unit, faults)
    sheet.report(_mask(name == ""), column, "is blank", f"Name the {column}, or remove the row", faults)
    return name


def _number(sheet: Sheet, column: str, faults: Faults) -> pd.Series:
    """Read numbers, missing where the cell is blank or faulty."""
    cells = sheet.cells[column]
    if is_numeric_dtype(cells) and not is_bool_dtype(cells):
        number = cells.astype("Float64").astype("float64")
    else:
        words = _words(sheet, column)
        number = pd.to_numeric(words, errors="coerce").astype("float64")
        rows = np.flatnonzero(_mask(number.isna()) & _mask(words != ""))
        faults.add_rows(rows, lambda row: sheet.fault(row, column, *_explain(words.iloc[row])))
    infinite = _mask(np.isinf(number))
    sheet.report(infinite, column, "is infinite", "Write a finite number", faults)
    return number.mask(infinite)


def _explain(word: str) -> tuple[str, str]:
    """Say what keeps a text from being a number, and what to do."""
    if re.fullmatch(r"[-+]?\d*,\d+", word):
        return "has a decimal comma", "Write a decimal point and no thousands separator"
    if word.endswith("%"):
        return "has a percent sign", "Write bare numbers; declare unit='percent' (--unit percent) if all are"
    return "is not a number", "Write a number, or remove it"


def _fraction(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    number = _number(sheet, column, faults)
    full = _FULL[unit]
    low, high = _mask(number < 0), _mask(number > full)
    sheet.report(low, column, "is negative", f"Write a {unit} from 0 to {full:g}", faults)
    if unit == "fraction":
        advice = "Correct it, or, where all are in percent, declare unit='percent' (--unit percent)"
        sheet.report(high, column, "is above 1 in a column of fractions", advice, faults)
    else:
        sheet.report(high, column, "is above 100 percent", "Correct it", faults)
        _doubt_percent(sheet, column, number)
    # Fifteen decimals lose nothing and make 63.3 percent the same double as the fraction 0.633.
    return (number.mask(low | high) / full).round(15) + 0.0


def _doubt_percent(sheet: Sheet, column: str, number: pd.Series) -> None:
    """Warn where percentages look like fractions: a best score of one percent is rare."""
    if 0 < number.max() <= 1:
        warnings.warn(
            f"{sheet.file or 'DataFrame'}, column {column}: declared as percent, yet no value is above "
            f"{number.max():g}. The unit holds for score, chance and ceiling; leave out --unit percent if "
            "they are fractions.",
            EciWarning,
            stacklevel=2,
        )


def _score(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    cells = sheet.cells[column]
    blank = cells.isna() if is_numeric_dtype(cells) else cells.isna() | (_words(sheet, column) == "")
    sheet.report(_mask(blank), column, "is missing", "Write the score, or remove the row", faults)
    return _fraction(sheet, column, unit, faults)


def _count(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    number = _number(sheet, column, faults)
    bad = _mask(number < 1) | _mask(number % 1 > 0)
    huge = _mask(number > MOST_ITEMS) & ~bad
    sheet.report(bad, column, "is not a count", "Write a whole number from 1, or leave it blank", faults)
    advice = f"Write a whole number from 1 to {MOST_ITEMS:,}, or leave it blank"
    sheet.report(huge, column, "is more items than a benchmark can have", advice, faults)
    return number.mask(bad | huge)


def _date(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    cells = sheet.cells[column]
    if is_datetime64_any_dtype(cells):
        days: pd.Series = cells.dt.tz_localize(None).astype("datetime64[s]").dt.normalize()
        return days
    words = _words(sheet, column).str.removesuffix(" 00:00:00")
    date = pd.to_datetime(words, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
    bad = _mask(words != "") & (
        _mask(date.isna()) | ~_mask(words.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"))
    )
    advice = "Write a day of the calendar as YYYY-MM-DD, or leave it blank"
    sheet.report(bad, column, "is not a date", advice, faults)
    return date.mask(bad)


def _flag(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    cells = sheet.cells[column]
    if is_bool_dtype(cells):
        return cells.astype("boolean")
    words = _words(sheet, column).str.casefold()
    flag = words.map(_FLAGS).astype("boolean")
    bad = _mask(words != "") & _mask(flag.isna())
    sheet.report(bad, column, "is neither true nor false", "Write true, false, or leave it blank", faults)
    return flag


def _source_kind(sheet: Sheet, column: str, unit: Unit, faults: Faults) -> pd.Series:
    kind = _words(sheet, column)
    advice = f"Write {', '.join(SOURCE_KINDS)}, or leave it blank"
    unknown = ~_mask(kind.isin((*SOURCE_KINDS, "")))
    sheet.report(unknown, column, "is not a kind of source", advice, faults)
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
    "standard_error": _fraction,
    "lab": _label,
    "release_date": _date,
    "open_weights": _flag,
    "reasoning": _flag,
    "domain": _label,
    "family": _label,
    "chance": _fraction,
    "ceiling": _fraction,
}
