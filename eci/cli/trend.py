"""`eci trend`: slopes, jump and break date of an index, and whether a model is on trend."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.cli import refits
from eci.cli.files import check_new_result, write_result
from eci.cli.options import interval_prob_option
from eci.cli.series import read_series, series_options
from eci.errors import EXIT_CHECK_FAILED

if TYPE_CHECKING:
    import pandas as pd

    from eci import Trend


@click.command()
@series_options
@click.option(
    "--change",
    type=click.Choice(["auto", "none", "kink", "jump", "both"]),
    default="auto",
    show_default=True,
    help="Change model; auto compares and averages the four.",
)
@click.option("--break-at", metavar="MODEL|DATE", help="Fix the break at a release or a date.")
@click.option(
    "--segments",
    type=click.Choice(["joined", "separate"]),
    default="joined",
    show_default=True,
    help="With --change both --break-at MODEL: separate lines share the break model, as in system cards.",
)
@click.option(
    "--breaks",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="2: also seek a second kink, and weigh the evidence for it.",
)
@click.option(
    "--joint",
    is_flag=True,
    help="Check on all models of a fit: fit its scores again with this line as the prior of ability. Needs "
    "--change none, or --change kink, jump or both with --break-at.",
)
@click.option(
    "--allow-unconverged", is_flag=True, help="Exit 0 even if a check of --joint or --refit failed."
)
@click.option(
    "--model", "names", multiple=True, help="Is this model on the trend of the others? May be repeated."
)
@click.option("--group-by", type=click.Choice(["lab"]), help="A line for every lab, partially pooled.")
@click.option("--envelope", is_flag=True, help="Second reading: all models as a line minus one-sided gaps.")
@click.option("--student-t", "degrees", type=float, metavar="DF", help="Again with Student-t residuals.")
@click.option("--forecast", "dates", multiple=True, metavar="DATE", help="Index at a date; may be repeated.")
@click.option(
    "--level", "levels", multiple=True, type=float, help="When is this index reached? May be repeated."
)
@click.option("--backtest", is_flag=True, help="How forecasts from every release on would have done.")
@click.option(
    "--refit",
    is_flag=True,
    help="With --backtest, of a fit: beside today's index, the index fitted again at every origin on the "
    "models released by then. Minutes.",
)
@click.option(
    "--power", is_flag=True, help="False alarms and power of two announcement rules on this series."
)
@click.option("--horizon", is_flag=True, help="What a point means: METR time horizons of the --model names.")
@click.option(
    "--horizon-log-sd",
    type=click.FloatRange(0),
    default=0.3,
    show_default=True,
    help="Error of the logarithm of a measured time horizon.",
)
@click.option("--priors", "priors_file", type=click.Path(path_type=Path), help="TOML file with prior scales.")
@interval_prob_option
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the posterior draws."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also write trend.json, trend.csv, trend.png, trend.svg."
)
@click.option("--force", is_flag=True, help="Replace files in --out.")
def trend(source: Path, **given: Any) -> None:
    """Regress an index on release date, with its joint uncertainty and the break date unknown.

    The index is a folder written by `eci fit`, or a CSV with the columns model, release_date and index, and
    perhaps low, high and interval_prob, or sd; lab, vintage, model_in_scores.
    """
    import eci
    from eci.trend.caveats import warn_of_future

    out, force = given["out"], given["force"]
    if out is not None:
        check_new_result(out, "trend", force=force)
    refits.check(source, given)
    priors = given["priors_file"]
    series = read_series(source, given)
    warn_of_future(series, dt.date.today())
    result = eci.fit_trend(
        series,
        change=given["change"],
        break_at=given["break_at"],
        segments=given["segments"],
        priors=None if priors is None else eci.TrendPriors.from_toml(priors),
        interval_prob=given["interval_prob"],
        seed=given["seed"],
    )
    answers = [result.on_trend(name) for name in given["names"]]
    record = result.record(answers)
    sections = _further_answers(source, result, given, record)
    if given["joint"]:
        from eci.report.joint_words import describe_joint

        joint = refits.fit_joint(source, result)
        record["joint"] = joint.record(result.interval_prob)
        sections.append(describe_joint(joint, result))
    if out is not None:
        from eci.report import plots

        write_result(out, "trend", record, _table(result), plots.timeline(result))
    if as_text := not given["as_json"]:
        from eci.report.words import describe_trend

        click.echo(describe_trend(result, answers), nl=False)
        for section in sections:
            click.echo("\n" + section)
    else:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
    if out is not None and as_text:
        print(f"Wrote trend.json, trend.csv, trend.png and trend.svg to {out}.", file=sys.stderr)
    if refits.failed(record) and not given["allow_unconverged"]:
        raise click.exceptions.Exit(EXIT_CHECK_FAILED)


def _further_answers(source: Path, result: Trend, given: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """Answer what was asked besides; each answer goes into `record`, and is returned in words."""
    import eci
    from eci.report import outlook

    sections = []
    if given["breaks"] == 2:
        bent = eci.fit_two_kinks(result)
        record["two_breaks"] = bent.record()
        sections.append(outlook.describe_two_kinks(bent, result.interval_prob))
    if given["group_by"]:
        labs = result.by_lab()
        record["by_lab"] = labs.record()
        sections.append(outlook.describe_labs(labs, result.interval_prob))
    if given["envelope"]:
        envelope = eci.fit_envelope(result.series, interval_prob=result.interval_prob, seed=given["seed"])
        record["envelope"] = envelope.record()
        sections.append(outlook.describe_envelope(envelope))
    if given["degrees"] is not None:
        robust = eci.fit_robust(result, degrees=given["degrees"], seed=given["seed"])
        record["student_t"] = robust.record()
        sections.append(outlook.describe_robust(robust))
    if given["dates"] or given["levels"]:
        forecasts = [eci.forecast(result, date) for date in given["dates"]]
        reached = [eci.reach(result, level) for level in given["levels"]]
        record["forecast"] = [answer.record() for answer in forecasts]
        record["reach"] = [answer.record() for answer in reached]
        sections.append(outlook.describe_forecast(forecasts, reached, result.interval_prob))
    if given["backtest"]:
        tested = {"backtest": eci.backtest(result.series, seed=given["seed"])}
        if given["refit"]:
            tested["walk_forward"] = refits.walk_forward(source, result)
        record.update({kind: test.record() for kind, test in tested.items()})
        sections.append(outlook.describe_backtests(*tested.values()))
    if given["power"]:
        power = eci.simulate_power(result, seed=given["seed"])
        record["power"] = power.record()
        sections.append(outlook.describe_power(power))
    if given["horizon"]:
        horizons = eci.map_to_horizon(
            result.series,
            given["names"],
            log_sd=given["horizon_log_sd"],
            interval_prob=given["interval_prob"],
            seed=given["seed"],
        )
        record["horizon"] = {horizon.kind: horizon.record() for horizon in horizons}
        sections.append(outlook.describe_horizons(horizons, result.interval_prob))
    return sections


def _table(result: Trend) -> pd.DataFrame:
    """Quantities of a trend with six digits; dates and numbers share columns, which to_csv's format skips."""
    return result.table().map(
        lambda cell: f"{cell:.6g}" if isinstance(cell, float) and math.isfinite(cell) else cell
    )
