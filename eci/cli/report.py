"""`eci report`: one HTML file that shows a saved fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.computing import show_progress
from eci.cli.files import check_new_file, write_whole
from eci.cli.options import reading_options, refuse_reading, trend_option
from eci.errors import DataError, EciError

if TYPE_CHECKING:
    import pandas as pd

    from eci import Fit, Trend

MOST_BYTES = 5_000_000  # what a mail server lets through


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@trend_option
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="The data the fit was made of, for links to sources. Default: the bundled data, if it was.",
)
@reading_options("--scores")
@click.option("--title", default="AI capability index", show_default=True, help="Heading of the page.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Replace the file.")
def report(
    folder: Path,
    trend_file: Path | None,
    scores: Path | None,
    reading: dict[str, Any],
    title: str,
    out: Path,
    force: bool,
) -> None:
    """Write a report of a saved fit: ranking, trend, benchmarks, residuals, checks, every choice.

    One HTML file that needs neither server nor network: it opens from a disk or a mail attachment.
    """
    if scores is None:
        refuse_reading("--scores")
    check_new_file(out, force=force)
    with write_whole(out) as draft, show_progress() as progress:
        progress("reading the fit", 0, 4)
        import eci

        fit = eci.load_fit(folder)
        progress("fitting the trend", 1, 4)
        trend, names, no_trend = find_trend(fit, trend_file)
        progress("looking up sources", 2, 4)
        sources = _find_sources(fit, scores, reading)
        progress("drawing", 3, 4)
        from eci.report.html import render_report

        page = render_report(fit, trend=trend, compare=names, no_trend=no_trend, sources=sources, title=title)
        data = page.encode("utf-8")
        draft.write_bytes(data)
    click.echo(f"Wrote {out}, {len(data) / 1e6:.1f} MB.", err=True)
    if len(data) > MOST_BYTES:
        click.echo(f"Above {MOST_BYTES / 1e6:g} MB, which some mail servers refuse.", err=True)


def find_trend(fit: Fit, path: Path | None) -> tuple[Trend | None, list[str], str]:
    """Fit the trend to show, the models to compare with it, and why there is none where there is none."""
    from eci.report.repeat import fit_frontier, repeat_trend

    if path is not None:
        return *repeat_trend(fit, path), ""
    try:
        return fit_frontier(fit), [], ""
    except EciError as error:  # a fit without dates or draws is still worth a report
        return None, [], f"No trend: {error}"


def _find_sources(fit: Fit, scores: Path | None, reading: dict[str, Any]) -> pd.DataFrame | None:
    import eci
    from eci.report.page.sources import find_sources

    if scores is not None:
        return find_sources(fit, eci.load_scores(scores, **reading))
    try:
        return find_sources(fit, eci.load_scores())
    except DataError:  # a fit of other data, as the page says
        return None
