"""Hostile values and damaged files through every command: an answer, or a message in words.

The slow test tries 50,000 inputs from seeds, over the readers and the commands together, and writes
docs/evidence/fuzz.json. It wants inspect_ai installed, without which its reader has nothing to read:

    pytest -m slow tests/property/test_commands_fuzz.py
"""

import json
import os
import time
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")
from hostile_commands import KNOWN, QUICK, SLOW, VALUES, attack_command, furnish, run, tidy, working_in
from hostile_files import attack_reader

from eci.cli.main import COMMANDS

EVIDENCE = Path(__file__).parents[2] / "docs/evidence/fuzz.json"
N_SLOW, SECONDS = 50_000, 60.0
RECHECKED = (0, 11, 42)


@pytest.fixture(scope="module")
def room(tmp_path_factory, invented_fit, small_table):
    return furnish(tmp_path_factory.mktemp("room"), invented_fit, small_table)


def attack(seed, room):
    """Two of ten inputs are command lines, one is a file through `eci check`, seven are files of a reader."""
    if seed % 5 == 0:
        return attack_command(seed, room)
    return attack_reader(seed, room, through_command=seed % 10 == 1)


@pytest.mark.parametrize("line", QUICK, ids=" ".join)
def test_the_command_lines_are_good_as_they_stand(line, room):
    """Otherwise every attack on one would end in the same refusal."""
    with working_in(room):
        result = run([word.replace("{out}", "out") for word in line])
    tidy(room)
    empty = {("data", "show"), ("data", "fetch")}  # the cache is
    placed = line[0] == "place" or "--scores" in line
    unexplained = placed and result.exit_code == 3  # invented draws explain no scores
    assert result.exit_code == 0 or unexplained or tuple(line[:2]) in empty, result.output


def test_every_command_is_attacked():
    assert {line.split()[0] for line in KNOWN} | {"bench"} >= set(COMMANDS)  # bench fits for minutes
    assert any("{out}" in word for line in SLOW for word in line)


@pytest.mark.parametrize("seed", range(0, 200, 5))
def test_attacked_commands_answer_or_say_why_not(seed, room):
    attack_command(seed, room, slow_share=0.0)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    line=st.sampled_from(QUICK), at=st.integers(0, 8), value=st.sampled_from(VALUES) | st.text(max_size=20)
)
def test_any_value_in_any_place(line, at, value, room):
    changed = list(line)
    changed[min(at, len(line) - 1)] = value.replace("\0", "")  # no system passes a NUL on
    with working_in(room):
        run(changed)
    tidy(room)


@pytest.mark.parametrize("seed", RECHECKED)
def test_seeds_of_the_evidence(seed, room):
    found = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    assert list(attack(seed, room)) == found["numbers"]["rechecked"][str(seed)]


@pytest.mark.slow
def test_fifty_thousand_inputs(room, commit):
    """Writes what it has seen every 2,500 inputs, so that a run that is stopped has its count.

    FUZZ_SEEDS=START:STOP takes a part of the seeds, which then are a run of their own in the record.
    """
    first, stop = map(int, os.environ.get("FUZZ_SEEDS", f"0:{N_SLOW}").split(":"))
    start, busy, ends, slowest = time.perf_counter(), time.process_time(), Counter(), (0.0, 0)
    rechecked = {str(seed): attack(seed, room) for seed in RECHECKED}
    for seed in range(first, stop):
        begin = time.process_time()
        ends[attack(seed, room)] += 1
        slowest = max(slowest, (time.process_time() - begin, seed))
        assert slowest[0] < SECONDS, seed
        if (seed + 1) % 2500 and seed + 1 < stop:
            continue
        run_so_far = {
            "commit": commit,
            "seeds": [first, seed],
            "seconds": round(time.perf_counter() - start, 1),
            "seconds_of_computing": round(time.process_time() - busy, 1),
            "slowest_seconds_of_computing": round(slowest[0], 2),
            "tracebacks": 0,  # one would have ended the run, as would a score that is not in the file
            "ends": {f"{what}: {end}": n for (what, end), n in sorted(ends.items())},
        }
        write_evidence(run_so_far, rechecked)


def write_evidence(run_so_far, rechecked):
    """Put a run into the record, beside those of other seeds."""
    runs = [run_so_far]
    if run_so_far["seeds"][0] and EVIDENCE.is_file():
        others = json.loads(EVIDENCE.read_text(encoding="utf-8"))["numbers"]["runs"]
        runs = [*(other for other in others if other["seeds"][0] < run_so_far["seeds"][0]), run_so_far]
    seeds = [seed for one in runs for seed in range(one["seeds"][0], one["seeds"][1] + 1)]
    record = {
        "commit": run_so_far["commit"],
        "command": "pytest -m slow tests/property/test_commands_fuzz.py",
        "seeds": [seeds[0], seeds[-1]],
        "seconds": round(sum(one["seconds"] for one in runs), 1),
        "numbers": {
            "inputs": len(seeds),
            "of_commands": sum(seed % 5 == 0 for seed in seeds),
            "of_readers_through_eci_check": sum(seed % 10 == 1 for seed in seeds),
            "tracebacks": sum(one["tracebacks"] for one in runs),
            "inspect_ai": _version("inspect_ai"),
            "runs": runs,
            "rechecked": rechecked,
        },
    }
    EVIDENCE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
