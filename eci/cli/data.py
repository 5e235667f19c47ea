"""`eci data`: fetch published scores, list what is in the cache, show it, compare two states of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.options import reading_options, rule_options
from eci.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from eci.scores.compare import TableDiff

_SHOWN = 10

_cache = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    envvar="ECI_CACHE",
    show_envvar=True,
    help="Folder of fetched data. Default: the user's cache.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def data() -> None:
    """Fetch, list and compare published data.

    A vintage is one fetched state of a source, named SOURCE/DAY-CHECKSUM; SOURCE alone means its newest, and
    the start of DAY-CHECKSUM is enough.
    """


@data.command()
@click.argument("source", metavar="SOURCE", default="epoch")
@click.option("--url", help="Another address of the same kind of file.")
@click.option("--offline", is_flag=True, help="Take the newest vintage in the cache; connect to nothing.")
@click.option("--sha256", metavar="HEX", help="Checksum the file must have.")
@click.option(
    "--max-mib", type=click.IntRange(min=1), default=256, show_default=True, help="Largest file to take."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait for the next bytes; ten times as many for the whole file.",
)
@_cache
def fetch(
    source: str,
    url: str | None,
    offline: bool,
    sha256: str | None,
    max_mib: int,
    timeout: float,
    cache: Path | None,
) -> None:
    """Fetch SOURCE into the cache and print the path of its file.

    SOURCE is epoch (Epoch AI's eci_benchmarks.csv, the default) or epoch_zip (its benchmark_data.zip). A file
    that cannot be read as scores is not kept; a state that is in the cache already is found by its ETag or
    checksum. The path is for other commands: eci fit "$(eci data fetch epoch)"
    """
    from eci.scores.download import Limits
    from eci.scores.fetch import SOURCES
    from eci.scores.fetch import fetch as fetch_source

    limits = Limits(max_bytes=max_mib * 2**20, read_seconds=timeout, total_seconds=10 * timeout)
    vintage, is_new = fetch_source(
        source, url=url, cache=cache, offline=offline, sha256=sha256, limits=limits
    )
    state = "new" if is_new else "from the cache" if offline else "unchanged"
    click.echo(f"{vintage.name}: {state}, {vintage.n_bytes} bytes, {SOURCES[source].what}.", err=True)
    click.echo(vintage.path)


@data.command("list")
@_cache
@_json
def list_(cache: Path | None, as_json: bool) -> None:
    """List the vintages in the cache, oldest first."""
    from eci.scores.cache import cache_folder, list_vintages

    folder = cache_folder(cache)
    vintages = list_vintages(folder)
    if as_json:
        click.echo(json.dumps([v.as_dict() for v in vintages], indent=1, ensure_ascii=False))
        return
    if not vintages:
        click.echo(f"Nothing in {folder} yet. Fetch with: eci data fetch epoch", err=True)
    width = max((len(v.name) for v in vintages), default=0)
    for v in vintages:
        click.echo(f"{v.name:<{width}}  {v.fetched}  {v.n_bytes:>10} bytes  {v.url}")


@data.command()
@click.argument("vintage", metavar="VINTAGE")
@_cache
@_json
def show(vintage: str, cache: Path | None, as_json: bool) -> None:
    """Show where VINTAGE came from and what it holds, after checking its checksum."""
    import eci
    from eci.scores import summarise
    from eci.scores.cache import cache_folder, find_vintage

    found = find_vintage(cache_folder(cache), vintage)
    found.require_intact()
    summary = summarise(eci.load_scores(found.path, format=found.format))
    record = found.as_dict()
    if as_json:
        click.echo(json.dumps({**record, "data": summary.as_dict()}, indent=1, ensure_ascii=False))
        return
    size = f"{summary.n_models} models, {summary.n_benchmarks} benchmarks, {summary.n_scores} scores"
    dates = f"{summary.first_date} to {summary.last_date}" if summary.first_date else "none"
    rows = {**record, "holds": size, "release dates": dates}
    for name in ("path", "url", "fetched", "etag", "sha256", "n_bytes", "format", "holds", "release dates"):
        click.echo(f"{name:<13}  {rows[name]}".rstrip())


@data.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--moves", is_flag=True, help="Fit both by least squares and show which models move.")
@click.option(
    "--top", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="Lines of each list."
)
@reading_options("OLD and NEW, where they are files")
@rule_options
@_cache
@_json
def diff(
    old: str,
    new: str,
    moves: bool,
    top: int,
    reading: dict[str, Any],
    rules: dict[str, Any],
    cache: Path | None,
    as_json: bool,
) -> None:
    """Say what changed from OLD to NEW: models, benchmarks, scores, and with --moves the index.

    OLD and NEW are vintages, or paths of score files. The moves are those of two least-squares fits with the
    rules given, each on its own scale: default anchors where both tables have them, else mean 100 and
    standard deviation 10 over the models that both fits have.
    """
    from eci.scores.compare import compare_tables

    tables = _load(old, cache, reading), _load(new, cache, reading)
    found = compare_tables(*tables)
    moved = _moves(*tables, rules) if moves else None
    if as_json:
        record = {"schema": "eci-data-diff/1", "old": old, "new": new, **found.as_dict()}
        if moved is not None:
            record["moves"] = json.loads(moved.to_json(orient="records"))
        click.echo(json.dumps(record, indent=1, ensure_ascii=False))
        return
    _print_diff(found, top)
    if moved is not None:
        _print_moves(moved, top)


def _load(name: str, cache: Path | None, reading: dict[str, Any]) -> pd.DataFrame:
    import eci
    from eci.scores.cache import cache_folder, find_vintage

    if Path(name).exists():
        return eci.load_scores(name, **reading)
    try:
        found = find_vintage(cache_folder(cache), name)
    except DataError as error:
        raise DataError(f"No file or folder is named {name}; as a vintage: {error}") from error
    found.require_intact()
    return eci.load_scores(found.path, format=found.format, aliases=reading["aliases"])


def _moves(old: pd.DataFrame, new: pd.DataFrame, rules: dict[str, Any]) -> pd.DataFrame:
    """Index of the models of both fits in each, and by how much it moved, the largest move first."""
    import pandas as pd

    import eci

    fits = [
        eci.fit(eci.ScoreMatrix.from_table(table, **rules), method=eci.LeastSquares()) for table in (old, new)
    ]
    values = [pd.Series(fit.index, index=fit.matrix.models) for fit in fits]
    shared = values[0].index.intersection(values[1].index)
    if not all(fit.scale.anchors for fit in fits):
        values = [100 + 10 * (v - v[shared].mean()) / v[shared].std(ddof=0) for v in values]
    table = pd.DataFrame({"model": shared, "old": values[0][shared], "new": values[1][shared]})
    table["move"] = table["new"] - table["old"]
    order = table["move"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _print_diff(found: TableDiff, top: int) -> None:
    for what in ("models", "benchmarks"):
        for how in ("added", "removed"):
            names = getattr(found, f"{what}_{how}")
            shown = ": " + ", ".join(names[:top]) + (", …" if len(names) > top else "") if names else ""
            click.echo(f"{what} {how:<7}  {len(names)}{shown}")
    counts = {
        "added": len(found.scores_added),
        "removed": len(found.scores_removed),
        "changed": len(found.scores_changed),
        "the same": found.n_same,
    }
    click.echo("scores " + ", ".join(f"{how} {n}" for how, n in counts.items()))
    for change in found.scores_changed[:top]:
        click.echo(f"  {change.model} on {change.benchmark}: {change.old:.4g} to {change.new:.4g}")
    if len(found.scores_changed) > top:
        click.echo(f"  … and {len(found.scores_changed) - top} more (--json names all).")


def _print_moves(moved: pd.DataFrame, top: int) -> None:
    from eci.cli.present import print_table
    from eci.report.text import count

    click.echo(f"\nLargest moves of {count(len(moved), 'model')} in both (least squares, points)")
    print_table(moved.head(top), {"old": ".1f", "new": ".1f", "move": "+.2f"})
