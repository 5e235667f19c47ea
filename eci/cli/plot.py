"""`eci plot`: one picture of a saved fit or of its trend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eci.cli.computing import show_progress
from eci.cli.files import check_new_file, write_whole
from eci.cli.options import trend_option
from eci.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

_FIT = ("index", "benchmarks", "information", "residuals")
_TREND = {"timeline": "timeline", "changes": "changes", "break": "break_date"}  # kind -> function of plots
_FORMATS = (".png", ".svg", ".pdf")


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice([*_FIT, *_TREND]))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--lab", "labs", multiple=True, help="index: show this lab only; may be repeated.")
@click.option("--top", type=click.IntRange(min=1), help="index: models to show; default 40.")
@trend_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File to write, .png, .svg or .pdf; default KIND.png.",
)
@click.option("--dpi", type=click.IntRange(30, 1200), default=200, show_default=True, help="Pixels an inch.")
@click.option("--force", is_flag=True, help="Replace the file.")
def plot(
    kind: str,
    folder: Path,
    labs: tuple[str, ...],
    top: int | None,
    trend_file: Path | None,
    out: Path | None,
    dpi: int,
    force: bool,
) -> None:
    """Draw one picture of a saved fit.

    \b
    index        the ranking with its intervals
    timeline     models over time, the trend with its band, the break date
    benchmarks   difficulty and slope, and where the frontier stands
    information  which benchmarks still separate the top models
    residuals    models that do better or worse in a domain than their index says
    changes      probabilities of the change models
    break        when the trend changed, if it did
    """  # noqa: D301 - click reads \\b as "keep these lines"
    out = Path(f"{kind}.png") if out is None else out
    _check_options(kind, out, labs=labs, top=top, trend_file=trend_file)
    check_new_file(out, force=force)
    with write_whole(out) as draft, show_progress() as progress:
        axes = _draw(kind, folder, labs=labs, top=top, trend_file=trend_file, progress=progress)
        progress("writing", 3, 4)
        _save(axes, draft, dpi)
    click.echo(f"Wrote {out}.", err=True)


def _check_options(
    kind: str, out: Path, *, labs: tuple[str, ...], top: int | None, trend_file: Path | None
) -> None:
    if out.suffix.lower() not in _FORMATS:
        raise DataError(f"--out {out} ends in none of {', '.join(_FORMATS)}. Name the file with one of them.")
    if kind != "index" and (labs or top is not None):
        raise click.UsageError(f"--lab and --top choose models of the picture index, not of {kind}.")
    if kind not in _TREND and trend_file is not None:
        raise click.UsageError(f"--trend is for {', '.join(_TREND)}; {kind} shows no trend.")


def _draw(
    kind: str,
    folder: Path,
    *,
    labs: tuple[str, ...],
    top: int | None,
    trend_file: Path | None,
    progress: Callable[[str, int, int], None],
) -> Axes:
    progress("reading the fit", 0, 4)
    import eci
    from eci.report import plots, repeat, tables

    if kind == "index":
        return plots.index(folder, labs=labs, top=top or plots.N_RANKED)
    axes: Axes
    fit = eci.load_fit(folder)
    tables.require_index(tables.abilities(fit))
    if kind in _FIT:
        progress("drawing", 2, 4)
        axes = getattr(plots, kind)(fit)
        return axes
    progress("fitting the trend", 1, 4)
    trend = repeat.fit_frontier(fit) if trend_file is None else repeat.repeat_trend(fit, trend_file)[0]
    progress("drawing", 2, 4)
    axes = getattr(plots, _TREND[kind])(trend)
    return axes


def _save(axes: Axes, path: Path, dpi: int) -> None:
    """Write a figure; the same picture gives the same bytes."""
    from matplotlib import rc_context

    figure = axes.get_figure(root=True)
    if figure is None:  # the axes were made on a figure just now
        raise RuntimeError("axes without a figure")
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "eci"}):
        figure.savefig(path, dpi=dpi, metadata=undated.get(path.suffix.lower()))
