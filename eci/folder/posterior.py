"""The layout of posterior.nc: draws, mode and scores in groups, named and shaped as ArviZ has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.fitted import Fit, Parameters, Provenance
from eci.folder.facts import gather_diagnostics
from eci.scale import Scale
from eci.scores import Dropped, Rules, ScoreMatrix

if TYPE_CHECKING:
    import xarray as xr

_OWN = ("ability", "difficulty", "discrimination")
_TRUTH = {-1: None, 0: False, 1: True}


def to_tree(fit: Fit) -> xr.DataTree:
    """Lay a fit out in groups, named and shaped as ArviZ has them."""
    import xarray as xr

    matrix = fit.matrix
    coords = {"model": list(matrix.models), "benchmark": list(matrix.benchmarks)}
    groups = {
        "mode": xr.Dataset(_parameter_arrays(fit.mode, ()), coords=coords),
        "observed_data": xr.Dataset({"score": ("score_index", matrix.score)}),
        "constant_data": xr.Dataset(_constant_arrays(matrix), coords=coords),
    }
    scale = {"scale_slope": fit.scale.slope, "scale_origin": fit.scale.origin}
    if fit.draws is None:
        groups["mode"] = groups["mode"].assign({name: value[0] for name, value in scale.items()})
    else:
        shape = (fit.n_chains, -1)
        by_chain = {name: (("chain", "draw"), value.reshape(shape)) for name, value in scale.items()}
        arrays = _parameter_arrays(fit.draws, shape)
        index = (("chain", "draw", "model"), fit.index_draws.reshape(*shape, matrix.n_models))
        groups["posterior"] = xr.Dataset({**arrays, **by_chain, "index": index}, coords=coords)
        if fit.sample_stats:
            stats = {
                name: (("chain", "draw"), value.reshape(shape)) for name, value in fit.sample_stats.items()
            }
            groups["sample_stats"] = xr.Dataset(stats)
    return xr.DataTree.from_dict(groups)


def _constant_arrays(matrix: ScoreMatrix) -> dict[str, Any]:
    """What is known without a fit: where each score stands, and the labels."""
    dates = ["" if np.isnat(date) else str(date) for date in matrix.release_date]
    return {
        "n_items": ("score_index", matrix.n_items),
        "model_index": ("score_index", matrix.model_index),
        "benchmark_index": ("score_index", matrix.benchmark_index),
        "lower": ("benchmark", matrix.lower),
        "upper": ("benchmark", matrix.upper),
        "domain": ("benchmark", np.array(matrix.domain, dtype=object)),
        "lab": ("model", np.array(matrix.lab, dtype=object)),
        "release_date": ("model", np.array(dates, dtype=object)),
        "open_weights": ("model", _from_truth(matrix.open_weights)),
        "reasoning": ("model", _from_truth(matrix.reasoning)),
    }


def _parameter_arrays(parameters: Parameters, shape: tuple[int, ...]) -> dict[str, Any]:
    """Variables of a group: dims are chain and draw (none for a mode) and the axis of the parameter."""
    dims = ("chain", "draw")[: len(shape)]
    n_leading = 1 if shape else 0
    named = dict(zip(_OWN, parameters[:3], strict=True)) | dict(parameters.shared)
    arrays = {}
    for name, value in named.items():
        axis = () if np.ndim(value) == n_leading else ("model",) if name == "ability" else ("benchmark",)
        arrays[name] = ((*dims, *axis), np.reshape(value, (*shape, *np.shape(value)[n_leading:])))
    return arrays


def _from_truth(values: tuple[bool | None, ...]) -> np.ndarray[Any, Any]:
    return np.array([-1 if value is None else int(value) for value in values], dtype=np.int8)


def from_tree(tree: xr.DataTree, facts: Mapping[str, Any]) -> Fit:
    """Put a fit together from its groups and the content of fit.json.

    Raises
    ------
    ValueError
        Where the two contradict each other; whatever xarray and numpy raise where a group is not as laid out.
    """
    matrix = _gather_matrix(tree, facts)
    mode = tree["mode"].to_dataset()
    draws, stats, scale = None, {}, mode
    if "posterior" in tree.children:
        posterior = tree["posterior"].to_dataset()
        scale = posterior
        draws = _gather_parameters(posterior, flatten=True)
    if "sample_stats" in tree.children:
        stats = {
            str(name): value.to_numpy().reshape(-1) for name, value in tree["sample_stats"].data_vars.items()
        }
    strangers = facts["scale"]["anchors"].keys() - set(matrix.models)
    if strangers:
        raise ValueError(f"the anchor {min(strangers)!r} is none of its models")
    if draws is not None and posterior.sizes["chain"] != facts["n_chains"]:
        raise ValueError(f"it has {posterior.sizes['chain']} chains, and fit.json says {facts['n_chains']}")
    slope, origin = (
        np.atleast_1d(scale[name].to_numpy()).reshape(-1) for name in ("scale_slope", "scale_origin")
    )
    return Fit(
        matrix=matrix,
        likelihood=facts["likelihood"],
        priors=facts["priors"],
        method=facts["method"],
        seed=facts["seed"],
        mode=_gather_parameters(mode, flatten=False),
        draws=draws,
        n_chains=facts["n_chains"],
        sample_stats=stats,
        scale=Scale(slope, origin, facts["scale"]["label"], facts["scale"]["anchors"]),
        diagnostics=gather_diagnostics(facts),
        provenance=Provenance(facts["versions"], facts["device"], facts["seconds"]),
        interval_prob=facts["interval_prob"],
    )


def _gather_matrix(tree: xr.DataTree, facts: Mapping[str, Any]) -> ScoreMatrix:
    data, observed = (tree[name].to_dataset() for name in ("constant_data", "observed_data"))
    dates = [text or "NaT" for text in data["release_date"].to_numpy().tolist()]
    return ScoreMatrix(
        models=tuple(data["model"].to_numpy().tolist()),
        benchmarks=tuple(data["benchmark"].to_numpy().tolist()),
        model_index=data["model_index"].to_numpy(),
        benchmark_index=data["benchmark_index"].to_numpy(),
        score=observed["score"].to_numpy(),
        n_items=data["n_items"].to_numpy(),
        lower=data["lower"].to_numpy(),
        upper=data["upper"].to_numpy(),
        release_date=np.array(dates, dtype="datetime64[D]"),
        lab=tuple(data["lab"].to_numpy().tolist()),
        open_weights=tuple(_TRUTH[int(value)] for value in data["open_weights"].to_numpy()),
        reasoning=tuple(_TRUTH[int(value)] for value in data["reasoning"].to_numpy()),
        domain=tuple(data["domain"].to_numpy().tolist()),
        rules=Rules(**facts["rules"]),
        dropped=tuple(Dropped(**item) for item in facts["dropped"]),
        source=facts.get("source", {}),  # which version 1 did not have at first
    )


def _gather_parameters(group: xr.Dataset, *, flatten: bool) -> Parameters:
    arrays = {str(name): value.to_numpy() for name, value in group.data_vars.items()}
    if flatten:
        arrays = {name: value.reshape(-1, *value.shape[2:]) for name, value in arrays.items()}
    derived = {"scale_slope", "scale_origin", "index", *_OWN}
    shared = {name: value for name, value in arrays.items() if name not in derived}
    return Parameters(arrays["ability"], arrays["difficulty"], arrays["discrimination"], shared=shared)
