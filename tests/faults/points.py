"""Die before every single file operation of saving a fit, a page and a vintage, and look at what is left.

    python tests/faults/points.py FOLDER_OF_A_FIT EMPTY_FOLDER

Prints the number of deaths by kind. `kill.py` does the same to whole commands.
"""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import hook
import xarray as xr

import eci
from eci.atomic import write_file
from eci.folder.load import load_table
from eci.scores.cache import list_vintages, store, unfinished_folder


def die_everywhere(folder, act, look):
    """Let `act` die before its first file operation, its second, ...; `look` raises if it finds damage."""
    n_deaths = 0
    while True:
        child = os.fork()
        if child == 0:
            hook.watch_this_process(str(folder), os.devnull, n_deaths + 1)
            act()
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        look()
        if ended != -signal.SIGKILL:
            assert ended == 0, ended
            return n_deaths
        n_deaths += 1


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main(source, home):
    fit = eci.load_fit(source)
    posterior = (source / "posterior.nc").read_bytes()
    xr.DataTree.to_netcdf = lambda tree, file, engine: file.write(
        posterior
    )  # the same each time, and slow to make
    whole = []

    def look_at_fit():
        assert contents(home / "fits/fit") in whole

    def look_at_page():
        assert (home / "pages/page.html").read_text() in ("old" * 9999, "new" * 9999)

    def keep(text):
        with unfinished_folder(home / "cache", "epoch") as folder:
            (folder / "x.csv").write_text(text)
            store(folder, source="epoch", file="x.csv", form="epoch", url="http://x/", etag="")

    def look_at_cache():
        for vintage in list_vintages(home / "cache"):
            vintage.require_intact()
        assert "old" in [vintage.path.read_text() for vintage in list_vintages(home / "cache")]

    def write_page(text):
        with write_file(home / "pages/page.html") as draft:
            draft.write_text(text * 9999)

    for name in ("fits", "pages", "cache"):
        (home / name).mkdir()
    write_page("old")
    keep("old")
    old, new = replace(fit, seed=1), replace(fit, seed=2)
    whole.extend(contents(one.save(home / "fits/fit", force=True)) for one in (new, old))
    deaths = {
        "fit": die_everywhere(home / "fits", lambda: new.save(home / "fits/fit", force=True), look_at_fit),
        "page": die_everywhere(home / "pages", lambda: write_page("new"), look_at_page),
        "vintage": die_everywhere(home / "cache", lambda: keep("new"), look_at_cache),
    }
    assert eci.load_fit(home / "fits/fit").seed == 2
    load_table(home / "fits/fit", "abilities.csv")
    assert (home / "pages/page.html").read_text() == "new" * 9999
    assert len(list_vintages(home / "cache")) == 2
    left = [str(path) for path in home.rglob(".*")]
    assert left == [], left
    print(json.dumps(deaths))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
