"""Published index tables: columns, vintages, intervals to standard deviations, variants of one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.scores.names import find_invisible
from eci.trend.basis import Array
from eci.trend.labels import Dates, Described, listed

if TYPE_CHECKING:
    import pandas as pd

Variants = Literal["best", "first", "refuse"]

REQUIRED = ("model", "index")
LABELS = ("lab", "open_weights", "reasoning")


@dataclass(frozen=True)
class IndexTable:
    """A published table, one row a model.

    Parameters
    ----------
    described
        Names, dates and labels of the models.
    labels_from
        In words, where labels without a column were looked up.
    index, sd
        Published value and standard deviation of its error in points, shape (model,); sd 0 where no row
        states an interval.
    has_errors
        Whether any row states one.
    vintage
        The one chosen; None where the table names none.
    dropped, notes
        Variants dropped with the reason, and what is to be kept in mind.
    """

    described: Described
    labels_from: str | None
    index: Array
    sd: Array
    has_errors: bool
    vintage: str | None
    dropped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def read_index_table(
    frame: pd.DataFrame, *, vintage: str | None, variants: Variants, needs_dates: bool
) -> IndexTable:
    """Read a published table; `IndexSeries.from_table` documents the columns."""
    for column in (*REQUIRED, "release_date") if needs_dates else REQUIRED:
        if column not in frame.columns:
            raise DataError(
                f"The index table has no column {column!r}; it has {', '.join(map(str, frame.columns))}. "
                "Name them model, index and, for a trend, release_date."
            )
    _require_visible(frame)
    frame, chosen = _choose_vintage(frame, vintage)
    frame = frame.assign(row=np.arange(len(frame)) + 2, name=_names(frame), index=_numbers(frame, "index"))
    frame, dropped, notes = _reduce_variants(frame, variants)
    sd, known = _standard_deviations(frame)
    has_errors = bool(known.any())
    if has_errors and not known.all():
        typical = float(np.median(sd[known]))
        sd = np.where(known, sd, typical)
        unknown = [str(name) for name in frame["name"].to_numpy()[~known]]
        notes.append(
            f"{len(unknown)} models have no interval and take the median sd of the others, {typical:.2f} "
            f"points: {listed(unknown)}."
        )
    labels, labels_from = _labels(frame)
    described = Described(
        models=tuple(str(name) for name in frame["name"]),
        release_date=_dates(frame),
        labs=_texts(labels, "lab"),
        open_weights=_flags(labels, "open_weights"),
        reasoning=_flags(labels, "reasoning"),
    )
    return IndexTable(
        described=described,
        labels_from=labels_from,
        index=frame["index"].to_numpy(dtype=np.float64),
        sd=sd,
        has_errors=has_errors,
        vintage=chosen,
        dropped=tuple(dropped),
        notes=tuple(notes),
    )


def _choose_vintage(frame: pd.DataFrame, vintage: str | None) -> tuple[pd.DataFrame, str | None]:
    if "vintage" not in frame.columns:
        if vintage is not None:
            raise DataError(f"vintage = {vintage!r} was asked for, but the table has no column `vintage`.")
        return frame, None
    held = sorted(str(v) for v in frame["vintage"].dropna().unique())
    if frame["vintage"].isna().any() and held:
        raise DataError(
            "Some rows have no vintage and others do. Fill the column `vintage` or split the table."
        )
    if not held:
        return frame, None
    listed = "; ".join(held)
    if vintage is None:
        if len(held) > 1:
            raise DataError(
                f"The table mixes {len(held)} vintages, and one model's value moves between them: {listed}. "
                "Choose one with vintage (a prefix is enough)."
            )
        return frame, held[0]
    matches = [v for v in held if v == vintage] or [v for v in held if v.startswith(vintage)]
    if len(matches) != 1:
        found = "no vintage" if not matches else f"{len(matches)} vintages"
        raise DataError(f"vintage = {vintage!r} matches {found}. The table holds: {listed}.")
    return frame[frame["vintage"].astype(str) == matches[0]], matches[0]


def _names(frame: pd.DataFrame) -> list[str]:
    names = frame["model"]
    if names.isna().any():
        raise DataError(
            f"Row {int(np.argmax(names.isna().to_numpy())) + 2} of the index table has no model name."
        )
    if "model_in_scores" in frame.columns:
        names = frame["model_in_scores"].where(frame["model_in_scores"].notna(), names)
    stripped = [str(name).strip() for name in names]
    for row, name in enumerate(stripped):
        if not name:
            raise DataError(f"Row {row + 2} of the index table has a blank model name. Name the model.")
    return stripped


def _require_visible(frame: pd.DataFrame) -> None:
    """Refuse text that looks like another or steers a terminal."""
    for column in ("model", "model_in_scores", "lab", "vintage"):
        for row, cell in enumerate(frame[column] if column in frame.columns else ()):
            if isinstance(cell, str) and (code := find_invisible(cell.strip())):
                raise DataError(
                    f"Row {row + 2} of the index table, column {column}: {cell[:80]!r} holds the invisible "
                    f"character {code}. Write it with visible ones."
                )


def _numbers(frame: pd.DataFrame, column: str) -> Array:
    """Parse a numeric column, naming the first cell that is not a number; blanks become nan."""
    import pandas as pd

    parsed = pd.to_numeric(frame[column], errors="coerce")
    bad = parsed.isna() & frame[column].notna()
    if column == "index":
        bad = parsed.isna()
    if bad.any():
        where = int(np.argmax(bad.to_numpy()))
        raise DataError(
            f"Column {column!r} is not a number for {frame['model'].iloc[where]!r}: "
            f"{frame[column].iloc[where]!r}. Correct or delete the row."
        )
    return parsed.to_numpy(dtype=np.float64)


def _dates(frame: pd.DataFrame) -> Dates:
    import pandas as pd

    if "release_date" not in frame.columns:
        return np.full(len(frame), np.datetime64("NaT", "D"))
    text = frame["release_date"].astype(str).str.strip()
    written = frame["release_date"].notna() & (text != "")
    parsed = pd.to_datetime(text.where(written), errors="coerce", format="ISO8601")
    parsed = parsed.where(text.str.match(r"\d{4}-\d{2}-\d{2}"))  # a year alone is no day
    bad = (parsed.isna() & written).to_numpy()
    if bad.any():
        where = int(np.argmax(bad))
        raise DataError(
            f"release_date of {frame['name'].iloc[where]!r} is not a date: "
            f"{frame['release_date'].iloc[where]!r}. Give it as YYYY-MM-DD, or leave it blank to drop the "
            "model."
        )
    return parsed.to_numpy().astype("datetime64[D]")


def _reduce_variants(frame: pd.DataFrame, rule: str) -> tuple[pd.DataFrame, list[tuple[str, str]], list[str]]:
    repeated = frame["name"].duplicated(keep=False)
    if not repeated.any():
        return frame, [], []
    names = sorted(frame.loc[repeated, "name"].unique())
    if rule == "refuse":
        raise DataError(
            f"{len(names)} models have several rows: {listed(names)}. Keep one row each, or give "
            "variants='best'."
        )
    order = frame.sort_values("index", ascending=False, kind="stable") if rule == "best" else frame
    kept = order.drop_duplicates("name").sort_values("row")
    lost = frame[~frame["row"].isin(kept["row"])]
    dropped = [
        (str(model), f"variant of {name}, rule {rule!r}")
        for model, name in zip(lost["model"], lost["name"], strict=True)
    ]
    note = f"{len(lost)} rows are further variants of {listed(names)} and are dropped (rule: {rule})."
    return kept, dropped, [note]


def _standard_deviations(frame: pd.DataFrame) -> tuple[Array, NDArray[np.bool_]]:
    """Return sds in points and which are known; from `sd`, else from the arms of the interval.

    An interval whose probability is not stated is not needed where `sd` is.

    With z the standard normal quantile of the interval's probability, sd = (high - low) / (2 z): the mean of
    the two arms, which for an asymmetric interval is the sd of the symmetric one with the same width.
    """
    from scipy.special import ndtri

    sd = np.full(len(frame), np.nan)
    if "low" in frame.columns and "high" in frame.columns:
        low, high, value = _numbers(frame, "low"), _numbers(frame, "high"), frame["index"].to_numpy()
        given = np.isfinite(low) & np.isfinite(high)
        half = np.isfinite(low) != np.isfinite(high)
        outside = half | (given & ((value < low) | (value > high)))
        if outside.any():
            where = int(np.argmax(outside))
            raise DataError(
                f"The interval of {frame['name'].iloc[where]!r} does not hold its value: index "
                f"{value[where]:g}, low {low[where]:g}, high {high[where]:g}. Correct the row, or blank "
                "both ends."
            )
        if "interval_prob" not in frame.columns:
            lacking = given & ~np.isfinite(_numbers(frame, "sd")) if "sd" in frame.columns else given
            if lacking.any():
                raise DataError(
                    "The table has `low` and `high` but no `interval_prob`: say which probability they hold, "
                    f"for instance 0.9 or 0.95, in a column, or give the `sd` of all models; "
                    f"{frame['name'].iloc[int(np.argmax(lacking))]!r} has none."
                )
        elif given.any():
            prob = _numbers(frame, "interval_prob")
            bad = given & ~((prob > 0) & (prob < 1))
            if bad.any():
                where = int(np.argmax(bad))
                raise DataError(
                    f"interval_prob of {frame['name'].iloc[where]!r} is {prob[where]:g}; it must lie in (0, "
                    "1), as 0.9 for intervals that hold 90%."
                )
            safe = np.where(given, prob, 0.5)
            sd = np.where(given, (high - low) / (2.0 * ndtri(0.5 + safe / 2.0)), np.nan)
    if "sd" in frame.columns:
        stated = _numbers(frame, "sd")
        if np.any(stated < 0):
            where = int(np.argmax(stated < 0))
            raise DataError(
                f"sd of {frame['name'].iloc[where]!r} is {stated[where]:g}; it must not be negative."
            )
        sd = np.where(np.isfinite(stated), stated, sd)
    known = np.isfinite(sd)
    return (sd if known.any() else np.zeros(len(frame))), known


def _labels(frame: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Look up, by name, the labels the table has no column for."""
    import pandas as pd

    from eci.scores.load import bundled_data

    missing = [column for column in LABELS if column not in frame.columns]
    if not missing:
        return frame, None
    known = pd.read_csv(bundled_data() / "models.csv").drop_duplicates("model").set_index("model")
    found = int(frame["name"].isin(known.index).sum())
    joined = frame.join(known[missing], on="name")
    return joined, f"{' and '.join(missing)} of {found} of {len(frame)} models: bundled models.csv"


def _texts(frame: pd.DataFrame, column: str) -> tuple[str | None, ...]:
    if column not in frame.columns:
        return (None,) * len(frame)
    return tuple(str(v) if isinstance(v, str) and v.strip() else None for v in frame[column].astype(object))


def _flags(frame: pd.DataFrame, column: str) -> tuple[bool | None, ...]:
    if column not in frame.columns:
        return (None,) * len(frame)
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return tuple(words.get(str(v).strip().lower()) for v in frame[column].astype(object))
