"""R-hat and effective sample size of many quantities at once, in NumPy.

The arithmetic is ArviZ's (a test compares them); ArviZ itself takes seconds to import, which `eci fit`
does not spend.

References
----------
Vehtari, Gelman, Simpson, Carpenter and Burkner (2021), Rank-normalization, folding, and localization: an
improved R-hat for assessing convergence of MCMC, doi:10.1214/20-BA1221.
Geyer (1992), Practical Markov chain Monte Carlo, doi:10.1214/ss/1177011137 (initial monotone sequence).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri

FloatArray = NDArray[np.float64]

BLOCK = 16  # quantities at a time: their draws stay in the processor's cache


class Mixing(NamedTuple):
    """How well chains mix, (n,) each; nan for a quantity with draws that are not finite numbers.

    Parameters
    ----------
    rhat
        Rank-normalised split R-hat, the larger of bulk and folded.
    ess_bulk
        Bulk effective sample size.
    ess_tail
        Tail effective sample size: the smaller of those of the 5 % and 95 % quantile indicators.
    """

    rhat: FloatArray
    ess_bulk: FloatArray
    ess_tail: FloatArray


def compute_mixing(draws: FloatArray) -> Mixing:
    """R-hat and effective sample sizes of `draws`, (chain, draw, n), ten draws or more a chain.

    Of one chain the halves are compared, where ArviZ gives no R-hat.
    """
    blocks = [draws[..., start : start + BLOCK] for start in range(0, draws.shape[-1], BLOCK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(_compute_block, blocks))
    return Mixing(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _compute_block(draws: FloatArray) -> Mixing:
    finite = np.isfinite(draws).all(axis=(0, 1))
    draws = np.where(finite, draws, 0.0)
    halves = _split(draws)
    ranked = _rank_normalise(halves)
    folded = _rank_normalise(np.abs(halves - np.median(halves, axis=(0, 1))))
    ends = np.quantile(draws, [0.05, 0.95], axis=(0, 1))
    below = (_split((draws <= end).astype(np.float64)) for end in ends)
    mixing = (
        np.maximum(_split_rhat(ranked), _split_rhat(folded)),
        _effective_size(ranked),
        np.minimum(*map(_effective_size, below)),
    )
    return Mixing(*(np.where(finite, values, np.nan) for values in mixing))


def _split(draws: FloatArray) -> FloatArray:
    """Split every chain in half: (chain, draw, n) to (2 chain, draw // 2, n)."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]], axis=0)


def _rank_normalise(draws: FloatArray) -> FloatArray:
    """Normal scores of the ranks over all chains (Blom 1958)."""
    flat = draws.reshape(-1, draws.shape[-1])
    scores = ndtri((_average_ranks(flat) - 0.375) / (flat.shape[0] + 0.25))
    return np.asarray(scores.reshape(draws.shape), dtype=np.float64)


def _average_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 within each column of (draw, n); equal values share the mean of theirs.

    pandas ranks six times slower, and scipy.stats takes a third of a second to import.
    """
    columns = np.ascontiguousarray(values.T)
    order = np.argsort(columns, axis=1)
    ordered = np.take_along_axis(columns, order, axis=1)
    is_first = np.diff(ordered, axis=1, prepend=np.nan) != 0.0  # of a run of equal values
    is_last = np.roll(is_first, -1, axis=1)
    position = np.arange(1, columns.shape[1] + 1)
    first = np.maximum.accumulate(np.where(is_first, position, 0), axis=1)
    last = np.minimum.accumulate(np.where(is_last, position, columns.shape[1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty_like(columns)
    np.put_along_axis(ranks, order, (first + last) / 2.0, axis=1)
    return ranks.T


def _split_rhat(draws: FloatArray) -> FloatArray:
    n = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = n * draws.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # chains that never move: inf, or nan if at one point
        return np.asarray(np.sqrt(((n - 1) / n * within + between / n) / within), dtype=np.float64)


def _effective_size(draws: FloatArray) -> FloatArray:
    """Effective number of independent draws in (chain, draw, n) by Geyer's monotone sequence."""
    n_chains, n, _ = draws.shape
    centred = draws - draws.mean(axis=1, keepdims=True)
    n_fft = next_fast_len(2 * n, real=True)
    spectrum = rfft(centred, n_fft, axis=1)
    autocov = irfft(spectrum.real**2 + spectrum.imag**2, n_fft, axis=1)[:, :n].mean(axis=0) / n
    within = autocov[0] * n / (n - 1)
    between = draws.mean(axis=1).var(axis=0, ddof=1)
    total = within * (n - 1) / n + between
    constant = total == 0
    rho = 1.0 - (within - autocov) / np.where(constant, 1.0, total)
    rho[0] = 1.0
    n_pairs = (n - 3) // 2  # Geyer's pairs (0, 1), (2, 3), ... within the first n - 3 lags, as Stan has it
    pairs = rho[0 : 2 * n_pairs : 2] + rho[1 : 2 * n_pairs + 1 : 2]
    positive = np.cumprod(pairs > 0, axis=0).astype(bool)
    positive[0] = True
    monotone = np.where(positive, np.minimum.accumulate(np.where(positive, pairs, np.inf), axis=0), 0.0)
    n_positive = positive.sum(axis=0)
    next_even, next_odd = (np.take_along_axis(rho, (2 * n_positive + i)[None], axis=0)[0] for i in range(2))
    # The even half of the pair that ends the sequence counts: whole after the last lag, else if positive.
    tail = np.where(next_even + next_odd >= 0.0, next_even, np.maximum(next_even, 0.0))
    tau = -1.0 + 2.0 * monotone.sum(axis=0) + tail
    size = n_chains * n
    effective = size / np.maximum(tau, 1.0 / np.log10(size))
    return np.asarray(np.where(constant, size, effective), dtype=np.float64)  # a constant has no error


def compute_bfmi(energy: FloatArray) -> FloatArray:
    """Energy Bayesian fraction of missing information of each chain; `energy` is (chain, draw).

    Betancourt (2016), Diagnosing suboptimal cotangent disintegrations, arXiv:1604.00695.
    """
    return np.asarray(
        np.square(np.diff(energy, axis=1)).mean(axis=1) / energy.var(axis=1, ddof=1), dtype=np.float64
    )
