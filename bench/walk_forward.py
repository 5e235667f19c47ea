"""Does a walk-forward back-test need NUTS? Forecasts from three origins, refitted by Laplace and by NUTS.

python -m bench.walk_forward FIT      # minutes: every refit is compiled for its own size
"""

from __future__ import annotations

import sys

import numpy as np

import eci
from eci.inference.refit import refit_until
from eci.trend.walk_forward import carry, restrict_to

ORIGINS = ("2024-06-20", "2025-04-16", "2026-03-05")
AHEAD = np.timedelta64(183, "D")


def main(folder: str) -> None:
    fit = eci.load_fit(folder)
    series = eci.IndexSeries.from_fit(fit, frontier=True)
    print(f"{'origin':<12}{'models':>6}  {'refitted by':<14}{'median':>8}{'90 % low':>10}{'high':>8}")
    for origin in ORIGINS:
        for method in (eci.Laplace(), eci.Nuts()):
            past = refit_until(fit, np.datetime64(origin), method=method)
            then = restrict_to(series, eci.IndexSeries.from_fit(carry(past, fit)))
            for seed in (0, 1) if method.name == "nuts" else (0,):
                trend = eci.fit_trend(then, seed=seed)
                index = eci.forecast(trend, np.datetime64(origin) + AHEAD).index
                name = f"{method.name}, seed {seed}"
                print(
                    f"{origin:<12}{past.matrix.n_models:>6}  {name:<14}{index.median:>8.2f}{index.low:>10.2f}"
                    f"{index.high:>8.2f}"
                )


if __name__ == "__main__":
    main(sys.argv[1])
