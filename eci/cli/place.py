"""`eci place`: new models on the scale of a saved fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.newcomers import tell_failed
from eci.cli.options import reading_options
from eci.errors import EXIT_CHECK_FAILED

if TYPE_CHECKING:
    from eci.queries.placement import Placement

_SCHEMA = "eci.place/1"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("scores", metavar="NEW.csv", type=click.Path(path_type=Path))
@reading_options("NEW.csv")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def place(folder: Path, scores: Path, reading: dict[str, Any], as_json: bool) -> None:
    """Place the models in NEW.csv on the scale of the fit in DIR, without refitting.

    NEW.csv has at least the columns model, benchmark and score, as `eci fit` takes them; with a release_date
    a model is also placed under a prior dated by it. Benchmarks that are not in the fit and models that are
    get left out, by name. Exit code 3 if a result rests on fewer than 10 effective draws.
    """
    import eci
    from eci.report import tables
    from eci.report.query_words import describe_placement
    from eci.report.verdict import verdict

    fit = eci.load_fit(folder)
    placement = fit.place(scores, **reading)
    if as_json:
        click.echo(json.dumps(_record(placement, tables.facts(fit)), indent=1, ensure_ascii=False))
    failed = tell_failed(placement, err=as_json)
    if not as_json:
        _print(placement, f"{100 * fit.interval_prob:g}%")
        click.echo("\n" + describe_placement(placement))
        click.echo(verdict(tables.facts(fit)))
    if failed:
        raise click.exceptions.Exit(EXIT_CHECK_FAILED)


def _print(placement: Placement, percent: str) -> None:
    from eci.cli.present import print_table

    shown = ["model", "prior", "index", "sd", "low", "high", "prior_sd", "n_benchmarks", "effective_draws"]
    print_table(
        placement.table()[shown],
        {
            **dict.fromkeys(["index", "low", "high", "prior_sd"], ".1f"),
            "sd": ".2f",
            "n_benchmarks": ".0f",
            "effective_draws": ".0f",
        },
        {
            "low": f"{percent} low",
            "prior_sd": "sd before",
            "n_benchmarks": "scores on",
            "effective_draws": "effective",
        },
    )


def _record(placement: Placement, facts: dict[str, Any]) -> dict[str, Any]:
    kept = ("scale", "interval_prob", "method", "likelihood", "preview", "data_digest")
    models: dict[str, dict[str, Any]] = {}
    for one in placement:
        models.setdefault(one.model, {"benchmarks": list(one.benchmarks)})[one.prior] = one.record()
    return {
        "schema": _SCHEMA,
        **{key: facts[key] for key in kept},
        "models": models,
        "left_out": [item._asdict() for item in placement.left_out],
        "dropped": [
            {"row": item.name, "rule": item.rule, "detail": item.detail} for item in placement.dropped
        ],
        "warnings": list(placement.warnings),
    }
