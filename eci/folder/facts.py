"""fit.json: everything of a fit but the numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from eci.atomic import standing
from eci.errors import DataError
from eci.fitted import Check, Diagnostics, Fit
from eci.folder.schema import require_facts

_KIND, _OLDEST, _VERSION = "eci.fit", 1, 1
SCHEMA = f"{_KIND}/{_VERSION}"


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


def gather_diagnostics(facts: Mapping[str, Any]) -> Diagnostics:
    """Take the checks of a fit from the content of fit.json."""
    return Diagnostics(
        tuple(
            Check(**{**item, "value": np.nan if item["value"] is None else item["value"]})
            for item in facts["diagnostics"]
        )
    )


def require_folder(folder: str | Path) -> None:
    """Refuse what is no path, and a file where the folder of a fit is to be named.

    Raises
    ------
    DataError
        Where it is either.
    """
    if not isinstance(folder, str | os.PathLike):
        raise DataError(
            f"A saved fit is named by its folder, as text or a path; given {folder!r}, which is of the type "
            f"{type(folder).__name__}. Give the folder that `eci fit` or Fit.save wrote."
        )
    if (named := Path(folder).expanduser()).is_file():
        of_fit = f": {named.parent}" if (named.parent / "fit.json").is_file() else ""
        raise DataError(
            f"{named} is a file, and a fit is read from its folder. Name the folder that `eci fit` wrote"
            f"{of_fit}."
        )


def load_facts(folder: str | Path) -> dict[str, Any]:
    """Read fit.json of a saved fit, checked for its version.

    Raises
    ------
    DataError
        Where it is missing, damaged or of a newer version, or a file is named instead of the folder.
    """
    require_folder(folder)
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
