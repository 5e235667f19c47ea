"""Bayesian capability indices for AI models: item-response fits, trend breaks and linking.

Names are loaded on first use: `import eci` imports neither jax nor arviz nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eci.errors import ConvergenceError as ConvergenceError
    from eci.errors import DataError as DataError
    from eci.errors import EciError as EciError
    from eci.errors import EciWarning as EciWarning
    from eci.errors import IdentificationError as IdentificationError
    from eci.fitted import Fit as Fit
    from eci.folder.load import load_fit as load_fit
    from eci.folder.save import check_writable as check_writable
    from eci.inference.checkpoint import Checkpoint as Checkpoint
    from eci.inference.grid import approximate_grid as approximate_grid
    from eci.inference.method import Bootstrap as Bootstrap
    from eci.inference.method import Laplace as Laplace
    from eci.inference.method import LeastSquares as LeastSquares
    from eci.inference.method import Map as Map
    from eci.inference.method import Nuts as Nuts
    from eci.inference.method import Quadrature as Quadrature
    from eci.inference.run import fit as fit
    from eci.inference.simulate import simulate as simulate
    from eci.irt.priors import Priors as Priors
    from eci.linking import Link as Link
    from eci.linking import compare_vintages as compare_vintages
    from eci.linking import leave_one_out as leave_one_out
    from eci.linking import link as link
    from eci.linking import read_index as read_index
    from eci.queries.calibrate import calibrate as calibrate
    from eci.queries.criticism import criticise as criticise
    from eci.queries.design import next_difficulty as next_difficulty
    from eci.scale import Scale as Scale
    from eci.scores import ScoreMatrix as ScoreMatrix
    from eci.scores import load_scores as load_scores
    from eci.scores.compare import compare_tables as compare_tables
    from eci.scores.fetch import fetch as fetch
    from eci.trend import IndexSeries as IndexSeries
    from eci.trend import Trend as Trend
    from eci.trend import TrendPriors as TrendPriors
    from eci.trend import fit_trend as fit_trend
    from eci.trend.backtest import backtest as backtest
    from eci.trend.envelope import fit_envelope as fit_envelope
    from eci.trend.forecast import forecast as forecast
    from eci.trend.forecast import reach as reach
    from eci.trend.horizon import map_to_horizon as map_to_horizon
    from eci.trend.joint import fit_joint as fit_joint
    from eci.trend.power import simulate_power as simulate_power
    from eci.trend.robust import fit_robust as fit_robust
    from eci.trend.two_kinks import fit_two_kinks as fit_two_kinks
    from eci.trend.walk_forward import walk_forward as walk_forward

__version__ = "0.1.0"

_HOMES = {
    "simulate": "eci.inference.simulate",
    "Scale": "eci.scale",
    "check_writable": "eci.folder.save",
    "load_fit": "eci.folder.load",
    "Fit": "eci.fitted",
    "Priors": "eci.irt.priors",
    "Map": "eci.inference.method",
    "Laplace": "eci.inference.method",
    "LeastSquares": "eci.inference.method",
    "Bootstrap": "eci.inference.method",
    "Nuts": "eci.inference.method",
    "Quadrature": "eci.inference.method",
    "approximate_grid": "eci.inference.grid",
    "Checkpoint": "eci.inference.checkpoint",
    "fit": "eci.inference.run",
    "ConvergenceError": "eci.errors",
    "DataError": "eci.errors",
    "EciError": "eci.errors",
    "EciWarning": "eci.errors",
    "IdentificationError": "eci.errors",
    "IndexSeries": "eci.trend",
    "Link": "eci.linking",
    "ScoreMatrix": "eci.scores",
    "calibrate": "eci.queries.calibrate",
    "next_difficulty": "eci.queries.design",
    "Trend": "eci.trend",
    "TrendPriors": "eci.trend",
    "compare_vintages": "eci.linking",
    "criticise": "eci.queries.criticism",
    "fit_trend": "eci.trend",
    "backtest": "eci.trend.backtest",
    "fit_envelope": "eci.trend.envelope",
    "fit_joint": "eci.trend.joint",
    "fit_robust": "eci.trend.robust",
    "fit_two_kinks": "eci.trend.two_kinks",
    "forecast": "eci.trend.forecast",
    "map_to_horizon": "eci.trend.horizon",
    "reach": "eci.trend.forecast",
    "simulate_power": "eci.trend.power",
    "walk_forward": "eci.trend.walk_forward",
    "leave_one_out": "eci.linking",
    "link": "eci.linking",
    "read_index": "eci.linking",
    "load_scores": "eci.scores",
    "compare_tables": "eci.scores.compare",
    "fetch": "eci.scores.fetch",
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604 - the names are the keys above


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name == "report":
        return import_module("eci.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'eci' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
