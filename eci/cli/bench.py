"""`eci bench`: how fast this machine samples these data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli.computing import computing
from eci.cli.options import data_options, likelihood_option, rule_options

if TYPE_CHECKING:
    from eci.fitted import Fit

_COLUMNS = {
    "kernel": "kernel",
    "mode": "mode and compile s",
    "sample": "sampling s",
    "gradients": "gradients",
    "divergences": "divergences",
    "index": "ESS index",
    "difficulty": "ESS difficulty",
    "discrimination": "ESS discrimination",
    "per_second": "ESS/s",
}


@click.command()
@data_options
@rule_options
@likelihood_option
@click.option(
    "--kernel",
    "kernels",
    type=click.Choice(["lean", "numpyro"]),
    multiple=True,
    help="lean is eci's own, numpyro is NumPyro's on the same coordinates; may be repeated. Default: both.",
)
@click.option("--draws", type=click.IntRange(min=100), default=1000, show_default=True, help="Per chain.")
@click.option("--chains", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(
    source: Path | None,
    reading: dict[str, Any],
    rules: dict[str, Any],
    likelihood: str | None,
    kernels: tuple[str, ...],
    draws: int,
    chains: int,
    seed: int,
    as_json: bool,
) -> None:
    """Time the sampler on DATA, with its own kernel and with NumPyro's on the same coordinates.

    DATA as for `eci fit`. Every kernel keeps the same number of draws. ESS is the smallest effective sample
    size over the published quantities named; ESS/s is that of index and difficulty for each second of warm-up
    and sampling. Compiled programs are kept between runs: run twice to see the seconds without compilation.
    """
    import eci

    matrix = eci.ScoreMatrix.from_table(eci.load_scores(source, **reading), **rules)
    rows, found = [], None
    with computing() as progress:
        for kernel in kernels or ("lean", "numpyro"):
            method = eci.Nuts(n_chains=chains, n_draws=draws, max_extensions=0, max_halvings=0, kernel=kernel)  # type: ignore[arg-type]
            found = eci.fit(
                matrix,
                likelihood=likelihood,  # type: ignore[arg-type]
                method=method,
                seed=seed,
                progress=progress,
            )
            rows.append({"kernel": kernel, **_measure(found)})
    if found is None:
        return
    facts = {
        "models": matrix.n_models,
        "benchmarks": matrix.n_benchmarks,
        "scores": matrix.n_scores,
        "likelihood": found.likelihood,
        "draws": chains * draws,
        "device": found.provenance.device,
        "versions": dict(found.provenance.versions),
    }
    click.echo(json.dumps({**facts, "runs": rows}, indent=2) if as_json else _describe(facts, rows))


def _measure(fit: Fit) -> dict[str, float]:
    """Seconds, gradients a draw, and effective draws of one fit."""
    seconds = fit.provenance.seconds
    sizes = {check.name: check.value for check in fit.diagnostics.checks}
    ess = {name: sizes[f"ess_bulk_{name}"] for name in ("index", "difficulty", "discrimination")}
    return {
        "mode": seconds["mode"] + seconds.get("compile", 0.0),
        "sample": seconds["sample"],
        "gradients": float(fit.sample_stats["n_gradients"].mean()),
        "divergences": int(fit.sample_stats["diverging"].sum()),
        **ess,
        "per_second": min(ess["index"], ess["difficulty"]) / seconds["sample"],
    }


def _describe(facts: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """One table, and what it was made on."""
    from eci.report.text import align

    digits = {"mode": 2, "sample": 2, "gradients": 1}
    cells = [
        [row["kernel"], *(f"{row[name]:.{digits.get(name, 0)}f}" for name in list(_COLUMNS)[1:])]
        for row in rows
    ]
    size = "{models} models, {benchmarks} benchmarks, {scores} scores".format(**facts)
    drawn = "likelihood {likelihood}, {draws} draws; {device}".format(**facts)
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return "\n".join(
        [
            align([list(_COLUMNS.values()), *cells], "<" + ">" * (len(_COLUMNS) - 1)),
            f"{size}; {drawn}; {versions}.",
        ]
    )
