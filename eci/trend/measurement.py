"""What enters the regression: values with their errors, and the map from working units to points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from eci.errors import DataError, IdentificationError
from eci.trend.basis import Array

SHRINKAGE_CAP = 0.95
NEGATIVE_EIGENVALUE = 1e-6


@dataclass(frozen=True)
class Units:
    """Map from working units to points, per draw: points = origin + slope * value.

    A table works in points already (slope 1, origin 0); draws are standardised and carry their own map.
    """

    slope: Array = field(default_factory=lambda: np.ones(1))
    origin: Array = field(default_factory=lambda: np.zeros(1))

    def draw(self, n_draws: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return slope and origin for `n_draws` draws, resampled in pairs."""
        rows = rng.permutation(np.resize(np.arange(self.slope.size), n_draws))
        return self.slope[rows], self.origin[rows]

    @property
    def typical_slope(self) -> float:
        """Median number of points in a working unit."""
        return float(np.median(self.slope))


@dataclass(frozen=True)
class Measurement:
    """What enters the regression for some models: values, covariance and shared error, in working units.

    Parameters
    ----------
    values
        Index in working units (model,), the ability prior divided out where there was one.
    covariance
        Covariance (model, model) of the errors that enter the regression.
    shared
        Loadings (model,) of one standard normal error common to all models, added to the coefficients after.
    n_capped
        Number of directions in which the data say almost nothing beyond the ability prior.
    """

    values: Array
    covariance: Array
    shared: Array
    n_capped: int = 0


def standardise_draws(values: Array) -> tuple[Array, Units]:
    """Return draws with mean 0 and sd 1 over the models of each draw, and the map back."""
    origin, slope = values.mean(axis=1), values.std(axis=1)
    n = values.shape[1]
    if n < 3 or np.any(slope <= 0):
        raise IdentificationError(
            f"Cannot standardise the draws: {n} models, smallest spread {slope.min():.3g}. At least 3 "
            "models with different values are needed."
        )
    return (values - origin[:, None]) / slope[:, None], Units(slope, origin)


def require_moments(names: tuple[str, ...], mean: Array, covariance: Array, shared: Array) -> None:
    """Refuse values and errors of an index that no draws could have.

    Parameters
    ----------
    names
        The models.
    mean, covariance, shared
        As `IndexSeries.from_moments` takes them; `shared` is its `shared_sd`.

    Raises
    ------
    DataError
        Where shapes differ, a value is not finite, or the covariance is not symmetric positive semi-definite.
    """
    n = len(names)
    if mean.shape != (n,) or covariance.shape != (n, n) or shared.shape != (n,):
        raise DataError(
            f"Shapes differ: {n} models, mean {mean.shape}, covariance {covariance.shape}, shared "
            f"{shared.shape}. Give (model,), (model, model) and (model,)."
        )
    finite = np.isfinite(mean) & np.isfinite(covariance).all(axis=1) & np.isfinite(shared)
    if not finite.all():
        raise DataError(
            f"A value or covariance of {names[int(np.argmin(finite))]!r} is not finite. Drop the model."
        )
    skew = np.abs(covariance - covariance.T)
    if skew.max() > 1e-8 * max(float(np.abs(covariance).max()), 1e-12):
        i, j = np.unravel_index(int(np.argmax(skew)), skew.shape)
        raise DataError(
            f"The covariance is not symmetric: {covariance[i, j]:.6g} and {covariance[j, i]:.6g} for "
            f"{names[i]!r} and {names[j]!r}. Pass (C + C') / 2 if the difference is rounding."
        )
    eigenvalues = np.linalg.eigvalsh(covariance)
    if eigenvalues[0] < -NEGATIVE_EIGENVALUE * max(float(eigenvalues[-1]), 1e-12):
        raise DataError(
            f"The covariance of {n} models is not positive semi-definite: its smallest eigenvalue is "
            f"{eigenvalues[0]:.3g}, its largest {eigenvalues[-1]:.3g}. Rebuild it from joint draws rather "
            "than from pairwise figures."
        )


def divide_out_prior(values: Array, covariance: Array) -> tuple[Array, Array, int]:
    """Take a standard normal prior out of a posterior: its likelihood's mean and covariance.

    The posterior N(x, S) of the standardised abilities is the likelihood times a N(0, I) prior, so in the
    eigenbasis of S, with eigenvalue w, the likelihood alone has variance w / (1 - w) and mean x / (1 - w). A
    direction with w near 1 holds only the prior; w is capped at 0.95.

    Parameters
    ----------
    values, covariance
        Posterior mean (model,) and covariance (model, model).

    Returns
    -------
    tuple
        Mean and covariance without the prior, and the number of directions capped.
    """
    eigenvalues, basis = np.linalg.eigh(covariance)
    capped = np.clip(eigenvalues, 0.0, SHRINKAGE_CAP)
    mean = basis @ ((basis.T @ values) / (1.0 - capped))
    spread = (basis * (capped / (1.0 - capped))) @ basis.T
    return mean, 0.5 * (spread + spread.T), int(np.sum(eigenvalues > SHRINKAGE_CAP))


def draw_errors(covariance: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """Draw normal errors with a covariance that may be singular, shape (draw, model)."""
    eigenvalues, basis = np.linalg.eigh(covariance)
    root = basis * np.sqrt(np.maximum(eigenvalues, 0.0))
    return np.asarray(rng.standard_normal((n_draws, len(covariance))) @ root.T)
