"""Disks that are full, folders that are read-only, several processes at once: words, and nothing lost.

`tests/statistical/test_checkpoint.py` has the same of a fit that is being drawn, `tests/faults` the kills.
"""

import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import eci
from eci.cli.main import main
from eci.errors import DataError
from eci.folder.load import load_table
from eci.folder.save import FILES
from eci.scores.cache import list_vintages, store, unfinished_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and mounts of POSIX")

CSV = b"model,benchmark,performance,date\n" + b"".join(b"m%d,b,0.5,2024-01-01\n" % i for i in range(2000))


def run(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)])


def told(result, *words):
    """A refusal: exit 1, one message, no traceback."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    return True


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_refused(command):
    return (
        shutil.which(command[0]) is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    )


@contextlib.contextmanager
def files_of_at_most(n_bytes):
    """Let the system refuse what a file would hold beyond n_bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def mounted(tmp_path):
    """Mount a file system of a given size; only the super-user may."""
    places = []

    def mount(size):
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if is_refused(command):
            pytest.skip("mounting a small file system is not permitted here")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def read_only(tmp_path):
    """Make a folder read-only: by its mode, or by a mount for the super-user, who may write anywhere."""
    bound = []

    def protect(folder):
        if os.geteuid():
            folder.chmod(0o555)
        else:
            for options in (["--bind", folder, folder], ["-o", "remount,bind,ro", folder]):
                command = ["mount", *map(str, options)]
                if is_refused(command):
                    pytest.skip("a read-only mount is not permitted here")
                if folder not in bound:
                    bound.append(folder)

    yield protect
    for folder in bound:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def pristine(invented_fit, tmp_path_factory):
    return invented_fit.save(tmp_path_factory.mktemp("saved") / "fit")


@pytest.fixture
def saved(pristine, tmp_path):
    (tmp_path / "here").mkdir()
    return Path(shutil.copytree(pristine, tmp_path / "here/fit"))


class TestFullDisk:
    """The limit falls into each of the files in turn."""

    @pytest.mark.parametrize("n_bytes", [0, 500, 900, 3000, 20_000, 60_000])
    @pytest.mark.parametrize("there", [True, False])
    def test_a_fit(self, saved, invented_fit, n_bytes, there):
        sizes = [(saved / name).stat().st_size for name in FILES]
        assert n_bytes < max(sizes)
        if not there:
            shutil.rmtree(saved)
        before = contents(saved.parent)
        with files_of_at_most(n_bytes), pytest.raises(DataError, match="the system says") as caught:
            replace(invented_fit, seed=4).save(saved, force=True)
        assert "File too large" in str(caught.value) and "give another --out" in str(caught.value)
        assert contents(saved.parent) == before
        assert list(saved.parent.iterdir()) == [saved] * there

    @pytest.mark.parametrize("size", ["16k", "64k"])
    def test_a_fit_on_a_small_disk(self, invented_fit, mounted, size):
        disk = mounted(size)
        with pytest.raises(DataError, match="No space left on device"):
            invented_fit.save(disk / "fit")
        assert list(disk.iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "n_bytes"),
        [
            (("report", "FIT", "--out", "OUT/report.html", "--force"), 100_000),
            (("plot", "index", "FIT", "--out", "OUT/report.html", "--force"), 1000),
            (("trend", "FIT", "--out", "OUT", "--force"), 8000),
            (("trend", "FIT", "--out", "OUT/new"), 0),
        ],
    )
    def test_pages_pictures_and_results(self, saved, tmp_path, arguments, n_bytes):
        out = tmp_path / "out"
        out.mkdir()
        for name in ("report.html", "trend.json", "trend.csv", "trend.png", "trend.svg"):
            (out / name).write_text("old")
        if "plot" in arguments:
            (out / "report.html").rename(out / "report.png")
        given = [a.replace("FIT", str(saved)).replace("OUT", str(out)) for a in arguments]
        given = [a.replace(".html", ".png") if "plot" in arguments else a for a in given]
        before = contents(out)
        with files_of_at_most(n_bytes):
            result = run(*given)
        told(result, "could not be written: the system says: File too large", "left as it was")
        assert contents(out) == before

    @pytest.mark.parametrize("n_bytes", [0, 1000, 40_000])
    def test_the_cache_of_data(self, serve, tmp_path, n_bytes):
        url, cache = serve(CSV), tmp_path / "cache"
        with files_of_at_most(n_bytes):
            result = run("data", "fetch", "--url", url, "--cache", cache)
        told(result, "nothing could be kept: the system says: File too large", "--cache")
        assert contents(cache) == {}
        assert run("data", "fetch", "--url", url, "--cache", cache).exit_code == 0


class TestReadOnly:
    def test_a_fit_is_refused_before_any_work(self, small_table, saved, read_only, monkeypatch):
        small_table.to_csv(saved.parent.parent / "scores.csv")
        monkeypatch.setattr("eci.inference.run.prepare", lambda *args: pytest.fail("it has begun to work"))
        read_only(saved.parent)
        before = contents(saved.parent)
        for out in ("fit", "new"):
            result = run("fit", saved.parent.parent / "scores.csv", "--out", saved.parent / out, "--force")
            told(result, "could not be written", "give another --out", str(saved.parent / out))
        assert contents(saved.parent) == before

    def test_results(self, saved, invented_fit, read_only):
        read_only(saved.parent)
        before = contents(saved.parent)
        with pytest.raises(DataError, match="could not be written"):
            invented_fit.save(saved, force=True)
        told(run("report", saved, "--out", saved.parent / "r.html"), "r.html could not be written")
        told(run("plot", "index", saved, "--out", saved.parent / "i.png"), "i.png could not be written")
        told(run("trend", saved, "--out", saved.parent / "t"), "could not be written")
        assert run("show", saved).exit_code == 0
        assert contents(saved.parent) == before

    def test_the_cache_of_data_can_still_be_read(self, serve, tmp_path, read_only):
        cache = tmp_path / "cache"
        url = serve(CSV)
        assert run("data", "fetch", "--url", url, "--cache", cache).exit_code == 0
        read_only(cache)
        told(run("data", "fetch", "--url", url, "--cache", cache), "nothing could be kept", "--cache")
        for command in (("fetch", "--offline"), ("list",), ("show", "epoch")):
            assert run("data", *command, "--cache", cache).exit_code == 0


class TestBeforeAnyWork:
    """An --out that cannot be written is refused before the fit is read."""

    PAGES = ("report FIT --out OUT.html", "plot timeline FIT --out OUT.png")
    FOLDERS = ("link FIT FIT --out OUT", "trend FIT --out OUT")
    COMMANDS = PAGES + FOLDERS

    @pytest.fixture
    def refused(self, saved, tmp_path, monkeypatch):
        """Run a command with OUT in place; it is refused in these words, and everything is as it was."""
        monkeypatch.setattr("eci.folder.load.load_fit", lambda folder: pytest.fail("it has begun to work"))

        def refused(command, out, *words):
            before = sorted(tmp_path.rglob("*"))
            given = [part.replace("FIT", str(saved)).replace("OUT", str(out)) for part in command.split()]
            told(run(*given), *words)
            assert sorted(tmp_path.rglob("*")) == before

        return refused

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_folder_that_is_read_only(self, refused, read_only, tmp_path, command):
        (tmp_path / "shut").mkdir()
        read_only(tmp_path / "shut")
        refused(command, tmp_path / "shut/new", "could not be written: the system says", "another --out")

    @pytest.mark.parametrize("command", FOLDERS)
    def test_a_folder_of_results_that_is_read_only(self, refused, read_only, tmp_path, command):
        (tmp_path / "shut").mkdir()
        read_only(tmp_path / "shut")
        refused(command, tmp_path / "shut", "could not be written: the system says", "another --out")
        refused(command, tmp_path / "shut/two/more", "could not be written: the system says")

    @pytest.mark.parametrize("command", PAGES)
    def test_a_folder_that_is_missing(self, refused, tmp_path, command):
        refused(command, tmp_path / "none/new", "none does not exist", "another --out")

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_folder_that_is_a_file(self, refused, tmp_path, command):
        (tmp_path / "text").write_text("mine")
        refused(command, tmp_path / "text/new", "text is a file", "another --out")

    @pytest.mark.parametrize("command", FOLDERS)
    def test_a_link_that_leads_nowhere(self, refused, tmp_path, command):
        (tmp_path / "link").symlink_to(tmp_path / "none")
        refused(command, tmp_path / "link/new", "link does not exist")

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_target_that_is_there(self, refused, tmp_path, command):
        (tmp_path / "new").mkdir()
        for name in ("new.html", "new.png", "new/link.json", "new/trend.csv"):
            (tmp_path / name).write_text("mine")
        refused(command, tmp_path / "new", "already", "--force")

    @pytest.mark.parametrize(
        ("command", "there"),
        [*zip(COMMANDS[1:], ("new.png", "new/link.csv", "new/trend.svg"), strict=True)],
    )
    def test_a_folder_where_a_file_is_to_be(self, refused, tmp_path, command, there):
        (tmp_path / there).mkdir(parents=True)
        refused(f"{command} --force", tmp_path / "new", f"{there} is a folder")


class TestSeveralAtOnce:
    def test_the_last_of_many_fits_wins_whole_while_others_read(self, saved, invented_fit):
        fits = [replace(invented_fit, seed=10 + i) for i in range(4)]
        stop, seen = threading.Event(), set()

        def read():
            while not stop.is_set():
                seen.add(eci.load_fit(saved).seed)
                load_table(saved, "abilities.csv")

        with ThreadPoolExecutor(5) as pool:
            reading = pool.submit(read)
            writing = [pool.submit(fit.save, saved, force=True) for _ in range(3) for fit in fits]
            try:
                for done in writing:
                    done.result()
            finally:
                stop.set()
            reading.result()
        assert seen <= {3, 10, 11, 12, 13}
        assert eci.load_fit(saved).seed >= 10
        assert list(saved.parent.iterdir()) == [saved]

    def test_one_of_many_new_fits_wins(self, invented_fit, tmp_path):
        def save(seed):
            try:
                return replace(invented_fit, seed=seed).save(tmp_path / "fit") and seed
            except DataError as error:
                assert "Add --force to replace it" in str(error)
                return None

        with ThreadPoolExecutor(4) as pool:
            (winner,) = [seed for seed in pool.map(save, range(1, 5)) if seed]
        assert eci.load_fit(tmp_path / "fit").seed == winner
        assert [path.name for path in tmp_path.iterdir()] == ["fit"]


COMMANDS = ("show", "show --benchmarks", "report --force --out OUT", "trend", "predict --model X")
READS = {
    "fit.json": COMMANDS,
    "posterior.nc": COMMANDS[2:],
    "abilities.csv": COMMANDS[:1],
    "benchmarks.csv": COMMANDS[1:2],
}


class TestDamagedFolders:
    """Every file of a fit cut, scrambled, empty, missing or no file: the commands that read it say so."""

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("damage", ["cut", "scrambled", "bit", "empty", "missing", "folder"])
    def test_every_command_says_so(self, saved, tmp_path, name, damage):
        path = saved / name
        data = bytearray(path.read_bytes())
        path.unlink()
        if damage == "folder":
            path.mkdir()
        elif damage != "missing":
            data[len(data) // 2] ^= 1
            scrambled = bytes((7 * byte + 1) % 256 for byte in data)
            path.write_bytes(
                {"cut": data[: len(data) // 2], "scrambled": scrambled, "bit": data, "empty": b""}[damage]
            )
        out = tmp_path / "report.html"
        out.write_text("old")
        for command in READS[name]:
            if damage == "bit" and name == "fit.json":
                continue  # may be a digit of something that was measured: no checksum covers it
            first, *rest = command.replace("OUT", str(out)).split()
            result = run(first, saved, *rest)
            told(result, str(saved), name)
            assert "fit again" in result.stderr.lower() or "Make one with `eci fit`" in result.stderr
        assert out.read_text() == "old"

    @pytest.mark.parametrize(
        ("schema", "words"), [("eci.fit/0", "Fit again with --force"), ("eci.fit/2", "Update the package")]
    )
    def test_other_versions(self, saved, schema, words):
        path = saved / "fit.json"
        path.write_text(path.read_text().replace("eci.fit/1", schema))
        for command in COMMANDS[:2] + COMMANDS[3:]:
            first, *rest = command.split()
            told(run(first, saved, *rest), schema, "reads eci.fit/1", words)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # h5netcdf on closing
    def test_a_fit_without_checksums_is_read_or_refused(self, saved):
        """The first fits had none: a damaged posterior is then found where it cannot be parsed."""
        facts = json.loads((saved / "fit.json").read_text())
        del facts["sha256"]
        (saved / "fit.json").write_text(json.dumps(facts))
        assert eci.load_fit(saved).seed == facts["seed"]
        random_, whole = random.Random(0), (saved / "posterior.nc").read_bytes()
        for _ in range(25):
            data = bytearray(whole)
            for _ in range(20):
                data[random_.randrange(len(data))] = random_.randrange(256)
            (saved / "posterior.nc").write_bytes(data)
            with contextlib.suppress(DataError):
                eci.load_fit(saved)


class TestLinks:
    def test_a_link_to_a_folder_is_followed_and_stays(self, saved, invented_fit, tmp_path):
        link = tmp_path / "link"
        link.symlink_to(saved)
        replace(invented_fit, seed=8).save(link, force=True)
        assert link.is_symlink()
        assert eci.load_fit(saved).seed == eci.load_fit(link).seed == 8
        assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "link"]

    def test_a_mount_point_is_refused_before_any_work(self, mounted, invented_fit):
        disk = mounted("1m")
        with pytest.raises(DataError, match="is a mount point"):
            eci.check_writable(disk)
        assert invented_fit.save(disk / "fit").is_dir()

    def test_a_read_only_place_is_refused_before_any_work(self, read_only, tmp_path):
        (tmp_path / "shut").mkdir()
        read_only(tmp_path / "shut")
        with pytest.raises(DataError, match="could not be written"):
            eci.check_writable(tmp_path / "shut/fit")


def test_a_vintage_that_cannot_take_its_name(tmp_path, monkeypatch):
    """Another process made it at the same moment, or the system refuses."""

    def refuse(self, target):
        raise OSError(5, "Input/output error")

    with unfinished_folder(tmp_path, "epoch") as folder:
        (folder / "x.csv").write_bytes(CSV)
        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(OSError, match="Input/output"):
            store(folder, source="epoch", file="x.csv", form="epoch", url="http://x/", etag="")
    assert list_vintages(tmp_path) == ()
    assert list((tmp_path / "epoch").iterdir()) == []


@pytest.fixture
def serve():
    """Serve bytes over HTTP; give the address."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    servers = []

    def serve(body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/scores.csv"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
