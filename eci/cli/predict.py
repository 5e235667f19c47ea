"""`eci predict`: scores that have not been measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.newcomers import newcomer_options, place_newcomers

if TYPE_CHECKING:
    import pandas as pd

    from eci import Fit

_SCHEMA = "eci.predict/1"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--model", help="Predict the scores this model does not have.")
@click.option(
    "--benchmark", help="Predict scores on this benchmark; with --model this pair, measured or not."
)
@click.option("--all", "everything", is_flag=True, help="Predict every pair without a score.")
@click.option(
    "--calibration", is_flag=True, help="How well the fit predicts its own scores, each left out in turn."
)
@newcomer_options
@click.option("--top", type=click.IntRange(min=1), help="Rows to show; the default is all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the noise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(folder: Path, **given: Any) -> None:
    """Predict scores that have not been measured, with intervals that hold 50 and 90% of them.

    Scores are fractions, highest first.
    """
    import eci
    from eci.report import tables
    from eci.report.verdict import verdict

    asked = given["model"] is not None or given["benchmark"] is not None
    if asked == given["everything"] and (asked or not given["calibration"]):
        raise click.UsageError("Give --model, --benchmark or both; or --all alone for every pair.")
    fit = eci.load_fit(folder)
    facts = tables.facts(fit)
    kept = ("method", "likelihood", "preview", "data_digest")
    record: dict[str, Any] = {"schema": _SCHEMA, **{key: facts[key] for key in kept}}
    text = []
    if asked or given["everything"]:
        text.append(_predict(fit, given, record))
    if given["calibration"]:
        text.append(_calibrate(fit, record))
    if given["as_json"]:
        click.echo(json.dumps(record, indent=1, ensure_ascii=False))
    else:
        click.echo("\n\n".join(text))
        click.echo(verdict(facts))


def _predict(fit: Fit, given: dict[str, Any], record: dict[str, Any]) -> str:
    """Predict and print the table; say what it is, and put it into the record."""
    from eci.report.query_words import describe_prediction

    model, benchmark = given["model"], given["benchmark"]
    placement = place_newcomers(fit, given)
    found = fit.predict(model, benchmark, placement=placement, prior=given["prior"], seed=given["seed"])
    record["predictions"] = found.record()[: given["top"]]
    if not given["as_json"]:
        _print(found.table()[: given["top"]], model, benchmark)
    return "\n" + describe_prediction(found, fit.likelihood)


def _calibrate(fit: Fit, record: dict[str, Any]) -> str:
    import eci
    from eci.report.query_words import describe_calibration

    calibration = eci.calibrate(fit)
    record["calibration"] = calibration.record()
    return describe_calibration(calibration)


def _print(table: pd.DataFrame, model: str | None, benchmark: str | None) -> None:
    """Print what differs from row to row."""
    from eci.cli.present import print_table

    hidden = {"expected"}
    hidden |= {"model"} if model and not benchmark else set()
    hidden |= {"benchmark", "domain"} if benchmark and not model else set()
    hidden |= {"measured"} if table["measured"].isna().all() else set()
    numbers = ["low_90", "low_50", "median", "high_50", "high_90", "measured"]
    headings = {"low_90": "90% low", "low_50": "50% low", "high_50": "50% high", "high_90": "90% high"}
    print_table(table.drop(columns=list(hidden)), dict.fromkeys(numbers, ".3f"), headings)
