"""Sheets to one long table: facts about models and benchmarks joined to every score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from eci.scores.aliases import Aliases, Kind
from eci.scores.faults import Fault, Faults, bare
from eci.scores.names import Hints
from eci.scores.readers.tables import Tables
from eci.scores.schema import BENCHMARK_FACTS, DTYPES, MODEL_FACTS, MOST_ITEMS, Unit, parse
from eci.scores.sheet import Sheet

Parsed = tuple[Sheet, pd.DataFrame]

_NOTHING = pd.DataFrame({"value": pd.Series([], dtype="object")}, index=pd.Index([], dtype="str"))


def assemble(tables: Tables, unit: Unit, faults: Faults, aliases: Aliases) -> pd.DataFrame:
    """Check every cell, join the facts, and return the long table with all its columns.

    Parameters
    ----------
    tables
        What a reader returned.
    unit
        The declared unit of score, chance and ceiling.
    faults
        Collects faulty cells, contradictions, unknown and repeated names.
    aliases
        Other spellings of names, replaced before facts are joined.
    """
    scores = (tables.scores, parse(tables.scores, unit, faults))
    table = scores[1]
    facts: dict[str, pd.DataFrame] = {}
    keys: tuple[tuple[Kind, Sheet | None, Sequence[str]], ...] = (
        ("model", tables.models, MODEL_FACTS),
        ("benchmark", tables.benchmarks, BENCHMARK_FACTS),
    )
    for key, listed, columns in keys:
        parts = [scores]
        if listed is not None:
            parts.insert(0, (listed, parse(listed, unit, faults)))
            _check_listing(parts[0], scores, key, faults)
        aliases.warn_unused(table[key].unique(), key)
        for _, frame in parts:
            frame[key] = aliases.rename(frame[key], key)
        for column in columns:
            if not any(column in frame for _, frame in parts):
                facts[column] = _NOTHING
                continue
            facts[column] = _facts(parts, key, column, faults)
            if facts[column].empty and column in table:
                continue  # blank throughout
            table[column] = facts[column]["value"].reindex(table[key]).set_axis(table.index)
        if listed is not None and "n_items" in parts[0][1]:
            counts = parts[0][1].drop_duplicates(key).set_index(key)["n_items"]
            listed_counts = table[key].map(counts)
            table["n_items"] = table.get("n_items", listed_counts).fillna(listed_counts)
    if "standard_error" in table:
        effective = _effective_items(table["score"], table["standard_error"])
        table["n_items"] = effective.fillna(table["n_items"]) if "n_items" in table else effective
    _check_limits(facts["chance"], facts["ceiling"], faults)
    return pd.DataFrame({name: _complete(table, name) for name in DTYPES})


def _effective_items(score: pd.Series, error: pd.Series) -> pd.Series:
    """Number of right-or-wrong items whose score would have this standard error, sqrt(p (1 - p) / n).

    It is the sampling error that counts: answers in clusters make fewer items of many, partial credit and
    repeated runs make more. Unknown for a score of 0 or 1 and for an error of 0, which say nothing of n. An
    error that asks for more items than a benchmark can have counts as that many.
    """
    known = (score > 0) & (score < 1) & (error > 0)
    n = (score * (1 - score) / error.where(known) ** 2).round().clip(lower=1, upper=MOST_ITEMS)
    return n.astype("float64")


def _facts(parts: Sequence[Parsed], key: str, column: str, faults: Faults) -> pd.DataFrame:
    """Find for every name the value of a fact, with the file and line that state it first.

    A second, different value is a fault where it stands.
    """
    stated = [pd.DataFrame({"name": [], "value": []}, dtype="object")]
    for sheet, frame in parts:
        if column in frame:
            known = frame[[key, column]].set_axis(["name", "value"], axis=1)
            known = known[known["value"].notna() & (known["value"] != "")]
            known = known[known["name"] != ""].drop_duplicates()
            seen = sheet.cells[column].loc[known.index].astype("str")
            files = [sheet.file_of(row) for row in known.index]
            known = known.assign(file=files, line=sheet.lines[known.index], counted=sheet.counted)
            stated.append(known.assign(seen=seen))
    facts = pd.concat(stated[1:] or stated, ignore_index=True).drop_duplicates(["name", "value"])
    first = facts.drop_duplicates("name").set_index("name")
    again = facts[facts.duplicated("name")]

    def word(at: int) -> Fault:
        other = again.iloc[at]
        earlier = first.loc[other["name"]]
        place = _at(earlier, column, "", "")
        problem = f"for {other['name']!r} contradicts {bare(place.value)} ({place.where})"
        return _at(other, column, problem, f"Give each {key} one {column}")

    faults.add_rows(np.arange(len(again)), word)
    return first


def _at(fact: pd.Series, column: str, problem: str, advice: str) -> Fault:
    place = fact["file"], int(fact["line"]), column
    return Fault(*place, fact["seen"], problem, advice, fact["counted"])


def _check_limits(chance: pd.DataFrame, ceiling: pd.DataFrame, faults: Faults) -> None:
    """Chance lies below the ceiling, whichever rows or files they come from."""
    names = chance.index.union(ceiling.index)
    low = chance["value"].reindex(names).astype("float64").fillna(0.0)
    high = ceiling["value"].reindex(names).astype("float64").fillna(1.0)
    crossed = names[low >= high]

    def word(at: int) -> Fault:
        name = crossed[at]
        column, stated = ("ceiling", ceiling) if name in ceiling.index else ("chance", chance)
        problem = f"leaves {name!r} no room between chance {low[name]:g} and ceiling {high[name]:g}"
        return _at(stated.loc[name], column, problem, "Correct it: chance must lie below the ceiling")

    faults.add_rows(np.arange(len(crossed)), word)


def _check_listing(listing: Parsed, scores: Parsed, key: str, faults: Faults) -> None:
    """Each name is listed once, and every name that has a score is listed."""
    (list_sheet, listed), (score_sheet, scored) = listing, scores
    again = listed[key].duplicated().to_numpy() & (listed[key] != "").to_numpy()
    list_sheet.report(again, key, "is listed twice", "Keep one row for each name", faults)
    known = set(listed[key]) - {""}
    hints = Hints(known)

    def word(row: int) -> Fault:
        hint = hints[str(scored[key].iloc[row])]
        advice = f"{hint} Correct the name, or add the {key} to {list_sheet.file}".strip()
        return score_sheet.fault(row, key, f"is not in {list_sheet.file}", advice)

    unknown = ~scored[key].isin(known) & (scored[key] != "")
    faults.add_rows(np.flatnonzero(unknown), word)


def _complete(table: pd.DataFrame, column: str) -> pd.Series:
    """Give a column its type, with the missing value of that type where nothing is known."""
    dtype = DTYPES[column]
    values = table[column] if column in table else pd.Series(None, index=table.index, dtype=dtype)
    typed: pd.Series = values.astype(dtype)
    return typed.fillna("") if dtype == "str" else typed
