"""`eci trend`: slopes, jump and break date of an index, and whether a model is on trend."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eci.errors import DataError

if TYPE_CHECKING:
    from eci.trend import IndexSeries, Trend, TrendPriors

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.argument("source", metavar="DIR|TABLE.csv", type=click.Path(path_type=Path))
@click.option(
    "--frontier", is_flag=True, help="The running maximum of the true index, its membership uncertain."
)
@click.option("--lab", "labs", multiple=True, help="Keep this lab; may be repeated.")
@click.option(
    "--models", help="Keep these models: names with commas between, or a file with one name a line."
)
@click.option("--since", type=_DAY, help="Keep models released on this day or later.")
@click.option("--until", type=_DAY, help="Keep models released on this day or earlier.")
@click.option("--through", metavar="MODEL", help="Keep models released no later than this one.")
@click.option(
    "--reasoning", type=click.Choice(["yes", "no"]), help="Keep models that reason, or that do not."
)
@click.option(
    "--weights", type=click.Choice(["open", "closed"]), help="Keep models with open or closed weights."
)
@click.option("--vintage", help="Vintage of the table; a prefix is enough.")
@click.option(
    "--error-corr",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="Correlation of the errors of two models, for a table with intervals.",
)
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
@click.option(
    "--interval-prob",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Probability of the intervals.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the posterior draws.")
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
    from eci.trend import fit_trend

    out, force = given["out"], given["force"]
    if out is not None:
        _check_writable(out, force)
    series = read_series(source, given)
    result = fit_trend(
        series,
        change=given["change"],
        break_at=given["break_at"],
        segments=given["segments"],
        priors=_read_priors(given["priors_file"]),
        interval_prob=given["interval_prob"],
        seed=given["seed"],
    )
    answers = [result.on_trend(name) for name in given["names"]]
    record = result.record(answers)
    sections = _further_answers(result, given, record)
    if out is not None:
        _write(out, result, record)
    if as_text := not given["as_json"]:
        from eci.report.words import describe_trend

        click.echo(describe_trend(result, answers), nl=False)
        for section in sections:
            click.echo("\n" + section)
    else:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
    if out is not None and as_text:
        print(f"Wrote trend.json, trend.csv, trend.png and trend.svg to {out}.", file=sys.stderr)


def _further_answers(result: Trend, given: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """Answer what was asked besides; each answer goes into `record`, and is returned in words."""
    from eci.report import outlook

    sections = []
    if given["group_by"]:
        labs = result.by_lab()
        record["by_lab"] = labs.record()
        sections.append(outlook.describe_labs(labs, result.interval_prob))
    if given["envelope"]:
        from eci.trend.envelope import fit_envelope

        envelope = fit_envelope(result.series, interval_prob=result.interval_prob, seed=given["seed"])
        record["envelope"] = envelope.record()
        sections.append(outlook.describe_envelope(envelope))
    if given["degrees"] is not None:
        from eci.trend.robust import fit_robust

        robust = fit_robust(result, degrees=given["degrees"], seed=given["seed"])
        record["student_t"] = robust.record()
        sections.append(outlook.describe_robust(robust))
    if given["dates"] or given["levels"]:
        from eci.trend.forecast import forecast, reach

        forecasts = [forecast(result, date) for date in given["dates"]]
        reached = [reach(result, level) for level in given["levels"]]
        record["forecast"] = [answer.record() for answer in forecasts]
        record["reach"] = [answer.record() for answer in reached]
        sections.append(outlook.describe_forecast(forecasts, reached, result.interval_prob))
    if given["backtest"]:
        from eci.trend.backtest import backtest

        tested = backtest(result.series, seed=given["seed"])
        record["backtest"] = tested.record()
        sections.append(outlook.describe_backtest(tested))
    if given["power"]:
        from eci.trend.power import simulate_power

        power = simulate_power(result, seed=given["seed"])
        record["power"] = power.record()
        sections.append(outlook.describe_power(power))
    if given["horizon"]:
        from eci.trend.horizon import map_to_horizon

        horizons = map_to_horizon(
            result.series,
            given["names"],
            log_sd=given["horizon_log_sd"],
            interval_prob=given["interval_prob"],
            seed=given["seed"],
        )
        record["horizon"] = {horizon.kind: horizon.record() for horizon in horizons}
        sections.append(outlook.describe_horizons(horizons, result.interval_prob))
    return sections


def read_series(source: Path, given: dict[str, Any]) -> IndexSeries:
    """Read a fit or a published table and select from it."""
    from eci.trend import IndexSeries

    selection = {
        "frontier": given["frontier"],
        "labs": list(given["labs"]) or None,
        "models": _names(given["models"]),
        "since": _day(given["since"]),
        "until": _day(given["until"]),
        "through": given["through"],
        "reasoning": given["reasoning"],
        "weights": given["weights"],
    }
    if source.is_dir():
        from eci.folder import load_fit

        if given["vintage"] is not None:
            raise DataError(
                f"--vintage {given['vintage']} was given, but {source} is a fit, which has no vintages."
            )
        return IndexSeries.from_fit(load_fit(source), **selection)
    return IndexSeries.from_table(
        _read_table(source), vintage=given["vintage"], error_corr=given["error_corr"], **selection
    )


def _read_table(path: Path) -> Any:
    import pandas as pd

    if not path.exists():
        raise DataError(
            f"No index at {path}. Give a folder written by `eci fit`, or a CSV of a published index."
        )
    try:
        return pd.read_csv(path)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as fault:
        raise DataError(
            f"{path} is not a CSV table: {str(fault).strip()}. Save it as UTF-8 with commas."
        ) from fault


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    path = Path(text)
    if path.is_file():
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [name.strip() for name in text.split(",") if name.strip()]


def _day(value: dt.datetime | None) -> str | None:
    return None if value is None else value.date().isoformat()


def _read_priors(path: Path | None) -> TrendPriors | None:
    """Read prior scales from TOML: the keys of `TrendPriors`, at the top or under [trend]."""
    if path is None:
        return None
    import tomllib
    from dataclasses import fields

    from eci.trend import TrendPriors

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise DataError(
            f"Cannot read priors from {path}: {fault}. Give a TOML file such as jump_sd = 5.0."
        ) from fault
    table = table.get("trend", table)
    known = {field.name for field in fields(TrendPriors)}
    for key in table:
        if key not in known:
            raise DataError(
                f"{path} sets the prior {key!r}, which no trend has. Known: {', '.join(sorted(known))}."
            )
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return TrendPriors(**values)


def _check_writable(out: Path, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file. Name a folder.")
    written = [
        name for name in ("trend.json", "trend.csv", "trend.png", "trend.svg") if (out / name).exists()
    ]
    if written and not force:
        raise DataError(
            f"{out} already holds {', '.join(written)}. Choose another folder, or replace with --force."
        )


def _write(out: Path, result: Trend, record: dict[str, Any]) -> None:
    """Write the result as JSON, its quantities as CSV, and its picture."""
    from eci.report import plots

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    (out / "trend.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    # dates and numbers share columns, which float_format passes over
    table = result.table().map(
        lambda cell: f"{cell:.6g}" if isinstance(cell, float) and math.isfinite(cell) else cell
    )
    table.to_csv(out / "trend.csv", index=False, lineterminator="\n")
    figure = plots.trend(result).get_figure(root=True)
    if figure is None:  # the axes were made on a figure just now
        raise RuntimeError("axes without a figure")
    figure.savefig(out / "trend.png", dpi=150)
    figure.savefig(out / "trend.svg")
