"""Checks of a fit as a table, and what its draws say about the model, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eci.queries.criticism import SENSITIVE, UNLIKELY
from eci.report.text import align, paragraph

if TYPE_CHECKING:
    from eci.queries.criticism import Criticism, LeftOut, Scatter, Sensitivity

_SHOWN = 5
_OWN_NOISE = ("beta", "beta_binomial")


def list_checks(diagnostics: Sequence[Mapping[str, Any]]) -> str:
    """Lay out every check with its value, its limit, whether it passed, and where it is worst.

    Parameters
    ----------
    diagnostics
        As in fit.json.
    """
    rows = [("check", "value", "limit", "", "worst at")]
    for check in diagnostics:
        value = "not a number" if check["value"] is None else f"{check['value']:.4g}"
        passed = "passed" if check["ok"] else "FAILED"
        rows.append((check["name"], value, f"{check['limit']:.4g}", passed, check["worst"]))
    return align(rows, "<>><<")


def describe_criticism(criticism: Criticism) -> str:
    """Say which scores hold the fit, which benchmarks scatter otherwise, and what the index rests on.

    Parameters
    ----------
    criticism
        From `eci.queries.criticism.criticise`.
    """
    parts = (_about_scores(criticism), _about_scatter(criticism), _about_sensitivity(criticism))
    return "\n\n".join(parts)


def _about_scores(criticism: Criticism) -> str:
    found = criticism.influential
    lines = [
        paragraph(
            f"Each score predicted from the others (PSIS-LOO on {criticism.n_draws} draws): log density "
            f"{criticism.elpd:.0f} (standard error {criticism.elpd_se:.0f}), "
            f"{criticism.p_loo:.0f} effective parameters.",
            f"{len(found)} of {criticism.n_scores} scores hold the fit so much that how well they are "
            f"predicted cannot be told without refitting (Pareto k above {criticism.max_k:.2f})."
            if found
            else "No score holds the fit by itself.",
            "Check these against their sources first." if found else "",
        )
    ]
    if found:
        lines.append(_table(("model", "benchmark", "score", "k"), found, _score_cells, "<<>>"))
    return "\n".join(lines)


def _score_cells(one: LeftOut) -> tuple[str, ...]:
    return one.model, one.benchmark, f"{one.score:.3f}", f"{one.pareto_k:.2f}"


def _about_scatter(criticism: Criticism) -> str:
    found, n = criticism.unlikely, len(criticism.scatter)
    more = sum(one.ratio > 1 for one in found)
    lines = [
        paragraph(
            f"Scatter about the curve (posterior predictive check): {more} of {n} benchmarks scatter more "
            f"than the noise says and {len(found) - more} less; {UNLIKELY * n:.1f} would by chance.",
            _advise_noise(criticism.likelihood) if len(found) > 3 * UNLIKELY * n + 1 else "",
        )
    ]
    if found:
        lines.append(_table(("benchmark", "variance ratio", "p", "scores"), found, _scatter_cells, "<>>>"))
    return "\n".join(lines)


def _advise_noise(likelihood: str) -> str:
    if likelihood in _OWN_NOISE:
        return (
            "Each has a noise of its own already: check first whether their scores mix editions or settings."
        )
    other = "beta_binomial" if likelihood == "binomial" else "beta"
    return (
        f"A likelihood with a noise of each benchmark's own may fit better: fit with --likelihood "
        f"{other} and compare."
    )


def _scatter_cells(one: Scatter) -> tuple[str, ...]:
    return one.benchmark, f"{one.ratio:.2f}", f"{one.p:.3f}", str(one.n_scores)


def _about_sensitivity(criticism: Criticism) -> str:
    by_prior = [one for one in criticism.sensitivity if one.prior >= SENSITIVE]
    lines = [
        paragraph(
            f"Sensitivity of the index (power-scaling; distance moved for each doubling of a power, "
            f"{SENSITIVE:g} counts as sensitive): to the priors of common means, spreads and noise, "
            f"{len(by_prior)} of {len(criticism.sensitivity)} models.",
            "For these, repeat the fit with wider priors (--priors) and quote both."
            if by_prior
            else "No index rests on these priors.",
        )
    ]
    if criticism.sensitivity:
        shown = by_prior or criticism.sensitivity[:1]
        lines.append(_table(("model", "prior", "scores"), shown, _sensitivity_cells, "<>>"))
    return "\n".join(lines)


def _sensitivity_cells(one: Sensitivity) -> tuple[str, ...]:
    return one.model, f"{one.prior:.3f}", f"{one.likelihood:.3f}"


def _table(titles: Sequence[str], found: Sequence[Any], cells: Any, sides: str) -> str:
    """Lay out the first few, and say how many more there are."""
    rows = [titles, *(cells(one) for one in found[:_SHOWN])]
    more = len(found) - _SHOWN
    return align(rows, sides) + (f"\nand {more} more (--json lists all)" if more > 0 else "")
