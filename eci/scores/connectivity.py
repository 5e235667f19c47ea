"""Whether models and benchmarks hang together, so that one scale can hold them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eci.errors import IdentificationError

_SHOWN = 5
_NAMED = 3


def find_components(
    model_index: npt.NDArray[np.int64],
    benchmark_index: npt.NDArray[np.int64],
    n_models: int,
    n_benchmarks: int,
) -> npt.NDArray[np.int64]:
    """Find the connected components of the bipartite graph with an edge for every score.

    Parameters
    ----------
    model_index, benchmark_index
        Ends of the edges, shape (score,).
    n_models, n_benchmarks
        Number of nodes on each side.

    Returns
    -------
    ndarray, shape (n_models + n_benchmarks,)
        Component of every model, then of every benchmark; component 0 has the most models.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = n_models + n_benchmarks
    edges = coo_array((np.ones(len(model_index)), (model_index, n_models + benchmark_index)), shape=(n, n))
    _, label = connected_components(edges, directed=False)
    order = np.argsort(-np.bincount(label[:n_models], minlength=label.max() + 1), kind="stable")
    return np.asarray(np.argsort(order)[label], dtype=np.int64)


def require_connected(
    models: Sequence[str], benchmarks: Sequence[str], components: npt.NDArray[np.int64]
) -> None:
    """Refuse a disconnected graph.

    Parameters
    ----------
    models, benchmarks
        Names, in the order of `components`.
    components
        The result of `find_components`.

    Raises
    ------
    IdentificationError
        If there is more than one component; the message lists the largest.

    Notes
    -----
    Abilities in two components share no benchmark, directly or through others: any shift of one component
    against the other leaves every expected score as it is, so no data can place them on one scale.
    """
    n_components = int(components.max()) + 1
    if n_components == 1:
        return
    lines = [
        f"The scores fall into {n_components} groups that share no model and no benchmark, so they have no "
        "common scale:"
    ]
    for number in range(min(n_components, _SHOWN)):
        ours = components == number
        its_models = [name for name, mine in zip(models, ours[: len(models)], strict=True) if mine]
        its_benchmarks = [name for name, mine in zip(benchmarks, ours[len(models) :], strict=True) if mine]
        lines.append(f"  {number + 1}. {_list(its_models, 'model')}; {_list(its_benchmarks, 'benchmark')}")
    if n_components > _SHOWN:
        lines.append(f"  … and {n_components - _SHOWN} smaller groups.")
    lines.append(
        "Add scores that bridge them (a model of one group on a benchmark of another), or keep one group by "
        "domain, lab, dates or excluded benchmarks; lower minima can bring back a bridge that a rule dropped."
    )
    raise IdentificationError("\n".join(lines))


def _list(names: Sequence[str], noun: str) -> str:
    named = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'} ({named})"
