"""`eci next`: which benchmark would tell most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.newcomers import newcomer_options, place_newcomers

if TYPE_CHECKING:
    from eci import Fit
    from eci.queries.next import Advice

_SCHEMA = "eci.next/1"


@click.command("next")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--model", help="The model to learn about.")
@click.option("--against", help="Narrow the difference of --model to this model instead.")
@click.option(
    "--k",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Also the best set of this many, chosen one by one.",
)
@click.option("--frontier", is_flag=True, help="Instead: which new difficulty would separate the top models.")
@click.option(
    "--frontier-size",
    type=click.IntRange(min=2),
    default=10,
    show_default=True,
    help="Models at the frontier.",
)
@newcomer_options
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Rows to show.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the outcomes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all rows.")
def next_benchmark(folder: Path, **given: Any) -> None:
    """Rank the benchmarks a model has no score on by what a score would tell of its index.

    The utility is the expected posterior variance of the index, or of the difference to --against, once the
    score is known.
    """
    import eci
    from eci.report import tables
    from eci.report.verdict import verdict

    if given["frontier"] == (given["model"] is not None):
        raise click.UsageError("Give --model, or --frontier.")
    if given["frontier"] and (given["against"] or given["scores"] or given["k"] > 1):
        raise click.UsageError(
            "--frontier asks for a new benchmark: --against, --scores and --k do not apply."
        )
    fit = eci.load_fit(folder)
    record = _advise_frontier(fit, given) if given["frontier"] else _advise_model(fit, given)
    if given["as_json"]:
        facts = tables.facts(fit)
        kept = {key: facts[key] for key in ("scale", "method", "likelihood", "preview", "data_digest")}
        click.echo(json.dumps({"schema": _SCHEMA, **kept, **record}, indent=1, ensure_ascii=False))
        return
    click.echo(verdict(tables.facts(fit)))


def _advise_model(fit: Fit, given: dict[str, Any]) -> dict[str, Any]:
    from eci.report.query_words import describe_advice

    advice = fit.next_benchmark(
        given["model"],
        against=given["against"],
        k=given["k"],
        placement=place_newcomers(fit, given),
        prior=given["prior"],
        seed=given["seed"],
    )
    if not given["as_json"]:
        _print_candidates(advice, "each", given)
        if given["k"] > 1:
            click.echo("\nThe best set, one by one; each row with those above it:")
            _print_candidates(advice, "best_set", given)
        click.echo("\n" + describe_advice(advice))
    return advice.record()


def _print_candidates(advice: Advice, name: str, given: dict[str, Any]) -> None:
    from eci.cli.present import print_table

    table = advice.each[: given["top"]] if name == "each" else advice.best_set
    table = table.assign(removed=100.0 * table["removed"])
    shown = ["benchmark", "domain", "expected_score", "expected_sd", "removed", "error"]
    if given["against"]:
        shown.insert(0, "model")
    print_table(
        table[shown],
        {"expected_score": ".2f", "expected_sd": ".2f", "removed": ".1f", "error": ".3f"},
        {"removed": "variance removed, %", "error": "error of the sd"},
    )


def _advise_frontier(fit: Fit, given: dict[str, Any]) -> dict[str, Any]:
    import eci
    from eci.cli.present import print_table
    from eci.report.query_words import describe_design

    design = eci.next_difficulty(fit, n_models=given["frontier_size"], seed=given["seed"])
    if not given["as_json"]:
        shown = ["difficulty", "expected_score", "expected_gap_sd", "removed", "expected_index_sd"]
        table = design.levels.assign(removed=100.0 * design.levels["removed"])
        print_table(
            table[shown],
            {
                "difficulty": ".1f",
                "expected_score": ".2f",
                "expected_gap_sd": ".3f",
                "removed": ".1f",
                "expected_index_sd": ".3f",
            },
            {"removed": "variance removed, %", "expected_score": "top model scores"},
        )
        click.echo("\n" + describe_design(design))
    return design.record()
