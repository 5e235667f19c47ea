"""Index over time to Trend."""

from eci.trend.ensemble import TrendOptions
from eci.trend.estimate import fit_trend
from eci.trend.priors import TrendPriors
from eci.trend.result import Trend
from eci.trend.series import IndexSeries

__all__ = ["IndexSeries", "Trend", "TrendOptions", "TrendPriors", "fit_trend"]
