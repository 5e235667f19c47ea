"""No-U-turn sampler on whitened coordinates: unit metric, step size by dual averaging, one chain a call.

The tree is built iteratively, so that one compiled loop serves every depth. Its leaves are two
gradients apart (see `STEP`).

References
----------
Hoffman and Gelman (2014), The No-U-Turn Sampler, JMLR 15, 1593-1623.
Betancourt (2017), A Conceptual Introduction to Hamiltonian Monte Carlo, arXiv:1701.02434 (multinomial
sampling along the trajectory, generalised turning criterion).
Phan, Pradhan and Jankowiak (2019), arXiv:1912.11554 (the iterative tree).
Blanes, Casas and Sanz-Serna (2014), Numerical Integrators for the Hybrid Monte Carlo Method,
doi:10.1137/130932740 (steps of two gradients).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

Potential = Callable[[Array], tuple[Array, Array]]  # z -> negative log density, its gradient

MAX_ENERGY_ERROR = 1000.0

# A step is the palindrome kick STEP, drift 1/2, kick 1 - 2 STEP, drift 1/2, kick STEP. With 1/4 it is two
# leapfrogs. At 0.2113 the leading error in the energy of a normal density vanishes and steps can be longest,
# but in necks where they are 2.6 to 3.1 sds the error grows by up to 37 % each step, and transitions diverge.
# At 0.23 these are 2.7 to 2.9 sds and 17 %, and the error is half that of two leapfrogs.
STEP = 0.23
GRADIENTS_PER_STEP = 2


class StepSize(NamedTuple):
    """Dual-averaging state (Hoffman and Gelman 2014, section 3.2)."""

    log_step: Array
    log_step_mean: Array
    error_mean: Array
    n_steps: Array
    anchor: Array


class Point(NamedTuple):
    """A draw with its negative log density and gradient."""

    z: Array
    potential: Array
    gradient: Array


class State(NamedTuple):
    """Where a chain stands between two runs."""

    point: Point
    key: Array
    step: StepSize


class Info(NamedTuple):
    """What a person needs of one transition."""

    potential: Array
    accept_prob: Array
    n_gradients: Array
    tree_depth: Array
    diverging: Array
    energy: Array


class _Leaf(NamedTuple):
    z: Array
    r: Array
    gradient: Array


class _Tree(NamedTuple):
    left: _Leaf
    right: _Leaf
    proposal: Point
    log_weight: Array
    r_sum: Array
    accept_sum: Array
    n_leaves: Array
    turning: Array
    diverging: Array


def start_chain(key: Array, z: Array, step_size: float) -> State:
    """Start a chain at `z`, with dual averaging from `step_size`.

    The density is not evaluated at `z`: it counts as vanishing there, so that the first transition ends
    elsewhere on its trajectory, for whose first kick the gradient is that of a standard normal density.
    Evaluating it would compile the density a second time. The first transition must belong to the warm-up.
    """
    log_step = jnp.full((), math.log(step_size), z.dtype)  # a weak type would compile twice
    zero = jnp.zeros(())
    return State(
        Point(z, jnp.full((), 1e10, z.dtype), z),
        key,
        StepSize(log_step, log_step, zero, zero, log_step + math.log(5.0)),
    )


def _adapt(step: StepSize, accept_prob: Array, target: Array | float) -> StepSize:
    count = step.n_steps + 1.0
    rate = 1.0 / (count + 10.0)
    error_mean = (1.0 - rate) * step.error_mean + rate * (target - accept_prob)
    log_step = step.anchor - jnp.sqrt(count) / 0.05 * error_mean
    weight = count**-0.75
    return StepSize(
        log_step, weight * log_step + (1 - weight) * step.log_step_mean, error_mean, count, step.anchor
    )


def _is_turning(r_left: Array, r_right: Array, r_sum: Array) -> Array:
    rho = r_sum - 0.5 * (r_left + r_right)
    return (jnp.dot(r_left, rho) <= 0) | (jnp.dot(r_right, rho) <= 0)


def _step(potential: Potential, leaf: _Leaf, size: Array) -> tuple[_Leaf, Array]:
    """One step, and the potential where it leads."""
    r = leaf.r - STEP * size * leaf.gradient
    z = leaf.z + 0.5 * size * r
    _, gradient = potential(z)
    r = r - (1.0 - 2.0 * STEP) * size * gradient
    z = z + 0.5 * size * r
    value, gradient = potential(z)
    return _Leaf(z, r - STEP * size * gradient, gradient), value


def _subtree(
    potential: Potential,
    u: Array,
    edge: _Leaf,
    step_size: Array,
    depth: Array,
    energy: Array,
    max_depth: int,
) -> tuple[_Tree, _Leaf]:
    """Grow up to 2**depth leaves from `edge`, giving the subtree and its last leaf; step_size is signed.

    Momenta at the left ends of the binary subtrees still open are kept, one per level, so that every
    balanced subtree is checked for a turn when its last leaf is added. The uniform number `u` chooses the
    proposal: given that it fell below a leaf's share or above, it is uniform there, and serves the next leaf.
    """
    n_wanted = 2**depth
    n = edge.z.shape[0]
    open_r = jnp.zeros((max_depth, n))
    open_sum = jnp.zeros((max_depth, n))
    zero = jnp.zeros(())
    empty = _Tree(
        edge, edge, Point(edge.z, zero, edge.gradient), jnp.array(-jnp.inf), jnp.zeros(n), zero,
        jnp.zeros((), jnp.int32), jnp.array(False), jnp.array(False),
    )  # fmt: skip

    def go_on(carry: tuple[Any, ...]) -> Array:
        tree = carry[0]
        return (tree.n_leaves < n_wanted) & ~tree.turning & ~tree.diverging

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        tree, leaf, open_r, open_sum, u = carry
        leaf, value = _step(potential, leaf, step_size)
        error = value + 0.5 * jnp.dot(leaf.r, leaf.r) - energy
        error = jnp.where(jnp.isnan(error), jnp.inf, error)
        log_weight = jnp.logaddexp(tree.log_weight, -error)
        share = jnp.exp(-error - log_weight)
        pick = u < share
        u = jnp.where(pick, u / share, (u - share) / (1.0 - share))
        proposal = jax.tree.map(
            lambda new, old: jnp.where(pick, new, old), Point(leaf.z, value, leaf.gradient), tree.proposal
        )
        r_sum = tree.r_sum + leaf.r
        i = tree.n_leaves
        # Leaf i closes as many balanced subtrees as i has trailing one bits; those above stay open.
        n_closed = _trailing_ones(i)
        top = jax.lax.population_count(i >> 1)
        bottom = top - n_closed + 1

        def remember(arrays: tuple[Array, Array]) -> tuple[Array, Array]:
            return arrays[0].at[top].set(leaf.r), arrays[1].at[top].set(r_sum)

        def check(level_turning: tuple[Array, Array]) -> tuple[Array, Array]:
            level, _ = level_turning
            inner = r_sum - open_sum[level] + open_r[level]
            return level - 1, _is_turning(open_r[level], leaf.r, inner)

        is_even = i % 2 == 0
        open_r, open_sum = jax.lax.cond(is_even, remember, lambda arrays: arrays, (open_r, open_sum))
        _, turning = jax.lax.while_loop(
            lambda lt: (lt[0] >= bottom) & ~lt[1],
            check,
            (jnp.where(is_even, bottom - 1, top), jnp.array(False)),
        )
        tree = _Tree(
            leaf, leaf, proposal, log_weight, r_sum, tree.accept_sum + jnp.minimum(1.0, jnp.exp(-error)),
            i + 1, turning, error > MAX_ENERGY_ERROR,
        )  # fmt: skip
        return tree, leaf, open_r, open_sum, u

    tree, leaf, *_ = jax.lax.while_loop(go_on, grow, (empty, edge, open_r, open_sum, u))
    return tree, leaf


def _trailing_ones(i: Array) -> Array:
    return jax.lax.population_count(i & ~(i + 1))


def transition(
    potential: Potential, point: Point, key: Array, step_size: Array, max_depth: int
) -> tuple[Point, Info]:
    """One no-U-turn transition."""
    key_r, key_u = jax.random.split(key)
    uniform = jax.random.uniform(key_u, (max_depth, 3), point.z.dtype)
    r = jax.random.normal(key_r, point.z.shape, point.z.dtype)
    energy = point.potential + 0.5 * jnp.dot(r, r)
    leaf = _Leaf(point.z, r, point.gradient)
    zero = jnp.zeros(())
    tree = _Tree(
        leaf, leaf, point, zero, r, zero,
        jnp.zeros((), jnp.int32), jnp.array(False), jnp.array(False),
    )  # fmt: skip

    def go_on(carry: tuple[Any, ...]) -> Array:
        tree, depth = carry
        return (depth < max_depth) & ~tree.turning & ~tree.diverging

    def double(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        tree, depth = carry
        side, leaf_u, merge_u = uniform[depth]
        right = side < 0.5
        edge = jax.tree.map(lambda a, b: jnp.where(right, a, b), tree.right, tree.left)
        signed = jnp.where(right, step_size, -step_size)
        new, last = _subtree(potential, leaf_u, edge, signed, depth, energy, max_depth)
        stopped = new.turning | new.diverging
        pick = ~stopped & (jnp.log(merge_u) < new.log_weight - tree.log_weight)
        left_leaf = jax.tree.map(lambda a, b: jnp.where(right, a, b), tree.left, last)
        right_leaf = jax.tree.map(lambda a, b: jnp.where(right, a, b), last, tree.right)
        r_sum = tree.r_sum + new.r_sum
        merged = _Tree(
            left_leaf, right_leaf,
            jax.tree.map(lambda a, b: jnp.where(pick, a, b), new.proposal, tree.proposal),
            jnp.logaddexp(tree.log_weight, new.log_weight), r_sum,
            tree.accept_sum + new.accept_sum, tree.n_leaves + new.n_leaves,
            stopped | _is_turning(left_leaf.r, right_leaf.r, r_sum), new.diverging,
        )  # fmt: skip
        return merged, depth + 1

    tree, depth = jax.lax.while_loop(go_on, double, (tree, jnp.zeros((), jnp.int32)))
    accept_prob = tree.accept_sum / tree.n_leaves
    n_gradients = GRADIENTS_PER_STEP * tree.n_leaves
    info = Info(tree.proposal.potential, accept_prob, n_gradients, depth, tree.diverging, energy)
    return tree.proposal, info


_Run = tuple[Point, Array, StepSize, Array, Info]


def run_chain(
    potential: Potential,
    state: State,
    n_steps: Array,
    *,
    adapt: Array,
    buffer: int,
    target_accept: Array | float,
    max_depth: int,
) -> tuple[State, Array, Info]:
    """Run `n_steps` <= `buffer` transitions; rows of the returned draws beyond n_steps are zero.

    n_steps, adapt and target_accept may be traced: one compiled program serves warm-up and sampling of any
    length.
    """

    def body(i: Array, carry: _Run) -> _Run:
        point, key, step, draws, infos = carry
        key, key_now = jax.random.split(key)
        log_step = jnp.where(adapt, step.log_step, step.log_step_mean)
        point, info = transition(potential, point, key_now, jnp.exp(log_step), max_depth)
        adapted = _adapt(step, info.accept_prob, target_accept)
        step = jax.tree.map(lambda new, old: jnp.where(adapt, new, old), adapted, step)
        infos = jax.tree.map(lambda array, x: array.at[i].set(x), infos, info)
        return point, key, step, draws.at[i].set(point.z), infos

    floats, integers = jnp.zeros(buffer), jnp.zeros(buffer, jnp.int32)
    infos = Info(floats, floats, integers, integers, jnp.zeros(buffer, bool), floats)
    draws = jnp.zeros((buffer, state.point.z.shape[0]))
    point, key, step, draws, infos = jax.lax.fori_loop(0, n_steps, body, (*state, draws, infos))
    return State(point, key, step), draws, infos
