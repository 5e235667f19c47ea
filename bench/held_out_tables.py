"""Tables of held-out predictions (bench/held_out.py): which likelihood predicts best, and how sure that is.

Columns of the first table, with the standard error over repeats: share of scores inside the 50 and the 90 %
predictive interval; median width of the latter; mean log predictive density of the fraction (of counts the
log probability times the number of items); mean continuous ranked probability score (Gneiting and Raftery
2007, doi:10.1198/016214506000001437), which compares densities and counts; mean absolute error of the
predictive median, and by how much it is below that of least squares on the same pairs.

The second compares log densities on the splits that both likelihoods have predicted. Repeats share most of
their scores, so the plain standard error over repeats says how well another set of splits of these scores
would agree; the second one, for other scores of the same kind, adds the share held out over the share kept to
1 / repeats (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366). "inside" leaves out the scores within half
an item of 0 or 1, which the likelihoods treat differently: a density over that half item, or none. "sampling"
is the standard error that the few draws of a fit leave in the difference on one split, from its four chains.
"""

from __future__ import annotations

import numpy as np

COLUMNS = (  # title, key, digits
    ("in 50 %", "in_50", 3),
    ("in 90 %", "in_90", 3),
    ("width of 90 %", "width_90", 3),
    ("log density", "log_score", 3),
    ("CRPS", "crps", 4),
    ("absolute error", "mae", 4),
)


def report(record):
    """What a run has found, as text."""
    repeats, names = record["repeats"], list(record["runs"])
    n, back = sum(repeat["n"] for repeat in repeats), sum(repeat["put_back"] for repeat in repeats)
    of = "bundled data, scores with n_items" if record["with_items"] else f"{record['data']} data"
    method = record["method"]
    draws = method["n_draws"] * method.get("n_chains", 1)
    return "\n".join(
        [
            f"{of}: {record['models']} models, {record['benchmarks']} benchmarks, {record['scores']} scores;",
            f"{len(repeats)} splits, {n} scores held out, {back} pairs put back; {method['name']}, "
            f"{draws} draws.",
            "",
            align(tabulate(repeats, names)),
            "",
            align(compare(repeats, names, record["share"])),
        ]
    )


def tabulate(repeats, names):
    """One row a likelihood, and under them the baselines."""
    rows = [("", "splits", *(title for title, _, _ in COLUMNS), "below least squares")]
    for name in names:
        own = [repeat for repeat in repeats if name in repeat]
        cells = [mean_and_error([repeat[name][key] for repeat in own], digits) for _, key, digits in COLUMNS]
        gain = [repeat["baselines"]["least squares"] - repeat[name]["mae"] for repeat in own]
        rows.append((name, str(len(own)), *cells, mean_and_error(gain, 4)))
    for name in repeats[0]["baselines"]:
        errors = [repeat["baselines"][name] for repeat in repeats]
        rows.append((name, str(len(errors)), *[""] * (len(COLUMNS) - 1), mean_and_error(errors, 4), ""))
    return rows


def compare(repeats, names, share):
    """Every likelihood against the one of the highest log density, on the splits both have predicted."""
    common = [repeat for repeat in repeats if all(name in repeat for name in names)]

    def mean(name):
        return np.mean([repeat[name]["log_score"] for repeat in common])

    best, *others = sorted(names, key=mean, reverse=True)
    rows = [(f"below {best}", "splits", "log density", "of other scores", "splits won", "inside", "sampling")]
    for name in others:
        both = [repeat for repeat in repeats if name in repeat and best in repeat]
        gap, inside = (
            np.array([repeat[best][key] - repeat[name][key] for repeat in both])
            for key in ("log_score", "log_score_inside")
        )
        sampling = np.mean(
            [np.hypot(repeat[best]["log_score_error"], repeat[name]["log_score_error"]) for repeat in both]
        )
        n, wide = len(gap), ""
        if n > 1:
            wide = f"± {np.std(gap, ddof=1) * np.sqrt(1 / n + share / (1 - share)):.3f}"
        cells = mean_and_error(gap, 3), wide, f"{np.sum(gap > 0)}", mean_and_error(inside, 3)
        rows.append((name, str(n), *cells, f"{sampling:.3f}"))
    return rows


def mean_and_error(values, digits):
    """Mean and, of more than one value, its standard error."""
    mean = f"{np.mean(values):.{digits}f}"
    return (
        mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.{digits}f}"
    )


def align(rows):
    """Columns of text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
