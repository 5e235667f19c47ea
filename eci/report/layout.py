"""What a figure shows and names: choices that the pictures and the HTML charts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

N_TELLING = 8


def span(values: ArrayLike, *, include: ArrayLike = (), margin: float = 0.03) -> tuple[float, float]:
    """Ends of an axis that holds some values with a margin."""
    held = np.concatenate([np.ravel(values), np.ravel(include)]).astype(np.float64)
    low, high = float(np.nanmin(held)), float(np.nanmax(held))
    room = margin * max(high - low, 1e-9)
    return low - room, high + room


def frame_trend(models: pd.DataFrame, line: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the time axis, in years, and of the index axis of a trend: every model is inside."""
    years = to_years(models["release_date"])
    drawn = to_years(line["date"])
    margin = 0.03 * float(years.max() - years.min())
    across = min(years.min() - margin, drawn.min()), max(years.max() + margin, drawn.max())
    on_line = models[models["on_line"]]
    ends = models["index"], on_line["low"], on_line["high"], line["low"], line["high"]
    low, high = min(float(part.min()) for part in ends), max(float(part.max()) for part in ends)
    return (float(across[0]), float(across[1])), (low - 0.04 * (high - low), high + 0.04 * (high - low))


def round_dates(across: tuple[float, float], most: int) -> dict[float, str]:
    """Ticks of a time axis that runs between two years such as 2024.5: years with their labels.

    The finest of whole months, quarters, half years, years, ... of which there are at most `most`; days where
    not even two months begin on the axis.
    """
    first, last = np.round((np.array(across) - 1970.0) * 365.25).astype(np.int64).astype("datetime64[D]")
    days = np.arange(first, last + np.timedelta64(1, "D"))
    starts = days[days == days.astype("datetime64[M]")]
    n_months = starts.astype("datetime64[M]").astype(np.int64)  # since January 1970
    for step in (1, 3, 6, 12, 24, 60, 120, 600):
        ticks = starts[n_months % step == 0]
        if len(ticks) <= most:
            break
    if len(ticks) < 2:
        ticks = days[:: -(-len(days) // 4)]
        labels = [str(day) for day in ticks]
    else:
        labels = [day.strftime("%Y" if step >= 12 else "%b %Y") for day in ticks.tolist()]
    at = 1970.0 + ticks.astype(np.float64) / 365.25
    return dict(zip(at.tolist(), labels, strict=True))


def to_years(dates: pd.Series) -> NDArray[np.float64]:
    """Dates as years: the middle of 2024 is 2024.5."""
    return 1970.0 + dates.to_numpy().astype("datetime64[D]").astype(np.float64) / 365.25


def rank_leaders(on_line: pd.DataFrame) -> pd.DataFrame:
    """Models on the line in the order to name them: the leader, the surest members, those that stand off."""
    leads = on_line["index"] == on_line["index"].max()
    gap = on_line["release_date"].diff().bfill()
    order = ["leads", "p_frontier", "gap"]
    ranked = on_line.assign(leads=leads, gap=gap).sort_values(order, ascending=False, kind="stable")
    return ranked.drop(columns=["leads", "gap"])


def trace_bars(models: pd.DataFrame, n: int = 7) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along the error bars, which labels should keep clear of: years and index, shape (n * model,)."""
    share = np.linspace(0, 1, n)
    low, high = models["low"].to_numpy()[:, None], models["high"].to_numpy()[:, None]
    return np.repeat(to_years(models["release_date"]), n), (low + share * (high - low)).ravel()


def place_benchmarks(standing: pd.DataFrame) -> pd.DataFrame:
    """Benchmarks of `at_frontier` with the columns x and y: the difficulty and slope where they are drawn.

    These are the means; where a few wild draws throw a mean out of its own interval, the medians. Benchmarks
    without a finite place are left out.
    """
    placed = standing.assign(x=_settle(standing, "difficulty"), y=_settle(standing, "discrimination"))
    found = np.isfinite(placed["x"]) & np.isfinite(placed["y"]) & (placed["y"] > 0)
    drawn: pd.DataFrame = placed[found]
    return drawn


def _settle(standing: pd.DataFrame, name: str) -> pd.Series:
    mean, low, high = standing[name], standing[f"{name}_low"], standing[f"{name}_high"]
    return mean.where(low.isna() | mean.between(low, high), standing[f"{name}_median"])


def list_slopes(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: 1, 2, 5 times powers of ten; the powers alone over more than three.

    Where not even two of these are on the axis, it is as good as linear, and so are the ticks.
    """
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = (1.0, 2.0, 5.0) if high / low <= 1e3 else (1.0,)
    ticks = np.outer(10**powers, steps).ravel()
    held = ticks[(ticks >= low) & (ticks <= high)]
    if len(held) < 2:
        step = 10 ** np.floor(np.log10((high - low) / 2))
        step *= next(factor for factor in (1, 2, 5) if (high - low) / (factor * step) <= 6)
        held = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return [float(f"{tick:.6g}") for tick in held]


def frame_information(curves: pd.DataFrame, frontier: pd.DataFrame) -> tuple[tuple[float, float], float, int]:
    """Ends of the index axis of the information curves, top of the other, and how many curves leave there.

    A peak a thousand times the middle one is the work of a few wild draws, and would press the others flat.
    """
    best = float(frontier["index"].iloc[0])
    across = min(float(curves["index"].min()), best - 1), max(float(curves["index"].max()), best + 1)
    peaks = curves.groupby("benchmark")["information"].max()
    held = peaks[np.isfinite(peaks) & (peaks <= 1000 * peaks.median())]
    return across, 1.2 * float(held.max()), len(peaks) - len(held)


def choose_marked(standing: pd.DataFrame, n: int) -> pd.DataFrame:
    """Benchmarks to name: in turn the hardest, those that tell most at the frontier, the most used."""
    ranked = [
        standing.sort_values(column, ascending=False, kind="stable").index[:n].to_list()
        for column in ("difficulty", "information", "n_models", "discrimination")
    ]
    turns = [row for turn in zip(*ranked, strict=True) for row in turn]
    return standing.loc[list(dict.fromkeys(turns))[:n]]


def choose_telling(curves: pd.DataFrame, standing: pd.DataFrame, n: int = N_TELLING) -> pd.DataFrame:
    """Curves of the benchmarks that separate models at the frontier best, with the error of one score."""
    names = standing.sort_values("information", ascending=False, kind="stable")["benchmark"][:n]
    telling = curves[curves["benchmark"].isin(names)]
    with np.errstate(divide="ignore"):
        return telling.assign(error=telling["information"] ** -0.5)


def list_telling(standing: pd.DataFrame, n: int = N_TELLING) -> list[str]:
    """Lines of a list of these benchmarks with the error of one score at the frontier."""
    ranked = standing.sort_values("information", ascending=False, kind="stable")[:n]
    lines = zip(ranked["single_score_sd"], ranked["benchmark"], strict=True)
    return [f"{sd:.1f}  {name}" for sd, name in lines]


def choose_surprising(by_domain: pd.DataFrame, n: int, least: float = 2.5) -> pd.DataFrame:
    """Models to name: those furthest from what their index says."""
    ranked = by_domain.sort_values("z", key=np.abs, ascending=False, kind="stable")
    return ranked[ranked["z"].abs() >= least][:n]


def swarm(by_domain: pd.DataFrame, per_row: int) -> pd.DataFrame:
    """Give every model a height in the row of its domain, so that dots of like value stand side by side.

    Adds the columns row (0 for the domain with most scores) and at = row + a shift within 0.42.
    """
    size = by_domain.groupby("domain")["n_scores"].sum().sort_values(ascending=False, kind="stable")
    row = by_domain["domain"].map({domain: k for k, domain in enumerate(size.index)}).astype(float)
    reach = float(by_domain["z"].abs().max()) or 1.0
    bins = np.rint(by_domain["z"] / reach * per_row).astype(int)
    rank = np.asarray(by_domain.groupby([by_domain["domain"], bins]).cumcount(), dtype=np.int64)
    shift = _fan(rank)
    return by_domain.assign(row=row, at=row + 0.42 * shift / max(float(np.abs(shift).max()), 5.0))


def _fan(rank: NDArray[np.int64]) -> NDArray[np.float64]:
    """0, 1, -1, 2, -2, ... for 0, 1, 2, 3, 4, ..."""
    return np.where(rank % 2 == 1, (rank + 1) // 2, -(rank // 2)).astype(np.float64)
