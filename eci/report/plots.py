"""Pictures of results, each with a twin in `eci.report.tables` that returns its numbers.

`eci plot KIND DIR` draws the same; a new figure hangs in no global list, so none needs closing.
"""

from eci.report.plots_fit import N_RANKED, benchmarks, index, information, residuals
from eci.report.plots_trend import break_date, changes, timeline

__all__ = ["N_RANKED", "benchmarks", "break_date", "changes", "index", "information", "residuals", "timeline"]
