"""Arrow-shaped curvature of the measurement program, its factor, and the whitening map built on it.

Given the abilities and the shared parameters w, the benchmarks are independent. The precision matrix
is therefore an arrow: small blocks P_bb down the diagonal, one dense block for w, and couplings P_bw that
are non-zero only where a model sat a benchmark. Eliminating the benchmarks leaves a dense Schur complement S
over w.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve, solve_triangular
from numpy.typing import NDArray
from scipy.linalg import block_diag

from eci.irt.datum import Row
from eci.irt.measurement import CodedScores, Coordinates, Measurement, Position
from eci.irt.noise import NoiseValue


class Arrow(NamedTuple):
    """Factored precision at a position.

    benchmark_chol (benchmark, k, k) and w_chol (w - 2, w - 2): lower Cholesky factors of P_bb and of
    basis' S basis; coupling (benchmark, k, w): P_bb^-1 P_bw.
    w holds the abilities and then the shared parameters; basis (w, w - 2) spans the directions left free
    when the unit is fixed.
    """

    basis: Array
    benchmark_chol: Array
    w_chol: Array
    coupling: Array


class Whitening(NamedTuple):
    """Affine map from standard-normal coordinates to a position: centre plus the inverse factor of an arrow.

    w_factor is (w, w - 2): two directions are held; benchmark_factor is (benchmark, k, k), coupling as in
    `Arrow`.
    """

    center: Position
    w_factor: Array
    benchmark_factor: Array
    coupling: Array


# What is done once is left to NumPy: outside of jit, jax compiles every single operation.


def hold_prior(n_models: int, n_shared: int) -> NDArray[np.float64]:
    """Basis that holds mean and sd of the abilities, the last two of w: the unit of the prior."""
    return np.eye(n_models + n_shared)[:, :-2]


def hold_pattern(ability: NDArray[np.float64], n_shared: int) -> NDArray[np.float64]:
    """Basis that holds the components of the abilities along 1 and along `ability`: a unit free of the prior.

    It reaches only abilities that correlate positively with the pattern; see `pattern_margin`.
    """
    pattern = np.stack([np.ones(len(ability)), ability], axis=1)
    complement = np.linalg.qr(pattern, mode="complete")[0][:, 2:]
    return block_diag(complement, np.eye(n_shared))


def pattern_margin(whitening: Whitening) -> float:
    """Posterior sds from the centre to abilities uncorrelated with it; `whitening` holds the prior.

    `hold_pattern` cuts the posterior off there, which is harmless only far out. Equal abilities have no
    pattern: their margin is 0.
    """
    ability = np.asarray(whitening.center.ability)
    pattern = ability - ability.mean()
    length = np.linalg.norm(pattern)
    if length == 0.0:
        return 0.0
    of_abilities = np.asarray(whitening.w_factor)[: ability.size]
    return float(length / np.linalg.norm(of_abilities.T @ (pattern / length)))


def row_curvature(measurement: Measurement, position: Position, scores: CodedScores, exact: bool) -> Array:
    """Negative Hessian of each row's log density in its (ability, benchmark, shared), (score, ., .).

    With `exact` false, the curvature in (predictor, noise) is clipped at zero and pulled back through
    the first derivatives only (generalised Gauss-Newton): always positive semi-definite.
    """
    k = measurement.n_benchmark

    def predict(v: Array, at: Coordinates) -> tuple[Array, NoiseValue]:
        curve = measurement.decode(v[1 : 1 + k], v[1 + k :], at)
        return measurement.predictor(v[0], curve, at.reference), curve.noise

    def one(ability: Array, benchmark: Array, at: Coordinates, datum: Row) -> Array:
        v = jnp.concatenate([ability[None], benchmark, position.shared])
        if exact:
            return -jax.hessian(lambda v: measurement.row_log_prob(*predict(v, at), datum))(v)
        u, rebuild = ravel_pytree(predict(v, at))

        def log_prob(u: Array) -> Array:
            z, noise = rebuild(u)
            return measurement.row_log_prob(z, noise, datum)

        curvature = -jax.hessian(log_prob)(u)
        jacobian = jax.jacfwd(lambda v: ravel_pytree(predict(v, at))[0])(v)
        values, vectors = jnp.linalg.eigh(curvature)
        half = vectors.T @ jacobian
        return half.T @ (jnp.clip(values, 0.0)[:, None] * half)

    j = scores.benchmark_index
    at = jax.tree.map(lambda x: x[j], scores.coordinates)
    return jax.vmap(one)(position.ability[scores.model_index], position.benchmark[j], at, scores.datum)


def prior_curvature(measurement: Measurement, position: Position, scores: CodedScores, exact: bool) -> Array:
    """Negative Hessian of each benchmark's log prior in (benchmark, shared), or its Gauss-Newton part."""
    k = measurement.n_benchmark

    def log_prior(v: Array, at: Coordinates) -> Array:
        return measurement.benchmark_log_prior(v[:k], v[k:], at)

    def residuals(v: Array, at: Coordinates) -> Array:
        return measurement.benchmark_residuals(v[:k], v[k:], at)

    def one(v: Array, at: Coordinates) -> Array:
        if exact:
            return -jax.hessian(log_prior)(v, at)
        jacobian = jax.jacfwd(residuals)(v, at)
        # In a log sd the exact curvature of a squared residual is twice the Gauss-Newton one.
        extra = (at.centring * residuals(v, at)) ** 2
        return jacobian.T @ jacobian + jnp.diag(
            jnp.zeros_like(v).at[k + measurement.prior_log_sds].set(extra)
        )

    shared = jnp.broadcast_to(position.shared, (position.benchmark.shape[0], position.shared.shape[0]))
    return jax.vmap(one)(jnp.concatenate([position.benchmark, shared], axis=1), scores.coordinates)


def ability_curvature(
    measurement: Measurement, position: Position, scores: CodedScores, exact: bool
) -> Array:
    """Negative Hessian of each ability's log prior in (ability, shared), or its Gauss-Newton part."""
    log_sd = measurement.ability_log_sd_index

    def residual(v: Array, covariates: Array) -> Array:
        return measurement.ability_residual(v[0], covariates, v[1:])

    def one(v: Array, covariates: Array) -> Array:
        if exact:
            return jax.hessian(lambda v: 0.5 * residual(v, covariates) ** 2)(v)
        jacobian = jax.grad(residual)(v, covariates)
        return jnp.outer(jacobian, jacobian).at[log_sd, log_sd].add(residual(v, covariates) ** 2)

    shared = jnp.broadcast_to(position.shared, (position.ability.shape[0], position.shared.shape[0]))
    return jax.vmap(one)(jnp.concatenate([position.ability[:, None], shared], axis=1), scores.covariates)


def arrow(
    measurement: Measurement,
    position: Position,
    scores: CodedScores,
    basis: Array | NDArray[np.float64],
    *,
    exact: bool,
) -> Arrow:
    """Factor the precision at `position`; the factors hold nan where it is not positive definite."""
    n_models, (n_benchmarks, k) = position.ability.shape[0], position.benchmark.shape
    m, j = scores.model_index, scores.benchmark_index
    rows = row_curvature(measurement, position, scores, exact)
    ability, own, rest = 0, slice(1, 1 + k), slice(1 + k, None)

    priors = prior_curvature(measurement, position, scores, exact)
    p_bb = priors[:, :k, :k].at[j].add(rows[:, own, own])
    p_bs = priors[:, :k, k:].at[j].add(rows[:, own, rest])
    models = ability_curvature(measurement, position, scores, exact)
    p_mm = models[:, 0, 0].at[m].add(rows[:, ability, ability])
    p_ms = models[:, 0, 1:].at[m].add(rows[:, ability, rest])
    p_ss = (
        rows[:, rest, rest].sum(0)
        + priors[:, k:, k:].sum(0)
        + models[:, 1:, 1:].sum(0)
        - jax.hessian(measurement.shared_log_prior)(position.shared)
    )
    p_bm = jnp.zeros((n_benchmarks, k, n_models)).at[j, :, m].add(rows[:, own, ability])
    chol = jnp.linalg.cholesky(p_bb)
    half = solve_triangular(chol, jnp.concatenate([p_bm, p_bs], axis=2), lower=True)
    flat = half.reshape(n_benchmarks * k, -1)
    p_ww = jnp.block([[jnp.diag(p_mm), p_ms], [p_ms.T, p_ss]])
    schur = basis.T @ (p_ww - flat.T @ flat) @ basis
    return Arrow(
        basis=jnp.asarray(basis),
        benchmark_chol=chol,
        w_chol=jnp.linalg.cholesky(schur),
        coupling=solve_triangular(chol, half, lower=True, trans=1),
    )


compiled_arrow = jax.jit(arrow, static_argnums=0, static_argnames="exact")


def solve_arrow(factor: Arrow, rhs: Position) -> Position:
    """Solve precision @ x = rhs."""
    reduced = jnp.concatenate([rhs.ability, rhs.shared])
    reduced -= jnp.einsum("jkw,jk->w", factor.coupling, rhs.benchmark)
    w = factor.basis @ cho_solve((factor.w_chol, True), factor.basis.T @ reduced)
    own = cho_solve((factor.benchmark_chol, True), rhs.benchmark[..., None])[..., 0]
    n_models = rhs.ability.shape[0]
    return Position(w[:n_models], own - factor.coupling @ w, w[n_models:])


@jax.jit
def whitening_at(center: Position, factor: Arrow) -> Whitening:
    """Build the whitening map at `center` from the factored precision there."""
    k = factor.benchmark_chol.shape[-1]
    return Whitening(
        center=center,
        w_factor=solve_triangular(factor.w_chol, factor.basis.T, lower=True).T,
        benchmark_factor=solve_triangular(
            factor.benchmark_chol,
            jnp.broadcast_to(jnp.eye(k), factor.benchmark_chol.shape),
            lower=True,
            trans=1,
        ),
        coupling=factor.coupling,
    )


def unwhiten(whitening: Whitening, z: Array) -> Position:
    """Map standard-normal coordinates (n,) to a position; the Jacobian is constant.

    The coupling is kept dense, though most of it is zero: gathering and scattering every score takes longer.
    """
    center = whitening.center
    n_models, n_w = center.ability.shape[0], whitening.w_factor.shape[1]
    w = whitening.w_factor @ z[:n_w]
    own = jnp.sum(whitening.benchmark_factor * z[n_w:].reshape(-1, 1, center.benchmark.shape[1]), axis=2)
    return Position(
        center.ability + w[:n_models],
        center.benchmark + own - whitening.coupling @ w,
        center.shared + w[n_models:],
    )


MIN_PATTERN_MARGIN = 4.0  # posterior sds: what `hold_pattern` cuts off is then below 1e-4


def whiten(
    measurement: Measurement, center: Position, scores: CodedScores, *, exact: bool
) -> tuple[Whitening, bool]:
    """Whitening map at `center`, and whether the curvature asked for was positive definite.

    The unit is held by the pattern of the abilities where that costs nothing, else by their prior. Where the
    exact Hessian is not positive definite, the Gauss-Newton one, which always is, takes its place; the
    caller must report that.
    """
    n_models, n_shared = center.ability.size, center.shared.size
    basis = hold_prior(n_models, n_shared)
    by_prior = whitening_at(center, compiled_arrow(measurement, center, scores, basis, exact=False))
    if n_models > 2 and pattern_margin(by_prior) > MIN_PATTERN_MARGIN:
        basis = hold_pattern(np.asarray(center.ability), n_shared)
    factor = compiled_arrow(measurement, center, scores, basis, exact=exact)
    definite = all(np.isfinite(chol).all() for chol in (factor.w_chol, factor.benchmark_chol))
    if exact and not definite:
        factor = compiled_arrow(measurement, center, scores, basis, exact=False)
    return whitening_at(center, factor), definite
