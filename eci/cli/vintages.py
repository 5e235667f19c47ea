"""`eci vintages`: how far the models of a published index moved between its vintages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eci.errors import DataError

if TYPE_CHECKING:
    from eci.linking.vintages import VintageChange

_SCHEMA = "eci-vintages/1"
_CORRELATION = click.FloatRange(0, 1, max_open=True)
_MOST_PAIRS = 6


@click.command()
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--vintage", "vintages", multiple=True, help="Compare these, by prefix, in order; may be repeated."
)
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Models to show for a pair."
)
@click.option(
    "--error-corr",
    type=_CORRELATION,
    default=0.8,
    show_default=True,
    help="Correlation of the errors of one model in two vintages; they rest on mostly the same scores.",
)
@click.option(
    "--within-corr",
    type=_CORRELATION,
    default=0.95,
    show_default=True,
    help="Correlation of the errors of two models of one vintage.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def vintages(
    tables: tuple[Path, ...],
    vintages: tuple[str, ...],
    top: int,
    error_corr: float,
    within_corr: float,
    as_json: bool,
) -> None:
    """Compare the vintages of an index: how far models moved, by a change of scale or of order.

    TABLE is a CSV with the columns model, index and vintage; several are read as one index. A table without
    that column is one vintage, named by its file.
    """
    import pandas as pd

    import eci
    from eci.cli.files import read_table

    stems = [path.stem for path in tables]
    frames = []
    for path in tables:
        if path.is_dir():
            raise DataError(
                f"{path} is a folder. Vintages are read from CSV tables; `eci link` compares two fits."
            )
        frame = read_table(path)
        name = path.stem if stems.count(path.stem) == 1 else str(path)
        frames.append(frame if "vintage" in frame.columns else frame.assign(vintage=name))
    changes = eci.compare_vintages(
        pd.concat(frames, ignore_index=True),
        vintages=list(vintages) or None,
        error_corr=error_corr,
        within_corr=within_corr,
    )
    if as_json:
        record = {
            "schema": _SCHEMA,
            "error_corr": error_corr,
            "within_corr": within_corr,
            "changes": [change.record() for change in changes],
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for i, change in enumerate(changes):
        click.echo(("\n" if i else "") + describe(change))
        _print_moves(change, top)


def describe(change: VintageChange) -> str:
    """Say what happened between two vintages.

    Parameters
    ----------
    change
        One comparison.
    """
    moved = change.moved
    count = f"{len(moved)} common model{'s' * (len(moved) > 1)}"
    lines = [
        f"{change.older} -> {change.newer}: {count}, moved {moved.min():+.2f} to {moved.max():+.2f} points, "
        f"mean {moved.mean():+.2f}."
    ]
    if change.line is None:
        lines.append(f"No affine part: {change.why_no_line}.")
    else:
        slope, scatter = change.line.quantities()["slope"], change.line.quantities()["residual_sd"]
        share = change.affine_share
        part = "nothing, nothing moved" if share is None else f"{share:.0%} of the mean squared move"
        lines.append(
            f"Change of scale: slope {slope.median:.3f} ({slope.low:.3f} to {slope.high:.3f}); it explains "
            f"{part}; models move about it with sd {scatter.median:.2f}."
        )
    pairs = change.order_changed
    text = f"Change of order: {len(pairs)} of {change.n_pairs} pairs that both vintages tell apart"
    if pairs:
        shown = "; ".join(f"{up} over {down}" for up, down in pairs[:_MOST_PAIRS])
        more = f" and {len(pairs) - _MOST_PAIRS} more" if len(pairs) > _MOST_PAIRS else ""
        text += f": {shown}{more}"
    lines.append(text + ".")
    if change.spelled_apart:
        lines.append(f"{change.spelled_apart} They are not compared.")
    return "\n".join(lines) + "\n"


def _print_moves(change: VintageChange, top: int) -> None:
    from eci.cli.present import print_table

    table = change.table().head(top)
    formats = {"before": ".2f", "after": ".2f", "moved": "+.2f", "beyond_line": "+.2f"}
    print_table(table, {name: spec for name, spec in formats.items() if name in table.columns})
