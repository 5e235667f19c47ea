"""Kill `eci fit`, `eci report` and `eci data fetch` again and again, and look at what is left each time.

    python tests/faults/kill.py --kills 200 --out docs/evidence/kills.json

Half of the kills come at a random moment. Half come right before a file operation below the folder of the
results, from the first of the writing to the last of the run, evenly spread. The processes are forked from
this one, which has loaded the modules already, so that few kills fall into the loading of modules. After
every kill the result must be the whole old or the whole new one: it is loaded, and its bytes are compared
with those of runs that were not killed. Every tenth time the command then runs to its end, which must leave
nothing but the result; a fit then goes on from what the killed ones had drawn, to the same bytes.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hook
import numpy as np
import pandas as pd

import eci
import eci.cli.main
import eci.inference.run
import eci.report.html
import eci.scores.download  # loaded for the forked processes; none of them starts a thread
from eci.folder.load import load_table
from eci.folder.save import FILES
from eci.scores.cache import list_vintages

ROOT = Path(__file__).parents[2]
SHARES = {"eci fit": 0.25, "eci report": 0.35, "eci data fetch": 0.4}  # of the kills; a fit takes longest


def write_scores(path):
    """16 models on 8 benchmarks along logistic curves: quick to fit, and converged after 1,000 draws."""
    ability, difficulty = np.linspace(-2, 2, 16), np.linspace(-1.5, 2, 8)
    slope = np.array([1.0, 1.5, 2.0, 1.2, 0.8, 1.6, 1.1, 1.4])
    score = 1 / (1 + np.exp(-slope * (ability[:, None] - difficulty)))
    score = np.clip(score + np.random.default_rng(20261008).normal(0, 0.03, score.shape), 0, 1)
    rows = [(f"m{m:02d}", f"b{b}", round(score[m, b], 3), f"2024-{1 + m % 12:02d}-15")
            for m in range(16) for b in range(8) if (m + b) % 4]  # fmt: skip
    pd.DataFrame(rows, columns=["model", "benchmark", "score", "release_date"]).to_csv(path, index=False)


def digest(*parts):
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def makes_draft(event, words):
    """Whether an operation makes the file or folder that a result is written in."""
    is_new = event == "os.mkdir" or (event == "open" and int(words[-1]) & os.O_CREAT)
    return bool(is_new and ".unfinished-" in words[0])


class Command:
    """A command in a folder of its own; `wanted` is the state that its next whole run leads to."""

    phases = ()  # regular expression of a traced operation, and the phase that it begins

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.trace, self.errors = (folder.parent / f"{folder.name}.{kind}" for kind in ("trace", "errors"))
        folder.mkdir()
        self.wanted = 0

    def start(self, turn=0):
        """Run in a process forked from this one, to the end or to the file operation of that turn."""
        arguments = list(map(str, self.arguments()))
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(self.errors, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
            os.environ.clear()
            os.environ.update(self.environment)
            code = 70
            try:
                hook.watch_this_process(str(self.folder), str(self.trace), turn, makes_draft)
                eci.cli.main.main(arguments)
            except SystemExit as end:
                code = end.code or 0
            finally:
                os._exit(code)
        return child

    def finish(self, turn=0):
        """Run until it ends; give the exit code, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.start(turn), 0)[1])

    def run(self):
        """Run to the end, which leaves the wanted state and nothing else."""
        code = self.finish()
        assert code == 0, (code, self.errors.read_text())
        assert self.look() == self.wanted, (self.look(), self.wanted)
        left = sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob(".*"))
        assert left == [], left
        assert not list(self.folder.glob("*.checkpoint"))

    def phase(self):
        """The phase that the last traced operation belongs to: the one before which a kill was aimed."""
        found = "starting"
        for line in self.trace.read_text().splitlines():
            for pattern, phase in self.phases:
                if re.search(pattern, line):
                    found = phase
                    break
        return found


class FitCommand(Command):
    """The states are the fits of seeds 0 and 1."""

    phases = (
        (r"renameat2|os\.rename .*unfinished", "replacing"),
        (r"(os\.remove|os\.rmdir|shutil\.rmtree) ", "cleaning up"),
        (r"(os\.mkdir|open|os\.chmod) \S*unfinished", "writing"),
        (r"\.checkpoint/\S*npz", "drawing"),
        (r"\.checkpoint", "finding the mode"),
    )

    def __init__(self, folder, environment, scores):
        super().__init__(folder, environment)
        self.scores, self.known = scores, {}
        for self.wanted in (1, 0):  # the first fills the cache of compiled programs
            assert self.finish() == 0, self.errors.read_text()
            self.known[self.bytes()] = self.wanted
        assert len(self.known) == 2

    def arguments(self):
        options = ("--seed", self.wanted % 2, "--force", "--allow-unconverged")
        return ("fit", self.scores, "--out", self.folder / "fit", *options)

    def bytes(self):
        return digest(*((self.folder / "fit" / name).read_bytes() for name in FILES if name != "fit.json"))

    def look(self):
        fit = eci.load_fit(self.folder / "fit")
        for name in ("abilities.csv", "benchmarks.csv"):
            load_table(self.folder / "fit", name)
        seed = self.known[self.bytes()]
        assert fit.seed == seed
        return seed if self.wanted < 2 else self.wanted - (self.wanted - seed) % 2


class ReportCommand(Command):
    """The states are reports with the number of the state as their title."""

    phases = (
        (r"os\.rename ", "replacing"),
        (r"os\.remove ", "cleaning up"),
        (r"open \S*unfinished\S* wb|os\.chmod", "writing"),
        (r"open \S*fit/", "reading and drawing"),
    )

    def __init__(self, folder, environment, fit):
        super().__init__(folder, environment)
        shutil.copytree(fit, folder / "fit")
        self.known = {}
        for self.wanted in (1, 0):
            assert self.finish() == 0, self.errors.read_text()
            self.known[digest((folder / "report.html").read_bytes())] = self.wanted

    def arguments(self):
        out = ("--out", self.folder / "report.html")
        return ("report", self.folder / "fit", *out, "--title", f"State {self.wanted % 2}", "--force")

    def look(self):
        seen = self.known[digest((self.folder / "report.html").read_bytes())]
        return self.wanted - (self.wanted - seen) % 2


class FetchCommand(Command):
    """The states are numbers of vintages: whatever is fetched is one more."""

    phases = (
        (r"os\.rename ", "replacing"),
        (r"os\.remove |shutil\.rmtree ", "cleaning up"),
        (r"vintage\.json w|os\.chmod", "writing"),
        (r"open \S*unfinished\S*csv r", "checking"),
        (r"open \S*unfinished\S*csv wb", "downloading"),
        (r"os\.mkdir \S*unfinished", "connecting"),
    )

    def __init__(self, folder, environment, served, url):
        super().__init__(folder, environment)
        self.served, self.url, self.known = served, url, {}
        self.wanted = 1
        self.run()

    def arguments(self):
        body = b"model,benchmark,performance,date\n" + b"".join(
            b"m%d,b%d,0.%d,2024-01-01\n" % (m, b, self.wanted) for m in range(60) for b in range(40)
        )
        self.served.write_bytes(body)
        self.known[hashlib.sha256(body).hexdigest()] = self.wanted
        return ("data", "fetch", "--url", self.url, "--cache", self.folder)

    def look(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            vintages = list_vintages(self.folder)
        for vintage in vintages:
            vintage.require_intact()
        states = sorted(self.known[vintage.sha256] for vintage in vintages)
        assert states == list(range(1, len(states) + 1)), states
        return len(states)


class SlowHandler(BaseHTTPRequestHandler):
    """Serves a file in ten parts, so that a download lasts."""

    def do_GET(self):
        body = Path(self.server.served).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that is killed is what this is about
            for start in range(0, len(body), len(body) // 10 + 1):
                self.wfile.write(body[start : start + len(body) // 10 + 1])
                time.sleep(0.1)

    def log_message(self, *arguments):
        pass


def serve(served):
    """Serve a file from a process of its own; give the process and the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowHandler)
    server.served = served
    child = os.fork()
    if child == 0:
        server.serve_forever()
    return child, f"http://127.0.0.1:{server.server_port}/scores.csv"


def kill_random(command, random_, seconds):
    """Kill at a random moment of the time a run takes; False if it came to its end before."""
    child = command.start()
    time.sleep(random_.uniform(0, seconds))
    os.kill(child, signal.SIGKILL)  # a child that has ended waits for us under its number
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def kill_often(command, n_kills, random_, report):
    """Kill a command; give counts by way of killing and phase, and of what was found."""
    command.wanted += 1
    began = time.monotonic()
    command.run()
    seconds, lines = (
        time.monotonic() - began,
        [line.split(" ") for line in command.trace.read_text().splitlines()],
    )
    first = next(i for i, (event, *words) in enumerate(lines) if makes_draft(event, words))
    n_operations, n_aimed = len(lines) - first, n_kills // 2
    turns = [i * n_operations // n_aimed for i in range(n_aimed)] * n_kills
    counts, kept, replaced, whole_runs, corrupt = Counter(), 0, 0, 0, []
    command.wanted += 1
    while counts.total() < n_kills:
        aimed = counts.total() % 2 == 1
        if aimed:
            code = command.finish(1 + turns.pop(0))
            was_killed = code == -signal.SIGKILL
            assert was_killed or code == 0, command.errors.read_text()
        else:
            was_killed = kill_random(command, random_, seconds)
        if was_killed:
            counts["before an operation" if aimed else "at random", command.phase()] += 1
        try:
            state = command.look()
            assert state in (command.wanted - 1, command.wanted), (state, command.wanted)
            if was_killed and counts.total() % 10 == 0 and state != command.wanted:
                command.run()
                whole_runs, state = whole_runs + 1, command.wanted
        except Exception as error:
            corrupt.append(f"{command.phase()}: {type(error).__name__}: {error}")
            report(f"CORRUPT {corrupt[-1]}")
            return counts, kept, replaced, whole_runs, corrupt, seconds, n_operations
        if was_killed:
            kept, replaced = kept + (state != command.wanted), replaced + (state == command.wanted)
        if state == command.wanted:
            command.wanted += 1
        report(f"{type(command).__name__} {counts.total()} {command.phase()} {state}")
    command.run()
    return counts, kept, replaced, whole_runs + 1, corrupt, seconds, n_operations


def show(record):
    print(f"{'command':<14}  kills  {'killed in':<20}  at random  before an operation  corrupt")
    for name in SHARES:
        part = record["numbers"][name]
        random_, aimed = part["phases"].get("at random", {}), part["phases"].get("before an operation", {})
        print(f"{name:<14}  {part['kills']:>5}  {'':<20}  {'':>9}  {'':>19}  {len(part['corrupt']):>7}")
        for phase in sorted({*random_, *aimed}):
            print(f"{'':<21}  {phase:<20}  {random_.get(phase, 0):>9}  {aimed.get(phase, 0):>19}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print a record as a table, and kill nothing")
    options = parser.parse_args()
    if options.show:
        return show(json.loads(options.show.read_text(encoding="utf-8")))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONPATH": str(ROOT),
        }
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        write_scores(home / "scores.csv")
        server, url = serve(home / "served.csv")
        fit = FitCommand(home / "fits", environment, home / "scores.csv")
        commands = {
            "eci fit": fit,
            "eci report": ReportCommand(home / "reports", environment, fit.folder / "fit"),
            "eci data fetch": FetchCommand(home / "cache-of-data", environment, home / "served.csv", url),
        }
        numbers = {}
        for i, (name, command) in enumerate(commands.items()):
            n_kills = round(SHARES[name] * options.kills)
            found = kill_often(command, n_kills, random.Random(options.seed + i), print_line)
            counts, kept, replaced, whole_runs, corrupt, seconds, n_operations = found
            phases = {
                way: {phase: n for (w, phase), n in sorted(counts.items()) if w == way}
                for way in sorted({way for way, _ in counts})
            }
            numbers[name] = {
                "kills": counts.total(),
                "phases": phases,
                "old result found": kept,
                "new result found": replaced,
                "whole runs between": whole_runs,
                "corrupt": corrupt,
                "seconds of a run": round(seconds, 1),
                "file operations of the writing": n_operations,
            }
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    commit = ["git", "describe", "--always", "--dirty"]
    record = {
        "commit": subprocess.run(commit, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip(),
        "command": "python tests/faults/kill.py " + " ".join(sys.argv[1:]),
        "seeds": [options.seed],
        "seconds": round(time.monotonic() - began),
        "numbers": {
            "kills": sum(part["kills"] for part in numbers.values()),
            "corrupt": sum(len(part["corrupt"]) for part in numbers.values()),
            **numbers,
        },
    }
    text = json.dumps(record, indent=1) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 1 if record["numbers"]["corrupt"] else 0


def print_line(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
