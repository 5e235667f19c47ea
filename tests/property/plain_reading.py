"""The readers' oracle: what a file that was accepted holds, read as simply as can be.

Written without the package and without pandas' parsers: what the two agree on is in the file.
"""

import csv
import io
import json
from collections import Counter, defaultdict

NO_BENCHMARK = {"model", "lab", "release_date", "open_weights", "reasoning", ""}


def rows_of(content):
    """Records of a CSV file as dictionaries; the delimiter is the one that finds the column of models."""
    text = content.decode("utf-8-sig")
    for delimiter in ",;\t":
        records = [
            r
            for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            if any(map(str.strip, r))
        ]
        header = [cell.strip() for cell in records[0]]
        if {"model", "Model"} & set(header):
            return [dict(zip(header, map(str.strip, record), strict=True)) for record in records[1:]]
    raise AssertionError("accepted without a column model")


def read_table(content, form):
    """Scores of a long table, one for each row."""
    title = "performance" if form == "epoch" else "score"
    rows = rows_of(content)
    name = "model" if rows and "model" in rows[0] else "Model"
    return Counter((row[name], row["benchmark"], round(float(row[title]), 9)) for row in rows)


def read_wide(content, form):
    """Scores of a matrix, one for each cell that is filled."""
    found = Counter()
    for row in rows_of(content):
        for name, cell in row.items():
            if name not in NO_BENCHMARK and cell:
                found[row["model"], name, round(float(cell), 9)] += 1
    return found


def read_items(content, form):
    """Mean over the items of the mean over the runs of an item."""
    rows = rows_of(content)
    if "n_correct" in rows[0] and "item" not in rows[0]:
        return count_right(rows)
    runs = defaultdict(lambda: defaultdict(list))
    for row in rows:
        title = next(name for name in ("response", "correct", "score") if name in row)
        credit = {"true": 1.0, "false": 0.0}.get(row[title].casefold())
        credit = float(row[title]) if credit is None else credit
        if form == "items":
            runs[row["model"], row["benchmark"]][row["item"]].append(credit)
        else:
            name = f"{row['benchmark']} / {row['item']}" if "benchmark" in row else row["item"]
            runs[row["model"], name][row["item"]].append(credit)
    found = Counter()
    for (model, benchmark), items in runs.items():
        means = [sum(given) / len(given) for given in items.values()]
        found[model, benchmark, round(sum(means) / len(means), 9)] += 1
    return found


def count_right(rows):
    """Right answers of those asked."""
    return Counter(
        (row["model"], row["benchmark"], round(float(row["n_correct"]) / float(row["n_items"]), 9))
        for row in rows
    )


def read_records(content, form):
    """Scores of the records of Every Eval Ever, on the scale they state; names are not looked at."""
    records = json.loads(content)
    found = Counter()
    for record in records if isinstance(records, list) else [records]:
        for result in record["evaluation_results"]:
            config, score = result["metric_config"], float(result["score_details"]["score"])
            low, high = float(config["min_score"]), float(config["max_score"])
            share = (score - low) / (high - low)
            found[round(1 - share if config["lower_is_better"] is True else share, 9)] += 1
    return found


READINGS = {
    "table": read_table,
    "epoch": read_table,
    "wide": read_wide,
    "items": read_items,
    "each_item": read_items,
    "every_eval_ever": read_records,
}


def same_scores(table, content, form, full):
    """Whether a table has the scores of the file, all of them and no others; None where this cannot tell.

    Parameters
    ----------
    table
        What the package read.
    content
        The bytes of the file.
    form
        Its format.
    full
        1, or 100 for percent.
    """
    if form not in READINGS:
        return None
    expected = READINGS[form](content, form)
    if form == "every_eval_ever":
        return Counter(round(score, 9) for score in table["score"]) == expected
    scale = full if form in ("table", "wide") else 1
    got = Counter(
        (model, benchmark, round(scale * score, 9))
        for model, benchmark, score in table[["model", "benchmark", "score"]].itertuples(index=False)
    )
    return close(got, expected)


def close(one, other):
    """Whether two counts of (model, benchmark, score) agree, scores to rounding."""
    if one == other:
        return True
    ordered = [sorted(count.elements()) for count in (one, other)]
    return len(ordered[0]) == len(ordered[1]) and all(
        a[:2] == b[:2] and abs(a[2] - b[2]) < 1e-8 for a, b in zip(*ordered, strict=True)
    )
