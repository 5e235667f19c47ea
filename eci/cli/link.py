"""`eci link`: put two indices on one scale."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.files import check_new_result, read_names, read_table, result_files, write_result
from eci.cli.options import interval_prob_option
from eci.errors import DataError

if TYPE_CHECKING:
    from eci import Fit, IndexSeries, Link

_CORRELATION = click.FloatRange(0, 1, max_open=True)


@click.command()
@click.argument("old", metavar="A", type=click.Path(path_type=Path))
@click.argument("new", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--method",
    type=click.Choice(
        ["auto", "regression", "mean-mean", "mean-sigma", "haebara", "stocking-lord", "concurrent"]
    ),
    default="auto",
    show_default=True,
    help="How slope and intercept are found; all but regression need two fits. auto: haebara by benchmarks, "
    "else regression.",
)
@click.option(
    "--common",
    type=click.Choice(["models", "benchmarks", "both"]),
    help="What to link by. The default is benchmarks for two fits that share three, else models.",
)
@click.option("--models", help="Link by these models only: names with commas between, or a file of names.")
@click.option("--robust", is_flag=True, help="Down-weight and name common units that drifted.")
@click.option(
    "--errors",
    type=click.Choice(["auto", "independent", "joint"]),
    default="auto",
    show_default=True,
    help="For two fits: pair their draws, or resample common units in both at once (same scores).",
)
@click.option("--vintage-a", help="Vintage of table A; a prefix is enough.")
@click.option("--vintage-b", help="Vintage of table B; a prefix is enough.")
@click.option(
    "--error-corr",
    type=_CORRELATION,
    default=0.0,
    show_default=True,
    help="Correlation of the errors of one model in the two tables.",
)
@click.option(
    "--within-corr",
    type=_CORRELATION,
    default=0.95,
    show_default=True,
    help="Correlation of the errors of two models of one table (as `eci trend --error-corr`).",
)
@click.option(
    "--sd-a", type=click.FloatRange(0), help="Error to assume for every model of A, if it has no intervals."
)
@click.option(
    "--sd-b", type=click.FloatRange(0), help="Error to assume for every model of B, if it has no intervals."
)
@click.option(
    "--apply", "applied", type=click.Path(path_type=Path), help="Carry this index from A's scale to B's."
)
@click.option("--vintage-apply", help="Vintage of the table to apply; the default is that of A.")
@click.option(
    "--reading",
    type=click.Choice(["free", "identity"]),
    default="free",
    show_default=True,
    help="Which reading --apply uses: the line, or y = x with the scatter about it.",
)
@click.option("--leave-one-out", is_flag=True, help="Link again without each common model in turn.")
@interval_prob_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write link.json, link.csv, link.png and link.svg here."
)
@click.option("--force", is_flag=True, help="Replace files in --out.")
def link(old: Path, new: Path, **given: Any) -> None:
    """Put index A on the scale of index B: B = intercept + slope * A, with its uncertainty.

    A and B are folders written by `eci fit`, or CSV tables of published indices.
    """
    import eci

    out, within = given["out"], given["within_corr"]
    if out is not None:
        check_new_result(out, "link", force=given["force"])
    first = read(old, given["vintage_a"], within, "A")
    second = read(new, given["vintage_b"], within, "B")
    options = {
        name: given[name]
        for name in ("method", "common", "robust", "errors", "error_corr", "interval_prob", "seed")
    } | {"old_sd": given["sd_a"], "new_sd": given["sd_b"]}
    found = eci.link(first, second, models=read_names(given["models"]), **options)
    record = found.record()
    without = _leave_one_out(first, second, found, options) if given["leave_one_out"] else {}
    if without:
        record["leave_one_out"] = {
            name: {key: quantity.record() for key, quantity in other.quantities().items()}
            for name, other in without.items()
        }
    moved = None
    if given["applied"] is not None:
        moved = _apply(
            found, given["applied"], given["vintage_apply"] or given["vintage_a"], within, given["reading"]
        )
        record["applied"] = {
            name: {"index": float(value), "sd": float(sd)}
            for name, value, sd in zip(moved.models, moved.index, moved.index_sd, strict=True)
        }
    if out is not None:
        from eci.report import link_plot

        write_result(out, "link", record, found.table(), link_plot.link(found))
    if given["as_json"]:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
        return
    _print(found, without, moved, given["reading"])
    if out is not None:
        print(
            f"Wrote {', '.join(result_files('link')[:-1])} and {result_files('link')[-1]} to {out}.",
            file=sys.stderr,
        )


def read(path: Path, vintage: str | None, within_corr: float, name: str = "") -> Fit | IndexSeries:
    """Read a fit or a table.

    Parameters
    ----------
    path
        Folder of a fit, or CSV table.
    vintage
        Vintage of a table.
    within_corr
        Correlation of the errors of two models of a table.
    name
        What the command calls it, for messages.
    """
    import eci

    if path.is_dir():
        if vintage is not None:
            raise DataError(
                f"A vintage, {vintage!r}, was given for {path}, which is a fit and has none. Leave it out."
            )
        return eci.load_fit(path)
    frame = read_table(path)
    try:
        return eci.read_index(frame, vintage=vintage, error_corr=within_corr, scale=f"points of {path.stem}")
    except DataError as error:
        option = (
            f" The option for {path} is --vintage-{name.lower()}." if name and "vintage" in str(error) else ""
        )
        raise DataError(f"{path}: {error}{option}") from error


def _apply(found: Link, path: Path, vintage: str | None, within_corr: float, reading: Any) -> IndexSeries:
    import eci

    index = read(path, None if path.is_dir() else vintage, within_corr, "apply")
    series = eci.IndexSeries.from_fit(index, undated="keep") if isinstance(index, eci.Fit) else index
    return found.transform(series, reading=reading)


def _leave_one_out(
    first: Fit | IndexSeries, second: Fit | IndexSeries, found: Link, options: dict[str, Any]
) -> Any:
    import eci

    if found.common != "models":
        raise DataError(
            f"--leave-one-out goes by models; this link is by {found.common}. Add --common models."
        )
    if len(found) <= 3:
        raise DataError(f"--leave-one-out needs at least 4 common models; there are {len(found)}.")
    return eci.leave_one_out(first, second, models=found.units.names, **options)


def _print(found: Link, without: Any, moved: IndexSeries | None, reading: str) -> None:
    from eci.cli.present import print_table
    from eci.report.link_words import describe_link, describe_moved

    click.echo(describe_link(found))
    table = found.table()
    plain = bool((found.units.weights == 1).all())
    columns = {
        "old": ".1f",
        "old_sd": ".2f",
        "new": ".1f",
        "new_sd": ".2f",
        "residual": "+.2f",
        "difference": "+.2f",
    }
    if found.identity_residual_sd is None:
        table, columns = (
            table.drop(columns="difference"),
            {k: v for k, v in columns.items() if k != "difference"},
        )
    if found.common == "benchmarks":
        table = table.drop(columns="release_date")
    if plain:
        table = table.drop(columns="weight")
    print_table(table, columns if plain else columns | {"weight": ".2f"}, {"difference": "new - old"})
    if without:
        click.echo("\nWithout each common model in turn:")
        for name, other in without.items():
            slope, scatter = other.quantities()["slope"], other.quantities()["residual_sd"]
            click.echo(
                f"  {name}: slope {slope.median:.3f} ({slope.low:.3f} to {slope.high:.3f}), residual sd "
                f"{scatter.median:.2f}"
            )
    if moved is not None:
        click.echo("\n" + describe_moved(moved, reading), nl=False)
