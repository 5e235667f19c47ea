"""Stan through PyStan: a program as a Stan user writes it, its C++ compiled anew in every run."""

from __future__ import annotations

import time

from bench.peers import CHAINS, DRAWS, Problem, Sampled

PROGRAM = """
data {
  int n_models; int n_benchmarks; int n_scores; int is_beta;
  array[n_scores] int m; array[n_scores] int j;
  vector[n_scores] score; vector[n_scores] chance; vector[n_scores] ceiling; vector[n_scores] n_items;
  vector[9] p;
}
parameters {
  real difficulty_mean; real<lower=0> difficulty_sd;
  real log_discrimination_mean; real<lower=0> log_discrimination_sd;
  array[1 - is_beta] real<lower=0> noise_sd;
  array[is_beta] real log_precision_mean; array[is_beta] real<lower=0> log_precision_sd;
  vector[n_models] ability; vector[n_benchmarks] difficulty; vector[n_benchmarks] log_discrimination;
  vector[is_beta * n_benchmarks] log_precision;
}
model {
  vector[n_scores] mean = chance + (ceiling - chance)
    .* inv_logit(exp(log_discrimination[j]) .* (ability[m] - difficulty[j]));
  difficulty_mean ~ normal(0, p[1]);
  difficulty_sd ~ normal(0, p[2]);
  log_discrimination_mean ~ normal(p[3], p[4]);
  log_discrimination_sd ~ normal(0, p[5]);
  ability ~ std_normal();
  difficulty ~ normal(difficulty_mean, difficulty_sd);
  log_discrimination ~ normal(log_discrimination_mean, log_discrimination_sd);
  if (is_beta) {
    log_precision_mean[1] ~ normal(p[7], p[8]);
    log_precision_sd[1] ~ normal(0, p[9]);
    log_precision ~ normal(log_precision_mean[1], log_precision_sd[1]);
    vector[n_scores] n_effective = 1 ./ (exp(-log_precision[j]) + 1 ./ n_items);
    mean = fmin(fmax(mean, 1e-6), 1 - 1e-6);
    score ~ beta(mean .* n_effective, (1 - mean) .* n_effective);
  } else {
    noise_sd[1] ~ normal(0, p[6]);
    score ~ normal(mean, noise_sd[1]);
  }
}
"""


def build(problem: Problem):
    """Compile the program for the data."""
    import numpy as np
    import stan

    import eci
    from eci.noise import UNKNOWN_ITEMS

    matrix, p = problem.matrix, eci.Priors()
    j = matrix.benchmark_index
    n_items = np.where(np.isnan(matrix.n_items), UNKNOWN_ITEMS, matrix.n_items)
    data = {
        "n_models": matrix.n_models, "n_benchmarks": matrix.n_benchmarks, "n_scores": matrix.n_scores,
        "is_beta": int(problem.likelihood == "beta"), "m": (matrix.model_index + 1).tolist(),
        "j": (j + 1).tolist(), "score": matrix.score.tolist(), "chance": matrix.lower[j].tolist(),
        "ceiling": matrix.upper[j].tolist(), "n_items": n_items.tolist(),
        "p": [
            p.difficulty_mean_sd, p.difficulty_sd_scale, p.log_discrimination_mean,
            p.log_discrimination_mean_sd, p.log_discrimination_sd_scale, p.noise_sd_scale,
            p.log_precision_mean, p.log_precision_mean_sd, p.log_precision_sd_scale,
        ],
    }  # fmt: skip
    return stan.build(PROGRAM, data=data, random_seed=1)


def sample(problem: Problem) -> Sampled:
    """Sample with Stan's defaults: 1,000 steps of warm-up, a diagonal metric, a process a chain."""
    import numpy as np

    laps = [time.perf_counter()]
    posterior = build(problem)
    laps.append(time.perf_counter())
    found = posterior.sample(num_chains=CHAINS, num_samples=DRAWS)
    laps.append(time.perf_counter())
    compile_, sampling = np.diff(laps)

    def by_chain(name):  # pystan: (parameter, draw * chain), chains fastest
        return np.moveaxis(found[name].reshape(-1, DRAWS, CHAINS), (0, 1, 2), (2, 1, 0))

    return Sampled(
        [by_chain(name) for name in ("ability", "difficulty", "log_discrimination")],
        {"compile": compile_, "sampling": sampling},
        {
            "gradients": float(found["n_leapfrog__"].mean()),
            "divergences": int(found["divergent__"].sum()),
        },
    )
