"""`eci show`: rankings and tables of a saved fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

_SCHEMA = "eci.show/1"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(min=1), help="Rows to show; the default is all.")
@click.option("--lab", "labs", multiple=True, help="Show the models of this lab only; may be repeated.")
@click.option(
    "--benchmarks", "show_benchmarks", is_flag=True, help="Show the benchmarks instead of the models."
)
@click.option(
    "--checks",
    "show_checks",
    is_flag=True,
    help="Show every check, the scores that hold the fit, benchmarks that scatter otherwise than the noise "
    "says, and how far the priors move the index.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(
    folder: Path,
    top: int | None,
    labs: tuple[str, ...],
    show_benchmarks: bool,
    show_checks: bool,
    as_json: bool,
) -> None:
    """Show the ranking of the models in a saved fit, its benchmarks, or its checks."""
    from eci.report import tables
    from eci.report.verdict import verdict

    if show_checks and (labs or show_benchmarks or top):
        raise click.UsageError("--checks is about the whole fit: leave out --lab, --benchmarks and --top.")
    if show_checks:
        _show_checks(folder, as_json)
        return
    if labs and show_benchmarks:
        raise click.UsageError("--lab selects models and cannot be combined with --benchmarks.")
    facts = tables.facts(folder)
    if show_benchmarks:
        table = tables.benchmarks(folder, top=top)
    else:
        table = tables.abilities(folder, labs=labs, top=top)
    if as_json:
        _print_json(table, facts, "benchmarks" if show_benchmarks else "abilities")
        return
    if show_benchmarks:
        print_benchmarks(table, facts)
    else:
        print_abilities(table, facts)
    click.echo(verdict(facts))


def _show_checks(folder: Path, as_json: bool) -> None:
    from eci.report import tables
    from eci.report.check_words import describe_criticism, list_checks
    from eci.report.verdict import verdict

    facts = tables.facts(folder)
    criticism = None
    if facts["method"]["name"] in ("nuts", "laplace"):
        from eci.folder.load import load_fit
        from eci.queries.criticism import criticise

        criticism = criticise(load_fit(folder))
    if as_json:
        record = None if criticism is None else criticism.record()
        result = {"schema": _SCHEMA, "diagnostics": facts["diagnostics"], "criticism": record}
        click.echo(json.dumps(result, indent=1, ensure_ascii=False))
        return
    click.echo(list_checks(facts["diagnostics"]))
    if criticism is not None:
        click.echo(f"\n{describe_criticism(criticism)}\n")
    click.echo(verdict(facts))


def print_abilities(table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """Print a ranking."""
    from eci.cli.present import print_table

    percent = f"{100 * facts['interval_prob']:g}%"
    print_table(
        table,
        {"rank": "d", "index": ".1f", "sd": ".2f", "low": ".1f", "high": ".1f", "n_benchmarks": ".0f"},
        {"release_date": "released", "low": f"{percent} low", "high": "high", "n_benchmarks": "scores on"},
    )


def print_benchmarks(table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """Print the benchmarks, hardest first."""
    from eci.cli.present import print_table

    percent = f"{100 * facts['interval_prob']:g}%"
    points = dict.fromkeys(["difficulty", "difficulty_low", "difficulty_high"], ".1f")
    slopes = dict.fromkeys(["discrimination", "discrimination_low", "discrimination_high"], ".3f")
    print_table(
        table,
        {**points, "difficulty_sd": ".2f", **slopes, "n_models": ".0f"},
        {
            "difficulty_sd": "sd",
            "difficulty_low": f"{percent} low",
            "difficulty_high": "high",
            "discrimination": "slope per point",
            "discrimination_low": "low",
            "discrimination_high": "high",
            "n_models": "models",
        },
    )


def _print_json(table: pd.DataFrame, facts: Mapping[str, Any], name: str) -> None:
    rows = json.loads(table.to_json(orient="records", double_precision=10))
    kept = ("scale", "interval_prob", "method", "likelihood", "preview", "data_digest", "diagnostics")
    result = {"schema": _SCHEMA, **{key: facts[key] for key in kept}, name: rows}
    click.echo(json.dumps(result, indent=1, ensure_ascii=False))
