"""What a long table holds, in numbers."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from eci.errors import EciWarning

PAIR = ["model", "benchmark"]
EARLIEST = dt.date(2010, 1, 1)  # of a model that a benchmark of today was run on
_NAMED = 5


@dataclass(frozen=True)
class Spread:
    """Several published values of one model on one benchmark.

    Parameters
    ----------
    model, benchmark
        The pair.
    n
        Number of values.
    low, high
        The extremes, fraction.
    """

    model: str
    benchmark: str
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Counts, ranges and oddities of a long table, before any rule.

    Parameters
    ----------
    n_models, n_benchmarks, n_scores, n_pairs
        Sizes; a pair is a model and a benchmark with at least one score.
    fill
        Pairs as a fraction of the grid of models and benchmarks.
    first_date, last_date
        Range of the release dates; None where no model has one.
    undated
        Models without a release date.
    labs
        Number of models of each lab; "" is unknown.
    domains
        Number of benchmarks of each domain; "" is unknown.
    source_kinds
        Number of rows of each kind of source; "" is unknown.
    n_with_items
        Rows with a known number of items.
    n_zero, n_one
        Scores of exactly 0 and 1.
    n_below_chance, n_above_ceiling
        Scores outside the known limits of their benchmark.
    n_pairs_several
        Pairs with more than one value.
    spread_median
        Median over those pairs of maximum minus minimum; NaN without such pairs.
    widest
        The five pairs that spread most.
    look_alikes
        Groups of names that differ only in case, blanks, punctuation or the order of words; they count as
        different.
    """

    n_models: int
    n_benchmarks: int
    n_scores: int
    n_pairs: int
    fill: float
    first_date: dt.date | None
    last_date: dt.date | None
    undated: tuple[str, ...]
    labs: dict[str, int]
    domains: dict[str, int]
    source_kinds: dict[str, int]
    n_with_items: int
    n_zero: int
    n_one: int
    n_below_chance: int
    n_above_ceiling: int
    n_pairs_several: int
    spread_median: float | None
    widest: tuple[Spread, ...]
    look_alikes: tuple[tuple[str, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Give the summary as JSON can hold it."""
        dates = {name: getattr(self, name) for name in ("first_date", "last_date")}
        return {**asdict(self), **{name: day and day.isoformat() for name, day in dates.items()}}


def summarise(table: pd.DataFrame) -> Summary:
    """Count what a long table holds.

    Parameters
    ----------
    table
        The result of `load_scores`.
    """
    models = table.drop_duplicates("model").set_index("model")
    benchmarks = table.drop_duplicates("benchmark").set_index("benchmark")
    dates = models["release_date"].dropna()
    groups = table.groupby(PAIR)["score"].agg(["size", "min", "max"])
    several = groups[groups["size"] > 1]
    spread = (several["max"] - several["min"]).sort_values(ascending=False, kind="stable")
    return Summary(
        n_models=len(models),
        n_benchmarks=len(benchmarks),
        n_scores=len(table),
        n_pairs=len(groups),
        fill=len(groups) / (len(models) * len(benchmarks)),
        first_date=dates.min().date() if len(dates) else None,
        last_date=dates.max().date() if len(dates) else None,
        undated=tuple(sorted(models.index[models["release_date"].isna()])),
        labs=_counts(models["lab"]),
        domains=_counts(benchmarks["domain"]),
        source_kinds=_counts(table["source_kind"]),
        n_with_items=int(table["n_items"].notna().sum()),
        n_zero=int((table["score"] == 0).sum()),
        n_one=int((table["score"] == 1).sum()),
        n_below_chance=int((table["score"] < table["chance"]).sum()),
        n_above_ceiling=int((table["score"] > table["ceiling"]).sum()),
        n_pairs_several=len(several),
        spread_median=float(np.median(spread)) if len(spread) else None,
        widest=tuple(
            Spread(model, benchmark, int(n), low, high)
            for (model, benchmark), n, low, high in several.loc[spread.index[:5]].itertuples()
        ),
        look_alikes=(*_look_alikes(models.index), *_look_alikes(benchmarks.index)),
    )


def warn_of_dates(table: pd.DataFrame, today: dt.date) -> None:
    """Warn of release dates that look like slips: before 2010, or after today.

    Parameters
    ----------
    table
        The result of `load_scores`.
    today
        The last day that is no slip.

    Warns
    -----
    EciWarning
        If a model has such a date; they are named, earliest first.
    """
    dates = table.drop_duplicates("model").set_index("model")["release_date"].dropna().sort_values()
    odd = dates[(dates < pd.Timestamp(EARLIEST)) | (dates > pd.Timestamp(today))]
    if odd.empty:
        return
    named = ", ".join(f"{model} {day.date()}" for model, day in odd[:_NAMED].items())
    more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
    counted = "1 release date is" if len(odd) == 1 else f"{len(odd)} release dates are"
    warnings.warn(
        f"{counted} before {EARLIEST.year} or after today, {today}: {named}{more}. Correct the column "
        "release_date if they are slips: one of them moves a trend.",
        EciWarning,
        stacklevel=2,
    )


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(name): int(n) for name, n in column.value_counts().items()}


def _look_alikes(names: pd.Index) -> tuple[tuple[str, ...], ...]:
    groups: dict[tuple[str, ...], None] = {}
    for fold in (_without_blanks, _without_order):
        spelled: dict[str, list[str]] = {}
        for name in sorted(names):
            spelled.setdefault(fold(unicodedata.normalize("NFKC", name).casefold()), []).append(name)
        groups.update({tuple(group): None for group in spelled.values() if len(group) > 1})
    return tuple(one for one in groups if not any(set(one) < set(other) for other in groups))


def _without_blanks(name: str) -> str:
    return "".join(c for c in name if c.isalnum() or c in "+.") or name


def _without_order(name: str) -> str:
    """Sort the words and keep the numbers in their order: 05-06 and 06-05 are two days."""
    parts = re.findall(r"[^\W_]+(?:[.+]+[^\W_]+)*[.+]*", name)
    words = sorted(part for part in parts if not part[0].isdigit())
    numbers = [part for part in parts if part[0].isdigit()]
    return " ".join([*words, "|", *numbers]) if parts else name
