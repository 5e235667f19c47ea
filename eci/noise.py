"""How scores scatter around the curve, in NumPy: what queries and checks ask of a saved fit. Free of jax.

The densities are those of `eci.irt.observation`, which the sampler differentiates and whose docstrings say
why they are as they are; a test holds them equal. Arguments broadcast: `mean` is an expected score
(fraction), `noise` a value of `select_noise`, `n_items` a count or nan where unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.errors import DataError

FloatArray = NDArray[np.float64]

UNKNOWN_ITEMS = 1000.0  # half an item is then 0.0005: scores are published to a tenth of a percent
MAX_LOG_PRECISION = 18.0  # of counts, binomial from there on: differences of log-gammas lose their digits
DEGREES_OF_FREEDOM = 4.0  # of student_t
NOISE = {  # likelihood -> name of its noise parameter in `Parameters.shared`
    "normal": "noise_sd",
    "student_t": "noise_scale",
    "logit_normal": "logit_sd",
    "beta": "precision",
    "binomial": "",
    "beta_binomial": "precision",
}


def select_noise(likelihood: str, shared: Mapping[str, FloatArray], benchmark_index: ArrayLike) -> FloatArray:
    """Noise of every score: the logarithm of the parameter that its likelihood names.

    Parameters
    ----------
    likelihood
        Name of the likelihood.
    shared
        Parameters by name, as in `Parameters.shared`: shape (...) where all scores share the parameter,
        (..., benchmark) where each benchmark has its own; `...` is empty for a mode and (draw,) for draws.
    benchmark_index
        Benchmark of every score, shape (score,).

    Returns
    -------
    FloatArray
        Shape (..., score), log scale; zeros where the likelihood has no parameter.

    Raises
    ------
    DataError
        For a likelihood that is not known, or whose parameter is not in `shared`.

    Notes
    -----
    Where pairs have an effect of their own (`pair_sd`), it is part of the noise of one score of a new pair:
    the sd is then sqrt(sd^2 + pair_sd^2).
    """
    _require_known(likelihood)
    j = np.asarray(benchmark_index)
    name = NOISE[likelihood]
    if not name:
        batch = np.shape(shared["difficulty_mean"])
        return np.zeros((*batch, j.size))
    if name not in shared:
        raise DataError(f"{likelihood} needs {name}, and the fit has {', '.join(shared)}. Fit again.")
    if name == "precision":
        return np.asarray(np.log(shared[name][..., j]), dtype=np.float64)
    sd = np.hypot(shared[name], shared["pair_sd"]) if "pair_sd" in shared else np.asarray(shared[name])
    return np.broadcast_to(np.log(sd)[..., None], (*sd.shape, j.size))


def log_prob(
    likelihood: str, score: ArrayLike, mean: ArrayLike, noise: ArrayLike, n_items: ArrayLike = np.nan
) -> FloatArray:
    """Log density of scores; of counts the log probability times the number of items."""
    from scipy.special import betaln, xlog1py, xlogy
    from scipy.stats import norm, t

    _require_known(likelihood)
    score, mean, noise, n_items = _broadcast(score, mean, noise, n_items)
    match likelihood:
        case "normal":
            value = norm.logpdf(score, mean, np.exp(noise))
        case "student_t":
            value = t.logpdf(score, DEGREES_OF_FREEDOM, mean, np.exp(noise))
        case "logit_normal":
            value = _log_prob_logit_normal(score, mean, noise, _items(n_items))
        case "beta":
            value = _log_prob_beta(score, mean, noise, _items(n_items))
        case _:
            n, mean, hits = n_items, _off_zero(mean), n_items * score
            value = np.log(n) - np.log(n + 1) - betaln(hits + 1, n - hits + 1)
            if likelihood == "binomial":
                value += xlogy(hits, mean) + xlog1py(n - hits, -mean)
            else:
                size = _count_size(noise)
                a, b = mean * size, (1 - mean) * size
                value += betaln(a + hits, b + n - hits) - betaln(a, b)
    return np.asarray(value)


def sample(
    likelihood: str, rng: np.random.Generator, mean: ArrayLike, noise: ArrayLike, n_items: ArrayLike = np.nan
) -> FloatArray:
    """Draw scores, one for each element of the broadcast arguments."""
    _require_known(likelihood)
    mean, noise, n_items = _broadcast(mean, noise, n_items)
    n, inside = _items(n_items), _off_zero(mean)
    match likelihood:
        case "normal":
            score = rng.normal(mean, np.exp(noise))
        case "student_t":
            score = mean + np.exp(noise) * rng.standard_t(DEGREES_OF_FREEDOM, mean.shape)
        case "logit_normal":
            s = np.sqrt(_logit_variance(inside, noise, n))
            score = _snap(1 / (1 + np.exp(-rng.normal(_logit(inside), s))), n)
        case "beta":
            size = _beta_size(noise, n)
            score = _snap(rng.beta(inside * size, (1 - inside) * size), n)
        case _:
            _require_items(likelihood, n_items)
            prob = inside
            if likelihood == "beta_binomial":
                size = _count_size(noise)
                prob = rng.beta(inside * size, (1 - inside) * size)
            score = rng.binomial(np.rint(n).astype(np.int64), prob) / np.rint(n)
    return np.asarray(score)


def variance(likelihood: str, mean: ArrayLike, noise: ArrayLike, n_items: ArrayLike = np.nan) -> FloatArray:
    """Variance of a score around its expected value (fraction squared).

    To first order in the noise for `logit_normal`; the lumping of scores at the edges is left out.
    """
    _require_known(likelihood)
    mean, noise, n_items = _broadcast(mean, noise, n_items)
    n, binary = _items(n_items), mean * (1 - mean)
    match likelihood:
        case "normal":
            value = np.exp(2 * noise)
        case "student_t":
            value = np.exp(2 * noise) * DEGREES_OF_FREEDOM / (DEGREES_OF_FREEDOM - 2)
        case "logit_normal":
            value = binary**2 * _logit_variance(_off_zero(mean), noise, n)
        case "beta":
            value = binary / (1 + _beta_size(noise, n))
        case "binomial":
            value = binary / n_items
        case _:
            value = binary / n_items * (1 + (n_items - 1) / (1 + _count_size(noise)))
    return np.asarray(value)


def _log_prob_logit_normal(
    score: FloatArray, mean: FloatArray, noise: FloatArray, n: FloatArray
) -> FloatArray:
    from scipy.special import log_ndtr

    mean, width = _off_zero(mean), 0.5 / n
    s = np.sqrt(_logit_variance(mean, noise, n))
    y = np.clip(score, width, 1 - width)
    standard = (_logit(y) - _logit(mean)) / s
    value = np.asarray(-0.5 * standard**2 - np.log(s * np.sqrt(2 * np.pi) * y * (1 - y)))
    for edge, sign in ((score < width, 1.0), (score > 1 - width, -1.0)):
        value[edge] = log_ndtr(sign * standard[edge]) - np.log(width[edge])
    return value


def _log_prob_beta(score: FloatArray, mean: FloatArray, noise: FloatArray, n: FloatArray) -> FloatArray:
    from scipy.special import betaln, hyp2f1

    mean, width, size = _off_zero(mean), 0.5 / n, _beta_size(noise, n)
    a, b, y = mean * size, (1 - mean) * size, np.clip(score, width, 1 - width)
    value = np.asarray((a - 1) * np.log(y) + (b - 1) * np.log1p(-y) - betaln(a, b))
    for edge, own in ((score < width, a), (score > 1 - width, b)):
        series = hyp2f1(size[edge], 1.0, own[edge] + 1, width[edge])  # of the probability of [0, width]
        value[edge] += np.log1p(-width[edge]) + np.log(series / own[edge])
    return value


def _logit(prob: FloatArray) -> FloatArray:
    return np.log(prob) - np.log1p(-prob)


def _logit_variance(mean: FloatArray, noise: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray(np.exp(2 * noise) + 1 / (n * mean * (1 - mean) + 0.5))


def _beta_size(noise: FloatArray, n: FloatArray) -> FloatArray:
    return n / (1 + n * np.exp(-noise))


def _count_size(noise: FloatArray) -> FloatArray:
    return np.asarray(np.exp(np.minimum(noise, MAX_LOG_PRECISION)))


def _snap(score: FloatArray, n: FloatArray) -> FloatArray:
    return np.where(score < 0.5 / n, 0.0, np.where(score > 1 - 0.5 / n, 1.0, score))


def _off_zero(mean: FloatArray) -> FloatArray:
    return np.clip(mean, 1e-6, 1 - 1e-6)


def _items(n_items: FloatArray) -> FloatArray:
    return np.where(np.isnan(n_items), UNKNOWN_ITEMS, n_items)


def _broadcast(*arrays: ArrayLike) -> tuple[FloatArray, ...]:
    return tuple(np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in arrays)))


def _require_known(likelihood: str) -> None:
    if likelihood not in NOISE:
        raise DataError(f"likelihood is {likelihood!r}. Known: {', '.join(NOISE)}.")


def _require_items(likelihood: str, n_items: FloatArray) -> None:
    if np.isnan(n_items).any():
        raise DataError(
            f"{likelihood} draws counts, and {np.isnan(n_items).sum()} of {n_items.size} scores have no "
            "number of items. Give n_items, or choose a likelihood of fractions."
        )
