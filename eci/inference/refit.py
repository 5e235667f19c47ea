"""A fit as it would have stood on an earlier day."""

from __future__ import annotations

import numpy as np

from eci.fitted import Fit
from eci.inference.chains import Progress
from eci.inference.method import Laplace, Method
from eci.inference.run import fit as run_fit
from eci.irt.priors import Priors
from eci.scores.released import released_by


def refit_until(
    fit: Fit, day: np.datetime64, *, method: Method | None = None, progress: Progress | None = None
) -> Fit:
    """Fit again the scores of the models released by a day, all else as in `fit`.

    Parameters
    ----------
    fit
        A fit whose models have release dates; its likelihood, priors, minima and seed are kept.
    day
        The last release date to keep.
    method
        The default is `Laplace(n_weighed=0)`, whose forecasts differ from those of `Nuts()` by half a point,
        more where a check fails (docs/trend.md).
    progress
        Called with (stage, steps done, steps in all).

    Returns
    -------
    Fit
        On the anchors of `fit` where both were out, otherwise on the standard scale.

    Raises
    ------
    DataError
        Where no score is left.
    IdentificationError
        Where the models of that day fall into groups without a common scale.
    """
    matrix = released_by(fit.matrix, day)
    anchored = bool(fit.scale.anchors) and set(fit.scale.anchors) <= set(matrix.models)
    past = run_fit(
        matrix,
        likelihood=fit.likelihood,  # type: ignore[arg-type]  # a saved fit names its likelihood as text
        priors=Priors(**fit.priors),
        method=method or Laplace(n_weighed=0),
        anchors=fit.scale.anchors if anchored else None,
        seed=fit.seed,
        interval_prob=fit.interval_prob,
        progress=progress,
    )
    return past if anchored else past.rescale(standard=True)
