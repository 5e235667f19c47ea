"""What `eci trend` answers by fitting scores again: the joint check and the walk-forward back-test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eci.cli.computing import computing
from eci.errors import DataError

if TYPE_CHECKING:
    from eci import Trend
    from eci.trend.backtest import Backtest
    from eci.trend.joint import JointTrend

# what `--joint` cannot take: its regression runs through all models of the fit
_NARROWING = ("frontier", "labs", "models", "since", "until", "through", "reasoning", "weights")


def check(source: Path, given: dict[str, Any]) -> None:
    """Refuse, before any work is done, what cannot be fitted again."""
    for asked in ("joint", "refit"):
        if given[asked] and not source.is_dir():
            raise DataError(
                f"--{asked} fits scores again, but {source} is a published table without scores. Give a "
                f"folder written by `eci fit`, or leave --{asked} out."
            )
    if given["joint"]:
        _check_joint(given)
    if given["refit"] and not given["backtest"]:
        raise DataError(
            "--refit says which index a back-test uses, but --backtest was not given. Add it, or leave "
            "--refit out."
        )


def _check_joint(given: dict[str, Any]) -> None:
    """Refuse a joint check of anything but one line, broken at a known date or not, through a whole fit."""
    narrowed = [name.removesuffix("s") if name == "labs" else name for name in _NARROWING if given[name]]
    if narrowed:
        raise DataError(
            f"--joint runs its line through all models of the fit, but --{' and --'.join(narrowed)} "
            "selects some. Leave the selection out, or make a fit of these models alone."
        )
    change, fixed = given["change"], given["break_at"] is not None
    if change == "auto" or fixed == (change == "none") or given["segments"] != "joined":
        at = f" --break-at {given['break_at']}" if fixed else ""
        raise DataError(
            f"--joint checks one line, its segments joined and its break known, but --change {change}{at} "
            f"--segments {given['segments']} was given. Give --change none, or --change kink, jump or both "
            "with --break-at."
        )


def fit_joint(source: Path, result: Trend) -> JointTrend:
    """Fit the scores again with the line of a trend as the prior of ability."""
    import eci

    fit = eci.load_fit(source)
    seconds = fit.provenance.seconds.get("total", 0.0)
    print(f"Fitting all scores again; the fit itself took {seconds:.0f} s.", file=sys.stderr)
    options = result.options
    with computing() as progress:
        return eci.fit_joint(
            fit,
            change=options.changes[0],
            break_at=options.break_date,
            priors=options.priors,
            seed=options.seed,
            progress=progress,
        )


def walk_forward(source: Path, result: Trend) -> Backtest:
    """Back-test with the index fitted again at every origin."""
    import eci
    from eci.trend.backtest import find_origins

    fit, n_origins = eci.load_fit(source), len(find_origins(result.series))
    print(f"Fitting the index again at {n_origins} origins, each a program of its own size.", file=sys.stderr)
    with computing() as progress:
        return eci.walk_forward(result.series, fit, seed=result.options.seed, progress=progress)


def failed(record: dict[str, Any]) -> bool:
    """Say whether a check of anything fitted again has failed."""
    joint = record.get("joint", {}).get("diagnostics", [])
    walked = record.get("walk_forward", {}).get("refits", [])
    return not all(item["ok"] for item in joint) or any(refit["failed"] for refit in walked)
