"""`eci check`: look at data before a fit."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.options import data_options, rule_options
from eci.errors import EXIT_BAD_INPUT, EciError

if TYPE_CHECKING:
    from rich.console import Console

    from eci.scores import Dropped, FaultyTableError, Rules, ScoreMatrix, Summary

_SHOWN = 12
_SCHEMA = "eci-check/1"


@click.command()
@data_options
@rule_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every name instead of tables.")
def check(source: Path | None, reading: dict[str, Any], rules: dict[str, Any], as_json: bool) -> None:
    """Say what is in DATA, what the rules would drop, and where the faults are.

    DATA is a table of scores in any of the formats of docs/formats.md, at its simplest a CSV with the columns
    model, benchmark and score; left out, the data that come with the package. Exit code 0 if `eci fit` can
    use the data with these rules, 1 if there are faults or the scores do not connect.
    """
    from eci.scores import (
        FaultyTableError,
        NothingLeftError,
        Rules,
        ScoreMatrix,
        bundled_data,
        load_scores,
        summarise,
    )
    from eci.scores.content import warn_if_equal
    from eci.scores.summary import warn_of_dates

    chosen = Rules(**rules)
    name = str(source or bundled_data())
    try:
        table = load_scores(source, **reading)
    except FaultyTableError as faulty:
        _print_faults(faulty, name, as_json)
        raise click.exceptions.Exit(EXIT_BAD_INPUT) from faulty
    summary = summarise(table)
    warn_of_dates(table, dt.date.today())
    matrix, refusal = None, None
    try:
        matrix = ScoreMatrix.from_table(table, **rules)
        warn_if_equal(matrix)
    except EciError as error:
        refusal = error
    dropped = matrix.dropped if matrix else refusal.dropped if isinstance(refusal, NothingLeftError) else None
    if as_json:
        _print_json(
            name=name,
            reading=reading,
            rules=chosen,
            summary=summary,
            matrix=matrix,
            dropped=dropped,
            refusal=refusal,
        )
    else:
        console = _console()
        _print_summary(console, name, summary)
        if matrix is not None:
            _print_matrix(console, matrix)
        if dropped is not None:
            _print_dropped(console, dropped)
    if refusal is not None:
        raise refusal


def _print_json(
    *,
    name: str,
    reading: dict[str, Any],
    rules: Rules,
    summary: Summary,
    matrix: ScoreMatrix | None,
    dropped: Sequence[Dropped] | None,
    refusal: EciError | None,
) -> None:
    kept = matrix and {
        "n_models": matrix.n_models,
        "n_benchmarks": matrix.n_benchmarks,
        "n_scores": matrix.n_scores,
        "digest": matrix.digest,
    }
    result = {
        "schema": _SCHEMA,
        "source": name,
        "unit": reading["unit"],
        "format": reading["format"],
        "aliases": reading["aliases"] and str(reading["aliases"]),
        "data": summary.as_dict(),
        "rules": rules.as_dict(),
        "kept": kept,
        "dropped": None if dropped is None else [asdict(item) for item in dropped],
        "refused": refusal and str(refusal),
        "n_faults": 0,
        "faults": [],
    }
    click.echo(json.dumps(result, indent=1, ensure_ascii=False))


def _print_faults(faulty: FaultyTableError, name: str, as_json: bool) -> None:
    if as_json:
        faults = [asdict(fault) for fault in faulty.faults]
        result = {"schema": _SCHEMA, "source": name, "n_faults": faulty.n_faults, "faults": faults}
        click.echo(json.dumps(result, indent=1))  # ASCII: values of faulty cells may hold anything
        return
    console = _console()
    console.print(f"{faulty.n_faults} fault{'' if faulty.n_faults == 1 else 's'} in {name}", style="bold red")
    for fault in faulty.faults:
        console.print(f"  {fault}")
    if faulty.n_faults > len(faulty.faults):
        console.print(f"  … and {faulty.n_faults - len(faulty.faults)} more of the kind.")


def _print_summary(console: Console, name: str, summary: Summary) -> None:
    from eci.report.text import count

    console.print(name, style="bold")
    dates = f"{summary.first_date} to {summary.last_date}" if summary.first_date else "none"
    if summary.undated:
        dates += f"; {count(len(summary.undated), 'model')} without: {_list(summary.undated)}"
    spread = "none"
    if summary.spread_median is not None:
        spread = f"{summary.n_pairs_several} of the pairs, median spread {summary.spread_median:.3f}"
    _print_rows(
        console,
        [
            ("models", str(summary.n_models)),
            ("benchmarks", str(summary.n_benchmarks)),
            ("scores", f"{summary.n_scores}, {summary.n_with_items} with a number of items"),
            ("pairs", f"{summary.n_pairs}, {100 * summary.fill:.1f}% of the grid"),
            ("release dates", dates),
            ("labs", _tally(summary.labs)),
            ("domains", _tally(summary.domains)),
            ("source kinds", _tally(summary.source_kinds)),
            ("several values", spread),
            ("exactly 0 or 1", f"{summary.n_zero} and {summary.n_one}"),
            ("below chance", str(summary.n_below_chance)),
            ("above ceiling", str(summary.n_above_ceiling)),
        ],
    )
    if summary.widest:
        console.print("\nWidest spread within a pair", style="bold")
        _print_rows(
            console,
            [
                (f"{s.model} on {s.benchmark}", f"{s.low:.3f} to {s.high:.3f}, n = {s.n}")
                for s in summary.widest
            ],
        )
    if summary.look_alikes:
        console.print(
            "\nNames that differ only in case, blanks, punctuation or order; --aliases can merge them",
            style="bold",
        )
        for group in summary.look_alikes:
            console.print("  " + " | ".join(group))


def _print_matrix(console: Console, matrix: ScoreMatrix) -> None:
    console.print("\nAfter the rules", style="bold")
    rules = {name: value for name, value in matrix.rules.as_dict().items() if value not in (None, [])}
    _print_rows(
        console,
        [
            ("rules", ", ".join(f"{name} {_value(value)}" for name, value in rules.items())),
            ("kept", f"{matrix.n_models} models, {matrix.n_benchmarks} benchmarks, {matrix.n_scores} scores"),
            ("connected", "yes: one scale can hold all models and benchmarks"),
            ("digest", matrix.digest),
        ],
    )


def _print_dropped(console: Console, dropped: Sequence[Dropped]) -> None:
    groups: dict[tuple[str, str], list[Dropped]] = {}
    for item in dropped:
        groups.setdefault((item.rule, item.kind), []).append(item)
    if not groups:
        console.print("\nThe rules drop nothing.")
    for (rule, kind), items in sorted(groups.items()):
        console.print(f"\n{rule} drops {len(items)} {kind}{'' if len(items) == 1 else 's'}", style="bold")
        _print_rows(console, [(item.name, item.detail) for item in items[:_SHOWN]])
        if len(items) > _SHOWN:
            console.print(f"  … and {len(items) - _SHOWN} more (--json names all).")


def _print_rows(console: Console, rows: list[tuple[str, str]]) -> None:
    """Print two columns: folded to a terminal, whole lines without trailing blanks to a pipe."""
    from rich.table import Table

    if not console.is_terminal:
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            click.echo(f"  {name:<{width}}  {value}".rstrip())
        return
    grid = Table.grid(padding=(0, 2))
    for column in range(3):
        grid.add_column(no_wrap=column == 0, overflow="fold")
    for name, value in rows:
        grid.add_row("", name, value)
    console.print(grid)


def _console() -> Console:
    """Open standard output for tables: the terminal's width, or unwrapped lines in a pipe."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 10_000
    return Console(width=width, markup=False, emoji=False, highlight=False)


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or 'unknown'} {n}" for name, n in counts.items())


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _value(value: object) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)
