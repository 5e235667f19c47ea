"""Arrow-shaped curvature of the measurement program, its factor, and the whitening map built on it.

Given the abilities and the shared parameters w, the benchmarks are independent. The precision matrix
is therefore an arrow: small blocks P_bb down the diagonal, one dense block for w, and couplings P_bw that
are non-zero only where a model sat a benchmark. Eliminating the benchmarks costs O(scores), and leaves a
dense Schur complement S over w.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import cho_solve, solve_triangular

from eci.irt.measurement import CodedScores, Coordinates, Measurement, Position
from eci.irt.observation import Datum


class Arrow(NamedTuple):
    """Factored precision at a position.

    benchmark_chol (benchmark, k, k) and w_chol (w, w): lower Cholesky factors of P_bb and of S;
    row_coupling (score, k) and shared_coupling (benchmark, k, n_shared): P_bb^-1 P_bw.
    w holds the abilities and then the shared parameters.
    """

    benchmark_chol: Array
    w_chol: Array
    row_coupling: Array
    shared_coupling: Array


class Whitening(NamedTuple):
    """Affine map from standard-normal coordinates to a position: centre plus the inverse factor of an arrow."""

    center: Position
    w_factor: Array
    benchmark_factor: Array
    row_coupling: Array
    shared_coupling: Array


def row_curvature(measurement: Measurement, position: Position, scores: CodedScores, exact: bool) -> Array:
    """Negative Hessian of each row's log density in (ability, benchmark, shared), shape (score, 1+k+h, 1+k+h).

    With `exact` false, the curvature in (predictor, noise) is clipped at zero and pulled back through
    the first derivatives only (generalised Gauss-Newton): always positive semi-definite.
    """
    k = measurement.n_benchmark

    def split(v: Array, at: Coordinates) -> tuple[Array, Array]:
        curve = measurement.decode(v[1 : 1 + k], v[1 + k :], at)
        return measurement.predictor(v[0], curve, at.reference), curve.noise

    def one(ability: Array, benchmark: Array, at: Coordinates, datum: Datum) -> Array:
        v = jnp.concatenate([ability[None], benchmark, position.shared])
        if exact:
            return -jax.hessian(lambda v: measurement.row_log_prob(*split(v, at), datum))(v)
        z, noise = split(v, at)
        z_curvature = -jax.grad(jax.grad(measurement.row_log_prob, 0), 0)(z, noise, datum)
        noise_curvature = -jax.grad(jax.grad(measurement.row_log_prob, 1), 1)(z, noise, datum)
        jacobian = jnp.stack(jax.jacfwd(lambda v: split(v, at))(v))
        weight = jnp.clip(jnp.stack([z_curvature, noise_curvature]), 0.0)
        return jacobian.T @ (weight[:, None] * jacobian)

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
        return jacobian.T @ jacobian + jnp.diag(jnp.zeros_like(v).at[k + measurement.prior_log_sds].set(extra))

    shared = jnp.broadcast_to(position.shared, (position.benchmark.shape[0], position.shared.shape[0]))
    return jax.vmap(one)(jnp.concatenate([position.benchmark, shared], axis=1), scores.coordinates)


def arrow(
    measurement: Measurement, position: Position, scores: CodedScores, *, exact: bool, floor: float = 0.0
) -> Arrow:
    """Factor the precision at `position`; the factors hold nan where it is not positive definite.

    `floor` is added to the diagonal of the Schur complement.
    """
    n_models, (n_benchmarks, k) = position.ability.shape[0], position.benchmark.shape
    m, j = scores.model_index, scores.benchmark_index
    rows = row_curvature(measurement, position, scores, exact)
    ability, own, rest = 0, slice(1, 1 + k), slice(1 + k, None)

    priors = prior_curvature(measurement, position, scores, exact)
    p_bb = priors[:, :k, :k].at[j].add(rows[:, own, own])
    p_bs = priors[:, :k, k:].at[j].add(rows[:, own, rest])
    p_mm = jnp.ones(n_models).at[m].add(rows[:, ability, ability])
    p_ms = jnp.zeros((n_models, position.shared.shape[0])).at[m].add(rows[:, ability, rest])
    p_ss = (
        rows[:, rest, rest].sum(0)
        + priors[:, k:, k:].sum(0)
        - jax.hessian(measurement.shared_log_prior)(position.shared)
    )
    chol = jnp.linalg.cholesky(p_bb)
    row_half = solve_triangular(chol[j], rows[:, own, ability, None], lower=True)[..., 0]
    half_m = jnp.zeros((n_benchmarks, n_models, k)).at[j, m].add(row_half)
    half_s = solve_triangular(chol, p_bs, lower=True)
    half = jnp.concatenate([half_m.transpose(0, 2, 1), half_s], axis=2).reshape(n_benchmarks * k, -1)
    p_ww = jnp.block([[jnp.diag(p_mm), p_ms], [p_ms.T, p_ss]])
    schur = p_ww - half.T @ half + floor * jnp.eye(p_ww.shape[0])
    return Arrow(
        benchmark_chol=chol,
        w_chol=jnp.linalg.cholesky(schur),
        row_coupling=solve_triangular(chol[j], row_half[..., None], lower=True, trans=1)[..., 0],
        shared_coupling=solve_triangular(chol, half_s, lower=True, trans=1),
    )


def solve_arrow(factor: Arrow, scores: CodedScores, rhs: Position) -> Position:
    """Solve precision @ x = rhs."""
    m, j = scores.model_index, scores.benchmark_index
    n_models = rhs.ability.shape[0]
    reduced_m = rhs.ability.at[m].add(-jnp.sum(factor.row_coupling * rhs.benchmark[j], axis=1))
    reduced_s = rhs.shared - jnp.einsum("jks,jk->s", factor.shared_coupling, rhs.benchmark)
    w = cho_solve((factor.w_chol, True), jnp.concatenate([reduced_m, reduced_s]))
    ability, shared = w[:n_models], w[n_models:]
    own = cho_solve((factor.benchmark_chol, True), rhs.benchmark[..., None])[..., 0]
    benchmark = own.at[j].add(-factor.row_coupling * ability[m][:, None])
    return Position(ability, benchmark - factor.shared_coupling @ shared, shared)


def whitening_at(center: Position, factor: Arrow) -> Whitening:
    """Build the whitening map at `center` from the factored precision there."""
    n_w, k = factor.w_chol.shape[0], factor.benchmark_chol.shape[-1]
    return Whitening(
        center=center,
        w_factor=solve_triangular(factor.w_chol, jnp.eye(n_w), lower=True, trans=1),
        benchmark_factor=solve_triangular(
            factor.benchmark_chol, jnp.broadcast_to(jnp.eye(k), factor.benchmark_chol.shape), lower=True, trans=1
        ),
        row_coupling=factor.row_coupling,
        shared_coupling=factor.shared_coupling,
    )


def unwhiten(whitening: Whitening, scores: CodedScores, z: Array) -> Position:
    """Map standard-normal coordinates (n,) to a position; the Jacobian is constant."""
    center = whitening.center
    n_models, n_w = center.ability.shape[0], whitening.w_factor.shape[0]
    w = whitening.w_factor @ z[:n_w]
    ability, shared = w[:n_models], w[n_models:]
    benchmark = jnp.einsum("jkl,jl->jk", whitening.benchmark_factor, z[n_w:].reshape(center.benchmark.shape))
    benchmark = benchmark.at[scores.benchmark_index].add(
        -whitening.row_coupling * ability[scores.model_index][:, None]
    )
    benchmark -= whitening.shared_coupling @ shared
    return Position(center.ability + ability, center.benchmark + benchmark, center.shared + shared)
