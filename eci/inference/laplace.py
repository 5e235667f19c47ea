"""Normal approximation at the mode with abilities integrated out."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from eci.inference.whiten import Whitening, arrow, whitening_at
from eci.irt.measurement import CodedScores, Measurement, Position


def whiten_at(
    measurement: Measurement, center: Position, scores: CodedScores, *, exact: bool
) -> tuple[Whitening, bool]:
    """Whitening map at `center`, and whether the curvature asked for was positive definite.

    Where the exact Hessian is not, the Gauss-Newton one, which always is, takes its place; the caller must
    report that.
    """
    factor = _arrow(measurement, center, scores, exact=exact)
    definite = bool(jnp.isfinite(factor.w_chol).all() & jnp.isfinite(factor.benchmark_chol).all())
    if not definite:
        factor = _arrow(measurement, center, scores, exact=False)
    return _whitening_at(center, factor), definite


_arrow = jax.jit(arrow, static_argnums=0, static_argnames="exact")
_whitening_at = jax.jit(whitening_at)

