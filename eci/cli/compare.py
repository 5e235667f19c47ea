"""`eci compare`: differences between models, with their joint uncertainty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.errors import DataError

if TYPE_CHECKING:
    from eci.queries.compare import Comparison

_SCHEMA = "eci.compare/1"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--between",
    is_flag=True,
    help="Of three models: on how many shared benchmarks does the middle one lie between the others, and on "
    "how many would it if abilities alone decided?",
)
@click.option(
    "--metrics",
    "metrics_file",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="The same on a table of your own: columns metric and one for each of the three models.",
)
@click.option(
    "--same",
    multiple=True,
    metavar='"METRIC=BENCHMARK"',
    help="This metric of the table is that benchmark of the fit; may be repeated.",
)
@click.option(
    "--interval-prob",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Probability of the intervals and of the rule that tells models apart; the default is the fit's.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the replications."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(folder: Path, models: tuple[str, ...], **given: Any) -> None:
    """Compare models of a fit: who is above whom, by how much, and who cannot be told apart.

    Differences are of joint draws, because errors of neighbouring models move together.
    """
    import eci
    from eci.report import compare_words, tables
    from eci.report.verdict import verdict

    if given["same"] and given["metrics_file"] is None:
        raise click.UsageError("--same names metrics of a table: give --metrics as well.")
    fit = eci.load_fit(folder)
    compared = fit.compare(models, interval_prob=given["interval_prob"])
    between = fit.count_between(models, seed=given["seed"]) if given["between"] else None
    metrics = None
    if given["metrics_file"] is not None:
        from eci.cli.files import read_table

        table = read_table(given["metrics_file"], "No table at {}. Give a CSV of metrics.")
        metrics = fit.count_metrics(models, table, same=_read_same(given["same"]), seed=given["seed"])
    if given["as_json"]:
        facts = tables.facts(fit)
        record = {"schema": _SCHEMA, **{key: facts[key] for key in ("method", "preview", "data_digest")}}
        record |= compared.record()
        record |= {} if between is None else {"between": between.record()}
        record |= {} if metrics is None else {"metrics": metrics.record()}
        click.echo(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False))
        return
    _print(compared)
    click.echo("\n" + compare_words.describe_comparison(compared))
    if between is not None:
        click.echo("\n" + compare_words.describe_between(between))
    if metrics is not None:
        click.echo("\n" + compare_words.describe_metrics(metrics))
    click.echo("\n" + verdict(tables.facts(fit)))


def _read_same(given: tuple[str, ...]) -> dict[str, str]:
    """Split "METRIC=BENCHMARK" at the last equals sign."""
    same: dict[str, str] = {}
    for text in given:
        metric, _, benchmark = (part.strip() for part in text.rpartition("="))
        if not metric or not benchmark:
            raise DataError(f'{text!r} is not of the form "METRIC=BENCHMARK".')
        if metric in same:
            raise DataError(
                f"The metric {metric!r} is given twice with --same. Say once which benchmark it is."
            )
        same[metric] = benchmark
    return same


def _print(compared: Comparison) -> None:
    from eci.cli.present import print_table

    low = f"{compared.interval_prob:.0%} low"
    formats = dict.fromkeys(["index", "low", "high"], ".1f") | dict.fromkeys(
        ["rank", "rank_low", "rank_high"], "d"
    )
    headings = {"low": low, "rank_low": low, "rank_high": "high", "p_best": "P(best)", "letters": "alike"}
    print_table(compared.models.drop(columns="sd"), formats | {"p_best": ".2f"}, headings)
    click.echo()
    pairs = compared.pairs.drop(columns="sd").assign(
        apart=["yes" if a else "no" for a in compared.pairs["apart"]]
    )
    headings = {"model": "higher", "p_above": "P(above)", "low": low, "apart": "told apart"}
    formats = dict.fromkeys(["difference", "low", "high"], ".1f") | {"p_above": ".3f"}
    print_table(pairs, formats, headings)
