"""Sheets to one long table: facts about models and benchmarks joined to every score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from eci.scores.faults import Fault, Faults
from eci.scores.names import did_you_mean
from eci.scores.readers.tables import Tables
from eci.scores.schema import BENCHMARK_FACTS, DTYPES, MODEL_FACTS, Unit, parse
from eci.scores.sheet import Sheet

Parsed = tuple[Sheet, pd.DataFrame]


def assemble(tables: Tables, unit: Unit, faults: Faults) -> pd.DataFrame:
    """Check every cell, join the facts, and return the long table with all its columns.

    Parameters
    ----------
    tables
        What a reader returned.
    unit
        The declared unit of score, chance and ceiling.
    faults
        Collects faulty cells, contradictions, unknown and repeated names.
    """
    scores = (tables.scores, parse(tables.scores, unit, faults))
    table = scores[1]
    for key, listed, columns in (
        ("model", tables.models, MODEL_FACTS),
        ("benchmark", tables.benchmarks, BENCHMARK_FACTS),
    ):
        parts = [scores]
        if listed is not None:
            parts.insert(0, (listed, parse(listed, unit, faults)))
            _check_listing(parts[0], scores, key, faults)
        for column in columns:
            table[column] = table[key].map(_facts(parts, key, column, faults))
        if listed is not None and "n_items" in parts[0][1]:
            counts = parts[0][1].drop_duplicates(key).set_index(key)["n_items"]
            listed_counts = table[key].map(counts)
            table["n_items"] = table.get("n_items", listed_counts).fillna(listed_counts)
    table = pd.DataFrame({name: _complete(table, name, dtype) for name, dtype in DTYPES.items()})
    _check_range(scores[0], table, faults)
    return table


def _facts(parts: Sequence[Parsed], key: str, column: str, faults: Faults) -> pd.Series:
    """Find the value of a fact for every name; a second, different value is a fault where it stands."""
    stated = [pd.DataFrame({"name": [], "value": [], "part": [], "row": []}, dtype="object")]
    for number, (_, frame) in enumerate(parts):
        if column in frame:
            known = frame[[key, column]].set_axis(["name", "value"], axis=1).drop_duplicates()
            known = known[known["value"].notna() & (known["value"] != "") & (known["name"] != "")]
            stated.append(known.assign(part=number, row=known.index))
    facts = pd.concat(stated[1:] or stated, ignore_index=True).drop_duplicates(["name", "value"])
    first = facts.drop_duplicates("name").set_index("name")
    again = facts[facts.duplicated("name")]
    for name, _, part, row in again[: faults.room].itertuples(index=False):
        earlier = first.loc[name]
        place = parts[earlier["part"]][0].fault(earlier["row"], column, "", "").where
        problem = f"for {name!r} contradicts {_show(earlier['value'])} ({place})"
        faults.add(parts[part][0].fault(row, column, problem, f"Give each {key} one {column}"))
    faults.count += max(0, len(again) - faults.room)
    return first["value"]


def _check_listing(listing: Parsed, scores: Parsed, key: str, faults: Faults) -> None:
    """Each name is listed once, and every name that has a score is listed."""
    sheet, frame = listing
    again = frame[key].duplicated().to_numpy() & (frame[key] != "").to_numpy()
    sheet.report(again, key, "is listed twice", "Keep one row for each name", faults)
    known = set(frame[key])
    used = scores[1][key]
    unknown = ~used.isin(known) & (used != "")
    for name in used[unknown].unique():
        rows = ((used == name) & unknown).to_numpy()
        if not faults.room:
            faults.count += int(rows.sum())
            continue
        hint = did_you_mean(name, known)
        advice = f"{hint} Correct the name, or add the {key} to {sheet.file}".strip()
        scores[0].report(rows, key, f"is not in {sheet.file}", advice, faults)


def _check_range(sheet: Sheet, table: pd.DataFrame, faults: Faults) -> None:
    """Chance lies below the ceiling, whichever rows or files they come from."""
    crossed = table["chance"].fillna(0.0) >= table["ceiling"].fillna(1.0)
    for row in table[crossed].drop_duplicates("benchmark").itertuples():
        faults.add(
            Fault(
                sheet.file,
                int(sheet.lines[int(row.Index)]),
                "chance",
                f"{row.chance:g}",
                f"for {row.benchmark!r} is not below the ceiling {row.ceiling:g}",
                "A benchmark needs room between chance and ceiling",
            )
        )


def _complete(table: pd.DataFrame, column: str, dtype: Any) -> pd.Series:
    """Give a column its type, with the missing value of that type where nothing is known."""
    values = table[column] if column in table else pd.Series(None, index=table.index, dtype=dtype)
    typed: pd.Series = values.astype(dtype)
    return typed.fillna("") if dtype == "str" else typed


def _show(value: object) -> str:
    return str(value.date()) if isinstance(value, pd.Timestamp) else str(value)
