"""The Epoch Capabilities Index as its method page states it: bounded, penalised least squares.

performance = logistic(slope * (capability - difficulty)), every capability and difficulty in [-10, 10],
slopes in [0.1, 10], performance clipped to [0.001, 0.999], one benchmark fixed at difficulty 0 and slope 1,
and one residual more, sqrt(0.1 * mean squared parameter). Starts: N(0, 0.1²), slopes 1.
Solved by SciPy, on its own, so that nothing of the package stands on both sides of a comparison.
Source: epoch.ai/data/eci-documentation/methodology; Ho et al. (2025), arXiv:2512.00193.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

PENALTY = 0.1
ANCHOR = "Winogrande"


class Problem:
    """Residuals and Jacobian of a score matrix, in capabilities, free difficulties and free slopes.

    Chance level and ceiling, which that page takes out of a score before the fit, are taken out here too;
    both are trivial for the data the authors publish. Without Winogrande, the benchmark that most models
    took is the fixed one.
    """

    def __init__(self, matrix):
        self.m, self.j = matrix.model_index, matrix.benchmark_index
        self.n, self.k = matrix.n_models, matrix.n_benchmarks
        fraction = (matrix.score - matrix.lower[self.j]) / (matrix.upper - matrix.lower)[self.j]
        self.score = np.clip(fraction, 0.001, 0.999)
        most = int(np.argmax(matrix.n_models_per_benchmark))
        fixed = matrix.benchmarks.index(ANCHOR) if ANCHOR in matrix.benchmarks else most
        self.free = np.delete(np.arange(self.k), fixed)
        self.n_parameters = self.n + 2 * len(self.free)

    def unpack(self, x):
        """Capability (model,), difficulty and slope (benchmark,)."""
        difficulty, slope = np.zeros(self.k), np.ones(self.k)
        difficulty[self.free], slope[self.free] = np.split(x[self.n :], 2)
        return x[: self.n], difficulty, slope

    def residuals(self, x):
        """Expected minus observed, and the penalty."""
        capability, difficulty, slope = self.unpack(x)
        expected = expit(slope[self.j] * (capability[self.m] - difficulty[self.j]))
        return np.append(expected - self.score, np.sqrt(PENALTY * np.sum(x**2) / self.n_parameters))

    def jacobian(self, x):
        """Derivatives of the residuals, (score + 1, parameter)."""
        capability, difficulty, slope = self.unpack(x)
        gap = capability[self.m] - difficulty[self.j]
        expected = expit(slope[self.j] * gap)
        steep, rows = expected * (1.0 - expected), np.arange(len(gap))
        by_model = np.zeros((len(gap) + 1, self.n))
        by_difficulty, by_slope = np.zeros((2, len(gap) + 1, self.k))
        by_model[rows, self.m] = steep * slope[self.j]
        by_difficulty[rows, self.j] = -steep * slope[self.j]
        by_slope[rows, self.j] = steep * gap
        whole = np.hstack([by_model, by_difficulty[:, self.free], by_slope[:, self.free]])
        whole[-1] = np.sqrt(PENALTY / self.n_parameters / np.sum(x**2)) * x
        return whole

    def start(self, seed):
        """Where the search starts."""
        n_normal = self.n + len(self.free)
        return np.append(np.random.default_rng(seed).normal(0, 0.1, n_normal), np.ones(len(self.free)))


def fit_least_squares(matrix, seed=0):
    """Capability (model,), difficulty and slope (benchmark,) of a score matrix."""
    problem = Problem(matrix)
    start = problem.start(seed)
    low = np.where(np.arange(len(start)) < problem.n + len(problem.free), -10.0, 0.1)
    bounds = (low, np.full(len(start), 10.0))
    found = least_squares(problem.residuals, start, problem.jacobian, bounds=bounds)
    if not found.success:
        raise RuntimeError(f"least squares: {found.message}")
    return problem.unpack(found.x)


def predict_least_squares(matrix, parameters, model_index, benchmark_index):
    """Expected scores of pairs."""
    capability, difficulty, slope = parameters
    j = benchmark_index
    expected = expit(slope[j] * (capability[model_index] - difficulty[j]))
    return matrix.lower[j] + (matrix.upper - matrix.lower)[j] * expected
