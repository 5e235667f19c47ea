"""`eci fit`: scores in, index out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.computing import computing
from eci.cli.method_options import method_options
from eci.cli.options import data_options, interval_prob_option, likelihood_option, rule_options
from eci.errors import EXIT_CHECK_FAILED, DataError

if TYPE_CHECKING:
    from eci import Checkpoint
    from eci.inference.method import Method

_SHOWN = 15


@click.command()
@data_options
@rule_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("eci-fit"),
    show_default=True,
    help="Folder to write.",
)
@click.option("--force", is_flag=True, help="Replace a fit that is there.")
@method_options
@likelihood_option
@click.option("--priors", "priors_file", type=click.Path(path_type=Path), help="TOML file of prior scales.")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar='"MODEL=POINTS"',
    help="Pin a model; give exactly two. Default: Claude 3.5 Sonnet=130, GPT-5=150 where present.",
)
@interval_prob_option
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**63 - 1),
    default=0,
    show_default=True,
    help="Seed of all random numbers.",
)
@click.option("--allow-unconverged", is_flag=True, help="Exit 0 even if a check failed.")
def fit(
    source: Path | None,
    reading: dict[str, Any],
    rules: dict[str, Any],
    out: Path,
    force: bool,
    method: Method,
    likelihood: str | None,
    priors_file: Path | None,
    anchors: tuple[str, ...],
    interval_prob: float,
    seed: int,
    allow_unconverged: bool,
) -> None:
    """Fit the index to DATA and write it to a folder.

    DATA is a table of scores in any of the formats of docs/formats.md, at its simplest a CSV with the columns
    model, benchmark and score; left out, the data that come with the package. Writes abilities.csv,
    benchmarks.csv, fit.json and posterior.nc; prints the top of the ranking and whether to trust it. Exit
    code 3 if a check failed.

    While --method nuts runs, the folder OUT.checkpoint keeps what it has drawn. If the run is cut off, the
    same command goes on from there, to the same numbers; the folder is removed when OUT is written.
    """
    import eci
    from eci.cli.show import print_abilities
    from eci.report import tables
    from eci.report.verdict import verdict

    pinned = _read_anchors(anchors)
    priors = eci.Priors.from_toml(priors_file) if priors_file else None
    eci.check_writable(out, force=force)
    matrix = eci.ScoreMatrix.from_table(eci.load_scores(source, **reading), **rules)
    with (
        computing() as progress,
        eci.Checkpoint(
            out.with_name(f"{out.name}.checkpoint"), replace=force, announce=partial(click.echo, err=True)
        ) as checkpoint,
        _told_if_interrupted(out, checkpoint),
    ):
        eci.check_writable(out, force=force)  # now that no other process can write it
        result = eci.fit(
            matrix,
            likelihood=likelihood,  # type: ignore[arg-type]
            priors=priors,
            method=method,
            anchors=pinned,
            seed=seed,
            interval_prob=interval_prob,
            progress=progress,
            checkpoint=checkpoint if method.name == "nuts" else None,
        )
        progress("writing", 0, 0)
        result.save(out, force=force)
    if not result.scale.anchors:
        click.echo("The default anchors are not both in the data: the scale is the standard one.", err=True)
    facts = tables.facts(result)
    print_abilities(tables.abilities(result, top=_SHOWN), facts)
    size = f"{matrix.n_models} models, {matrix.n_benchmarks} benchmarks, {matrix.n_scores} scores"
    click.echo(f"{size}. Written to {out}.")
    click.echo(verdict(facts))
    if not result.diagnostics.ok and not allow_unconverged:
        raise click.exceptions.Exit(EXIT_CHECK_FAILED)


def _read_anchors(anchors: tuple[str, ...]) -> dict[str, float] | None:
    """Split "MODEL=POINTS" at the last equals sign."""
    if not anchors:
        return None
    pinned: dict[str, float] = {}
    for text in anchors:
        model, equals, points = text.rpartition("=")
        try:
            value = float(points)
        except ValueError:
            equals = ""
        if not equals or not model.strip():
            raise DataError(f'The anchor {text!r} is not of the form "MODEL=POINTS", such as "GPT-5=150".')
        if model.strip() in pinned:
            raise DataError(
                f"The anchor {model.strip()!r} is given twice. A scale needs two different models."
            )
        pinned[model.strip()] = value
    return pinned


@contextmanager
def _told_if_interrupted(out: Path, checkpoint: Checkpoint) -> Iterator[None]:
    """Say what became of the folder when the user stops the fit."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"{out} was left as it was.", err=True)
        if checkpoint.n_pieces:
            click.echo(f"What was drawn is in {checkpoint.folder}: the same command goes on.", err=True)
        raise
