"""Inclusion rules: which published values enter a score matrix, and why the others do not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.scores.names import did_you_mean
from eci.scores.schema import Duplicates

_RANKS: dict[Duplicates, dict[str, int]] = {
    "vendor": {"vendor": 2, "independent": 1},
    "independent": {"independent": 2, "vendor": 1},
}


@dataclass(frozen=True)
class Rules:
    """The inclusion rules of a score matrix, recorded in every result.

    Parameters
    ----------
    duplicates
        Which value stands where a model has several on one benchmark. "vendor": the vendor's if there are
        any, else independent, else secondary ones, within the kind the maximum, because vendors state their
        best configuration; "independent": the same with independent ones first; "mean" or "max" of all;
        "all" keeps every row. A row without a source kind counts as secondary.
    min_benchmarks
        Benchmarks a model needs at least, from 1.
    min_models
        Models a benchmark needs at least, from 1. Both minima are applied in turn until nothing changes.
    since, until
        First and last release date of a model, as a date or ISO text; a model without one is dropped.
    labs, domains
        Labs and domains to keep; empty keeps all.
    exclude_benchmarks
        Benchmarks to leave out.
    with_items
        Keep only rows whose number of items is known, which likelihoods of counts need.

    Raises
    ------
    DataError
        If a value is not one the rule can have.
    """

    duplicates: Duplicates = "vendor"
    min_benchmarks: int = 4
    min_models: int = 4
    since: dt.date | None = None
    until: dt.date | None = None
    labs: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    exclude_benchmarks: tuple[str, ...] = ()
    with_items: bool = False

    def __post_init__(self) -> None:
        """Bring the values into their one form, so that equal rules compare equal and JSON reads back."""
        if self.duplicates not in get_args(Duplicates):
            known = ", ".join(get_args(Duplicates))
            raise DataError(f"duplicates is {self.duplicates!r}. It must be one of {known}.")
        for name in ("min_benchmarks", "min_models"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise DataError(f"{name} is {value!r}. It must be a whole number from 1.")
            object.__setattr__(self, name, int(value))
        if not isinstance(self.with_items, bool):
            raise DataError(f"with_items is {self.with_items!r}. It must be True or False.")
        for name in ("since", "until"):
            object.__setattr__(self, name, _as_date(name, getattr(self, name)))
        for name in ("labs", "domains", "exclude_benchmarks"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise DataError(f"{name} is the text {value!r}. Give a list of names: ({value!r},).")
            object.__setattr__(self, name, tuple(sorted({str(item) for item in value})))
        if self.since and self.until and self.since > self.until:
            raise DataError(f"since {self.since} is later than until {self.until}. Exchange them.")

    def as_dict(self) -> dict[str, Any]:
        """Give the rules as JSON can hold them; `Rules(**rules.as_dict())` equals `rules`."""
        return {
            name: value.isoformat()
            if isinstance(value, dt.date)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }


_FLAGS = {  # the rules that can be loosened, as options of the command line
    "min_benchmarks": "--min-benchmarks",
    "min_models": "--min-models",
    "since": "--since",
    "until": "--until",
    "labs": "--lab",
    "domains": "--domain",
    "exclude_benchmarks": "--exclude-benchmark",
    "with_items": "--with-items",
}

Kind = Literal["model", "benchmark"]
RuleName = Literal[
    "exclude_benchmarks",
    "domains",
    "labs",
    "since",
    "until",
    "with_items",
    "duplicates",
    "min_benchmarks",
    "min_models",
]


@dataclass(frozen=True, order=True)
class Dropped:
    """Something a rule left out.

    Parameters
    ----------
    kind
        What it is: a model or benchmark with all its rows, or one row.
    name
        Name of the model or benchmark; of a row "MODEL on BENCHMARK".
    rule
        The field of `Rules` that did it.
    detail
        Why, in words, with the value seen.
    """

    kind: Literal["model", "benchmark", "row"]
    name: str
    rule: RuleName
    detail: str


class NothingLeftError(DataError):
    """Rules that leave no score; `dropped` holds what each left out, sorted.

    Parameters
    ----------
    n_scores
        Scores before the rules.
    rules
        The rules.
    dropped
        What they left out.
    """

    def __init__(self, n_scores: int, rules: Rules, dropped: Iterable[Dropped]) -> None:
        self.dropped = tuple(sorted(dropped))
        counts = pd.Series([f"{d.rule} dropped a {d.kind}" for d in self.dropped]).value_counts()
        why = "; ".join(f"{text} {n} time{'' if n == 1 else 's'}" for text, n in counts.items())
        chosen = {d.rule for d in self.dropped} & set(_FLAGS)
        loosen = " or ".join(
            f"{name} = {value} ({_FLAGS[name]})" for name, value in rules.as_dict().items() if name in chosen
        )
        super().__init__(
            f"No score is left of {n_scores} after the rules: {why}. Loosen {loosen}, or bring more scores; "
            "`eci check` names what each rule drops."
        )


def apply_rules(table: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, tuple[Dropped, ...]]:
    """Select the rows of a long table that satisfy the rules.

    Parameters
    ----------
    table
        The long table of `load_scores`.
    rules
        What to keep.

    Returns
    -------
    tuple of DataFrame and tuple of Dropped
        The rows kept, sorted by model, benchmark, score and number of items; and what was dropped, sorted.

    Raises
    ------
    DataError
        If a rule names a lab, domain or benchmark that the table does not have.
    NothingLeftError
        If no row is left.
    """
    _require_known("labs", rules.labs, table["lab"])
    _require_known("domains", rules.domains, table["domain"])
    _require_known("exclude_benchmarks", rules.exclude_benchmarks, table["benchmark"])
    dropped: list[Dropped] = []
    kept = _select_benchmarks(table, rules, dropped)
    kept = _select_models(kept, rules, dropped)
    kept = _select_rows(kept, rules, dropped)
    order = ["model", "benchmark", "score", "n_items", "source_kind"]
    kept = kept.sort_values(order, na_position="first", kind="stable")
    kept = _resolve_duplicates(kept, rules, dropped)
    names: dict[Kind, set[str]] = {
        kind: set(table[kind].unique()) - {d.name for d in dropped if d.kind == kind}
        for kind in ("model", "benchmark")
    }
    kept = _apply_minima(kept, names, rules, dropped)
    if kept.empty:
        raise NothingLeftError(len(table), rules, dropped)
    return kept.reset_index(drop=True), tuple(sorted(dropped))


def _select_benchmarks(table: pd.DataFrame, rules: Rules, dropped: list[Dropped]) -> pd.DataFrame:
    excluded = table["benchmark"].isin(rules.exclude_benchmarks)
    outside = ~table["domain"].isin(rules.domains) & ~excluded if rules.domains else excluded & False
    names = table.loc[excluded, "benchmark"].unique()
    dropped += [Dropped("benchmark", name, "exclude_benchmarks", "excluded by name") for name in names]
    domains = table.loc[outside].drop_duplicates("benchmark")[["benchmark", "domain"]]
    for name, domain in domains.itertuples(index=False):
        dropped.append(Dropped("benchmark", name, "domains", f"its domain is {domain or 'unknown'}"))
    return table[~excluded & ~outside]


def _select_models(table: pd.DataFrame, rules: Rules, dropped: list[Dropped]) -> pd.DataFrame:
    facts = table.drop_duplicates("model").set_index("model")
    date, lab = facts["release_date"], facts["lab"]
    refused: dict[str, Dropped] = {}
    if rules.labs:
        for name, its_lab in lab[~lab.isin(rules.labs)].items():
            refused[str(name)] = Dropped("model", str(name), "labs", f"its lab is {its_lab or 'unknown'}")
    if rules.since:
        for name, day in date[~(date >= pd.Timestamp(rules.since))].items():
            refused.setdefault(str(name), Dropped("model", str(name), "since", _released(day)))
    if rules.until:
        for name, day in date[~(date <= pd.Timestamp(rules.until))].items():
            refused.setdefault(str(name), Dropped("model", str(name), "until", _released(day)))
    dropped.extend(refused.values())
    return table[~table["model"].isin(list(refused))]


def _select_rows(table: pd.DataFrame, rules: Rules, dropped: list[Dropped]) -> pd.DataFrame:
    unknown = table["n_items"].isna() & rules.with_items
    for model, benchmark in table.loc[unknown, ["model", "benchmark"]].itertuples(index=False):
        dropped.append(Dropped("row", f"{model} on {benchmark}", "with_items", "its n_items is unknown"))
    return table[~unknown]


def _resolve_duplicates(table: pd.DataFrame, rules: Rules, dropped: list[Dropped]) -> pd.DataFrame:
    """Reduce each pair to one row: the last in the order of rank, score, number of items."""
    if rules.duplicates == "all":
        return table
    pair = ["model", "benchmark"]
    if not table.duplicated(pair).any():
        return table
    rank = table["source_kind"].map(_RANKS.get(rules.duplicates, {})).fillna(0)
    ranked = table.assign(rank=rank).sort_values([*pair, "rank"], kind="stable").drop(columns="rank")
    beaten = ranked.duplicated(pair, keep="last")
    kept = ranked[~beaten].set_index(pair)
    if rules.duplicates == "mean":
        groups = ranked.groupby(pair)
        # Runs over the same items share their sampling error: averaging does not multiply the items.
        kept = kept.assign(score=groups["score"].mean(), n_items=groups["n_items"].min())
    winners = kept[["score", "source_kind"]].add_suffix("_kept")
    lost = ranked.loc[beaten, [*pair, "score", "source_kind"]].join(winners, on=pair)
    for model, benchmark, score, kind, kept_score, kept_kind in lost.itertuples(index=False):
        winner = "the mean" if rules.duplicates == "mean" else kept_kind or "no source kind"
        detail = f"{score:.4g} ({kind or 'no source kind'}) gave way to {kept_score:.4g} ({winner})"
        dropped.append(Dropped("row", f"{model} on {benchmark}", "duplicates", detail))
    return kept.reset_index()


def _apply_minima(
    table: pd.DataFrame, names: dict[Kind, set[str]], rules: Rules, dropped: list[Dropped]
) -> pd.DataFrame:
    """Drop models with too few benchmarks and benchmarks with too few models until neither is left.

    `names` are those not dropped yet; some may have lost all their rows with the other kind.
    """
    minima: tuple[tuple[Kind, Kind, RuleName, int], ...] = (
        ("model", "benchmark", "min_benchmarks", rules.min_benchmarks),
        ("benchmark", "model", "min_models", rules.min_models),
    )
    before = -1
    while len(dropped) != before:
        before = len(dropped)
        for kind, other, rule, least in minima:
            counts = table.groupby(kind)[other].nunique().reindex(sorted(names[kind]), fill_value=0)
            few = counts[counts < least]
            for name, n in few.items():
                detail = f"{n} {other}{'' if n == 1 else 's'} left, {least} needed"
                dropped.append(Dropped(kind, str(name), rule, detail))
            names[kind] -= set(few.index)
            table = table[~table[kind].isin(few.index)]
    return table


def _require_known(rule: str, names: Iterable[str], column: pd.Series) -> None:
    known = set(column.unique()) - {""}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"There are {', '.join(sorted(known)[:12]) or 'none'}."
            raise DataError(f"{rule}: {name!r} is not among the {len(known)} in the data. {hint}")


def _released(day: object) -> str:
    return "it has no release date" if pd.isna(day) else f"it was released on {pd.Timestamp(day).date()}"  # type: ignore


def _as_date(name: str, value: object) -> dt.date | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return dt.date.fromisoformat(value)
        day = pd.Timestamp(value)  # type: ignore[arg-type]
        if pd.isna(day):
            raise ValueError("not a time")
        return day.date()
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} is {value!r}, which is not a date. Write YYYY-MM-DD.") from error
