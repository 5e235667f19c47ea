"""A fit as a folder of plain files: written whole or not at all, read with its digest checked.

abilities.csv, benchmarks.csv and fit.json are for people and other programs; posterior.nc holds the draws,
the mode and the scores, and opens in ArviZ and xarray. Free of jax.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from eci.atomic import checksum, standing, write_folder
from eci.errors import DataError
from eci.facts import require_facts, require_visible
from eci.fitted import Check, Diagnostics, Fit, Parameters, Provenance
from eci.scale import Scale
from eci.scores import Dropped, Rules, ScoreMatrix
from eci.spreadsheet import unshield_table, write_csv

if TYPE_CHECKING:
    import xarray as xr

_KIND, _OLDEST, _VERSION = "eci.fit", 1, 1
SCHEMA = f"{_KIND}/{_VERSION}"
FILES = ("abilities.csv", "benchmarks.csv", "fit.json", "posterior.nc")
_OWN = ("ability", "difficulty", "discrimination")
# What HDF5, xarray and our own code come upon in a file that is damaged.
_DAMAGE = (
    OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, MemoryError,
)  # fmt: skip
_TRUTH = {-1: None, 0: False, 1: True}


def save_fit(fit: Fit, folder: str | Path, *, force: bool = False) -> Path:
    """Write a fit to `folder`: everything to a new folder beside it, which then takes its name.

    Parameters
    ----------
    fit
        The fit.
    folder
        Where to; its parent must exist.
    force
        Replace a fit that is there. A folder that holds anything else is never replaced.

    Raises
    ------
    DataError
        Where `folder` exists and `force` is not given, or is not a fit; where it cannot be written.
    """
    target = _resolve(folder)
    check_writable(target, force=force)
    try:
        with write_folder(target, replace=force) as draft:
            write_csv(fit.abilities(), draft / "abilities.csv")
            write_csv(fit.benchmarks(), draft / "benchmarks.csv")
            # By way of memory: HDF5 ends the process where it writes a file and the disk is full.
            memory = io.BytesIO()
            _to_tree(fit).to_netcdf(memory, engine="h5netcdf")
            (draft / "posterior.nc").write_bytes(memory.getvalue())
            checksums = {path.name: checksum(path) for path in sorted(draft.iterdir())}
            facts = {**describe(fit), "sha256": checksums}
            text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False)
            (draft / "fit.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        check_writable(target, force=force)  # another process may have been quicker: then that is the reason
        raise DataError(
            f"The fit could not be written to {target}: the system says: {error.strerror or error}. Nothing "
            "was changed there. Make room or get the right to write, or give another --out."
        ) from error
    return target


def check_writable(folder: str | Path, *, force: bool = False) -> None:
    """Refuse, before any work is done, a target that `save_fit` would refuse.

    Raises
    ------
    DataError
        As `save_fit`.
    """
    target = _resolve(folder)
    if not target.parent.is_dir():
        raise DataError(f"The folder {target.parent} does not exist. Make it first, or give another --out.")
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError(f"{target} is a file, not a folder. Give another --out.")
    if os.path.ismount(target):
        raise DataError(f"{target} is a mount point, which cannot be replaced. Give a folder in it as --out.")
    strangers = sorted(path.name for path in target.iterdir() if path.name not in FILES)
    if strangers:
        raise DataError(
            f"{target} holds files that are not a fit ({', '.join(strangers[:3])}), so it is not replaced. "
            "Give another --out."
        )
    if any(target.iterdir()) and not force:
        raise DataError(f"{target} holds a fit already. Add --force to replace it, or give another --out.")


Read = TypeVar("Read", bound=Callable[..., Any])


def _again_if_replaced(read: Read) -> Read:
    """Read once more where another process replaced the folder meanwhile."""

    @wraps(read)
    def settled(folder: str | Path, *args: Any) -> Any:
        while True:
            before = _identify(folder)
            try:
                return read(folder, *args)
            except DataError:
                if _identify(folder) == before:
                    raise

    return settled  # type: ignore[return-value]


def _identify(folder: str | Path) -> int:
    path = standing(Path(folder).expanduser())
    return path.stat().st_ino if path.exists() else 0


@_again_if_replaced
def load_fit(folder: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises
    ------
    DataError
        Where a file is missing, damaged or of a newer version, or the scores do not match their digest.
    """
    import xarray as xr

    source = standing(Path(folder).expanduser())
    facts = load_facts(source)
    path = source / "posterior.nc"
    try:
        _require_unchanged(path, facts)
        fit = _from_tree(xr.load_datatree(path, engine="h5netcdf"), facts)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: {source} is not a whole fit. Fit again with --force.") from error
    except _DAMAGE as error:
        raise DataError(f"{path} cannot be read: {error}. It is damaged; fit again with --force.") from error
    if fit.digest != facts["data_digest"]:
        raise DataError(
            f"The scores in {path} have the digest {fit.digest[:12]}, but fit.json says "
            f"{facts['data_digest'][:12]}. Files of two fits are mixed; fit again with --force."
        )
    return fit


def load_facts(folder: str | Path) -> dict[str, Any]:
    """Read fit.json of a saved fit, checked for its version.

    Raises
    ------
    DataError
        Where it is missing, damaged or of a newer version.
    """
    path = standing(Path(folder).expanduser()) / "fit.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        schema = facts["schema"]
        name, number = schema.split("/")
        newer = int(number) > _VERSION
        is_read = name == _KIND and _OLDEST <= int(number) <= _VERSION
        if is_read:
            require_facts(facts)
    except FileNotFoundError as error:
        raise DataError(
            f"{path.parent} holds no fit: there is no {path.name}. Make one with `eci fit`."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}. It is damaged; fit again with --force.") from error
    if not is_read:
        update = " Update the package (pip install --upgrade eci-bayes), or fit" if newer else " Fit"
        raise DataError(
            f"{path} has the schema {schema!r}; this version reads {_KIND}/{_OLDEST} to {SCHEMA}.{update} "
            "again with --force."
        )
    return dict(facts)


def _require_unchanged(path: Path, facts: Mapping[str, Any]) -> None:
    """Refuse a file that is not the one that fit.json was written with; a fit of 0.1.0 does not say."""
    written = facts.get("sha256", {}).get(path.name)
    if written is not None and checksum(path) != written:
        raise ValueError("it is not as it was written (its checksum is another)")


@_again_if_replaced
def load_table(folder: str | Path, name: str) -> pd.DataFrame:
    """Read abilities.csv or benchmarks.csv of a saved fit.

    Raises
    ------
    DataError
        Where the table is missing or damaged.
    """
    source = standing(Path(folder).expanduser())
    facts = load_facts(source)
    path = source / name
    labels = ["model", "lab", "release_date"] if name == "abilities.csv" else ["benchmark", "domain"]
    try:
        _require_unchanged(path, facts)
        table = pd.read_csv(path, keep_default_na=False, na_values={}, dtype=dict.fromkeys(labels, str))
        numbers = table.columns.difference(labels)
        table[numbers] = table[numbers].apply(pd.to_numeric)
        if not set(labels) <= set(table.columns):
            raise ValueError(f"its columns are {', '.join(table.columns)}")
        table = unshield_table(table)
        require_visible(table[labels].to_numpy().tolist())
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing: {path.parent} is not a whole fit. Fit again with --force."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. It is damaged; fit again with --force.") from error
    return table


def describe(fit: Fit) -> dict[str, Any]:
    """Everything of a fit but the numbers: the content of fit.json, without checksums of the other files."""
    return {
        "schema": SCHEMA,
        "data_digest": fit.digest,
        "source": dict(fit.matrix.source),
        "n_models": fit.matrix.n_models,
        "n_benchmarks": fit.matrix.n_benchmarks,
        "n_scores": fit.matrix.n_scores,
        "rules": fit.matrix.rules.as_dict(),
        "likelihood": fit.likelihood,
        "priors": dict(fit.priors),
        "method": dict(fit.method),
        "preview": fit.is_preview,
        "seed": fit.seed,
        "scale": {"label": fit.scale.label, "anchors": dict(fit.scale.anchors)},
        "interval_prob": fit.interval_prob,
        "n_chains": fit.n_chains,
        "n_draws": 0 if fit.draws is None else len(fit.draws.ability),
        "versions": dict(fit.provenance.versions),
        "device": fit.provenance.device,
        "seconds": dict(fit.provenance.seconds),
        "diagnostics": [
            {name: _finite(value) for name, value in asdict(check).items()}
            for check in fit.diagnostics.checks
        ],
        "dropped": [asdict(item) for item in fit.matrix.dropped],
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _resolve(folder: str | Path) -> Path:
    """The folder itself where a link to it is given: a link is followed, never replaced."""
    path = Path(folder).expanduser()
    return path.resolve() if path.is_symlink() or path.name in ("", "..") else path


def _to_tree(fit: Fit) -> xr.DataTree:
    """Lay a fit out in groups, named and shaped as ArviZ has them."""
    import xarray as xr

    matrix = fit.matrix
    models, benchmarks = ("model", list(matrix.models)), ("benchmark", list(matrix.benchmarks))
    coords: dict[str, Any] = dict([models, benchmarks])
    groups = {
        "mode": xr.Dataset(_parameter_arrays(fit.mode, ()), coords=coords),
        "observed_data": xr.Dataset({"score": ("score_index", matrix.score)}),
        "constant_data": xr.Dataset(
            {
                "n_items": ("score_index", matrix.n_items),
                "model_index": ("score_index", matrix.model_index),
                "benchmark_index": ("score_index", matrix.benchmark_index),
                "lower": ("benchmark", matrix.lower),
                "upper": ("benchmark", matrix.upper),
                "domain": ("benchmark", np.array(matrix.domain, dtype=object)),
                "lab": ("model", np.array(matrix.lab, dtype=object)),
                "release_date": (
                    "model",
                    np.array(["" if np.isnat(d) else str(d) for d in matrix.release_date], object),
                ),
                "open_weights": ("model", _from_truth(matrix.open_weights)),
                "reasoning": ("model", _from_truth(matrix.reasoning)),
            },
            coords=coords,
        ),
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


def _from_tree(tree: xr.DataTree, facts: Mapping[str, Any]) -> Fit:
    data, observed, mode = (tree[name].to_dataset() for name in ("constant_data", "observed_data", "mode"))
    dates = [text or "NaT" for text in data["release_date"].to_numpy().tolist()]
    matrix = ScoreMatrix(
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
    draws, stats, scale = None, {}, mode
    if "posterior" in tree.children:
        posterior = tree["posterior"].to_dataset()
        scale = posterior
        draws = _parameters(posterior, flatten=True)
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
        mode=_parameters(mode, flatten=False),
        draws=draws,
        n_chains=facts["n_chains"],
        sample_stats=stats,
        scale=Scale(slope, origin, facts["scale"]["label"], facts["scale"]["anchors"]),
        diagnostics=Diagnostics(tuple(_check(item) for item in facts["diagnostics"])),
        provenance=Provenance(facts["versions"], facts["device"], facts["seconds"]),
        interval_prob=facts["interval_prob"],
    )


def _check(item: Mapping[str, Any]) -> Check:
    return Check(**{**item, "value": np.nan if item["value"] is None else item["value"]})


def _parameters(group: xr.Dataset, *, flatten: bool) -> Parameters:
    arrays = {str(name): value.to_numpy() for name, value in group.data_vars.items()}
    if flatten:
        arrays = {name: value.reshape(-1, *value.shape[2:]) for name, value in arrays.items()}
    derived = {"scale_slope", "scale_origin", "index", *_OWN}
    shared = {name: value for name, value in arrays.items() if name not in derived}
    return Parameters(arrays["ability"], arrays["difficulty"], arrays["discrimination"], shared=shared)
