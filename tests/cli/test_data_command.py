"""`eci data` against a server that misbehaves: the cache holds whole readable vintages, or what it held."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.errors import DataError, EciWarning
from eci.scores.cache import find_vintage, list_vintages, unfinished_folder
from eci.scores.download import Limits
from eci.scores.fetch import fetch

ROOT = Path(__file__).parents[2]
CSV = b"model,benchmark,performance,date\nA,x,0.5,2024-01-01\nA,y,0.6,2024-01-01\nB,x,0.7,2025-01-01\n"
NEWER = CSV.replace(b"0.7", b"0.8") + b"B,z,0.2,2025-01-01\n"
QUICK = Limits(
    max_bytes=2**20, connect_seconds=2, read_seconds=0.5, total_seconds=2, n_attempts=3, wait_seconds=0.01
)


class Handler(BaseHTTPRequestHandler):
    """Answer a path by the method of its name; count the requests."""

    def do_GET(self):
        self.server.asked.append(self.path)
        getattr(self, urlsplit(self.path).path.strip("/"))()

    def log_message(self, *arguments):
        pass

    def send(self, body, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        self.send(CSV, Content_Type="text/csv")

    def tagged(self):
        body = self.server.state
        tag = f'"{hash(body)}"'
        if self.headers.get("If-None-Match") == tag:
            self.send(b"", 304)
        else:
            self.send(body, ETag=tag)

    def flaky(self):
        self.send(b"busy", 503) if len(self.server.asked) < 3 else self.send(CSV)

    def cut_once(self):
        self.send(CSV[:30] if len(self.server.asked) < 2 else CSV, length=len(CSV))

    def down(self):
        self.send(b"error", 500)

    def missing(self):
        self.send(b"", 404)

    def html(self):
        self.send(b"<html>moved</html>", Content_Type="text/html; charset=utf-8")

    def html_as_csv(self):
        self.send(b"<html>model,benchmark</html>", Content_Type="text/csv")

    def truncated(self):
        self.send(CSV[:40], length=len(CSV))

    def cut_without_length(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CSV[:62])

    def huge(self):
        self.send(b"", length=10**12)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 2**16)

    def silent(self):
        self.server.over.wait(10)

    def drip(self):
        self.send_response(200)
        self.end_headers()
        for byte in CSV * 100:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.over.wait(0.1):
                return

    def loop(self):
        self.send(b"", 302, Location="/loop")

    def elsewhere(self):
        self.send(b"", 302, Location="/good")

    def to_file(self):
        self.send(b"", 302, Location="file:///etc/passwd")

    def nonsense(self):
        self.wfile.write(b"I do not speak HTTP\r\n\r\n")

    def rude(self):
        self.send_response(418, "\x1b[31mred")
        self.end_headers()

    def odd(self):
        self.send_response(999, "?")
        self.end_headers()

    def packed(self):
        import gzip

        self.send(gzip.compress(CSV), Content_Encoding="gzip")

    def bomb(self):
        self.send(BOMB)

    def traversal(self):
        self.send(zipped({"benchmark_metadata.csv": "benchmark\n", "../../evil.csv": "x"}))


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


BOMB = zipped({"benchmark_metadata.csv": "0" * (16 * 2**20)})


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is what many of these tests are about."""


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.asked, server.state, server.over = [], CSV, threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


def get(server, page, cache, source="epoch", **options):
    return fetch(source, url=f"{server.url}/{page}", cache=cache, limits=QUICK, **options)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_fetched_kept_and_found_again(server, tmp_path):
    vintage, is_new = get(server, "good", tmp_path)
    assert is_new
    assert vintage.path.read_bytes() == CSV
    assert vintage.stamp.endswith(vintage.sha256[:8])
    assert list_vintages(tmp_path) == (vintage,)
    again, is_new = get(server, "good", tmp_path)
    assert (again, is_new) == (vintage, False)
    assert files(tmp_path) == [
        f"epoch/{vintage.stamp}/{name}" for name in ("eci_benchmarks.csv", "vintage.json")
    ]


def test_etag_saves_the_transfer_and_a_change_is_seen(server, tmp_path):
    first, _ = get(server, "tagged", tmp_path)
    assert get(server, "tagged", tmp_path) == (first, False)
    server.state = NEWER
    second, is_new = get(server, "tagged", tmp_path)
    assert is_new
    assert second.path.read_bytes() == NEWER
    assert {v.stamp for v in list_vintages(tmp_path)} == {first.stamp, second.stamp}


@pytest.mark.parametrize("page", ["flaky", "cut_once", "elsewhere"])
def test_what_passes_is_tried_again(server, tmp_path, page):
    vintage, _ = get(server, page, tmp_path)
    assert vintage.path.read_bytes() == CSV


@pytest.mark.parametrize(
    ("page", "words", "n_asked"),
    [
        ("down", "the server answered 500 Internal Server Error, 3 times", 3),
        ("missing", "the server answered 404 Not Found", 1),
        ("html", r"a web page \(text/html\) came instead of data", 1),
        ("html_as_csv", "what came cannot be read, and was not kept", 1),
        ("truncated", "the connection broke off|40 of 90 bytes came", 3),
        ("cut_without_length", "what came cannot be read, and was not kept", 1),
        ("huge", "larger than 1 MiB, the limit of a fetch", 1),
        ("endless", "larger than 1 MiB, the limit of a fetch", 1),
        ("silent", "no answer .*, 3 times", 3),
        ("drip", "bytes came in 2 s, and the end did not", 1),
        ("loop", "redirected without end", 6),
        ("to_file", "no answer|not a web address", None),
        ("nonsense", "no answer .*, 3 times", 3),
        ("rude", "the server answered 418 I'm a Teapot", 1),
        ("odd", r"the server answered 999\. Check", 1),
        ("packed", "compressed with gzip", 1),
    ],
)
def test_a_server_that_misbehaves_leaves_the_cache_as_it_was(server, tmp_path, page, words, n_asked):
    kept, _ = get(server, "good", tmp_path)
    before = files(tmp_path)
    server.asked.clear()
    with pytest.raises(DataError, match=words):
        get(server, page, tmp_path)
    assert n_asked is None or len(server.asked) == n_asked
    assert files(tmp_path) == before
    assert [entry.name for entry in (tmp_path / "epoch").iterdir()] == [kept.stamp]


@pytest.mark.parametrize(
    ("page", "words"), [("bomb", "far larger"), ("traversal", "leads out of the archive")]
)
def test_archives_not_to_be_trusted(server, tmp_path, page, words):
    with pytest.raises(DataError, match=words):
        get(server, page, tmp_path / "cache", source="epoch_zip")
    assert files(tmp_path) == []


def test_a_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "bypassed.invalid")
    vintage, _ = fetch("epoch", url="http://elsewhere.invalid/good", cache=tmp_path, limits=QUICK)
    assert vintage.path.read_bytes() == CSV
    assert server.asked == ["http://elsewhere.invalid/good"]
    with pytest.raises(DataError, match="no answer"):
        fetch("epoch", url="http://bypassed.invalid/good", cache=tmp_path, limits=QUICK)


def test_nobody_listens(tmp_path):
    with pytest.raises(DataError, match=r"no answer .*--offline"):
        fetch("epoch", url="http://127.0.0.1:9/x.csv", cache=tmp_path, limits=QUICK)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://x/y", "epoch.ai", "http://", "http://[::1", "http://a b/", "https://"],
)
def test_only_web_addresses(tmp_path, url):
    with pytest.raises(DataError, match=r"is no web address|not a web address|no answer"):
        fetch("epoch", url=url, cache=tmp_path, limits=QUICK)


def test_another_checksum_is_not_kept(server, tmp_path):
    with pytest.raises(DataError, match="its checksum is"):
        get(server, "good", tmp_path, sha256="0" * 64)
    assert files(tmp_path) == []


def test_offline(server, tmp_path):
    with pytest.raises(DataError, match=r"no vintage 'epoch'.*To bring one: eci data fetch"):
        fetch("epoch", cache=tmp_path, offline=True)
    vintage, _ = get(server, "good", tmp_path)
    server.asked.clear()
    assert fetch("epoch", cache=tmp_path, offline=True) == (vintage, False)
    assert server.asked == []


def test_a_damaged_vintage_is_refused_and_fetched_again(server, tmp_path):
    vintage, _ = get(server, "tagged", tmp_path)
    vintage.path.write_bytes(CSV[:-5])
    with pytest.raises(DataError, match="damaged, its checksum is"):
        fetch("epoch", cache=tmp_path, offline=True)
    with pytest.warns(EciWarning, match="damaged since it was fetched; fetching it again"):
        again, is_new = get(server, "tagged", tmp_path)
    assert (again.stamp, is_new) == (vintage.stamp, True)
    assert again.path.read_bytes() == CSV
    (vintage.folder / "vintage.json").write_text("{")
    with pytest.warns(EciWarning, match="holds no vintage that can be read"):
        assert list_vintages(tmp_path) == ()


def test_unknown_source(tmp_path):
    with pytest.raises(DataError, match=r"No source 'epok'\. Did you mean 'epoch'"):
        fetch("epok", cache=tmp_path)


def test_many_at_once_make_one_vintage(server, tmp_path):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: get(server, "good", tmp_path), range(6)))
    assert len({vintage.stamp for vintage, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1
    assert [entry.name for entry in (tmp_path / "epoch").iterdir()] == [found[0][0].stamp]
    found[0][0].require_intact()


def test_a_folder_left_by_a_killed_process_goes_with_the_next_fetch(server, tmp_path):
    left = tmp_path / "epoch" / ".vintage.unfinished-abcd1234"
    left.mkdir(parents=True)
    (left / "part").write_bytes(b"x")
    with unfinished_folder(tmp_path, "epoch") as alive:
        assert not left.exists()
        vintage, _ = get(server, "good", tmp_path)
        assert alive.is_dir()
    assert [path.name for path in (tmp_path / "epoch").iterdir()] == [vintage.stamp]
    assert list_vintages(tmp_path) == (vintage,)


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("x")
    result = CliRunner().invoke(
        main, ["data", "fetch", "--url", f"{server.url}/good", "--cache", str(tmp_path / "file")]
    )
    assert result.exit_code == 1
    assert "the system says: Not a directory" in result.stderr


def test_a_vintage_is_found_by_the_start_of_its_name(server, tmp_path):
    first, _ = get(server, "tagged", tmp_path)
    server.state = NEWER
    second, _ = get(server, "tagged", tmp_path)
    assert find_vintage(tmp_path, "epoch") == second
    assert find_vintage(tmp_path, first.name[:-3]) == first
    with pytest.raises(DataError, match="Write more of the one you mean"):
        find_vintage(tmp_path, "epoch/20")


def test_killed_at_any_moment(server, tmp_path):
    """The old vintage stays, whole, and nothing else is listed."""
    kept, _ = get(server, "good", tmp_path)
    code = "from eci.cli.main import main; main()"
    command = [sys.executable, "-c", code, "data", "fetch", "--url", f"{server.url}/drip"]
    for seconds in (0.3, 1.5):
        server.asked.clear()
        process = subprocess.Popen(
            [*command, "--cache", str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not server.asked and process.poll() is None:
            time.sleep(0.02)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert list_vintages(tmp_path) == (kept,)
        kept.require_intact()


def test_commands(server, tmp_path):
    runner, cache = CliRunner(), ["--cache", str(tmp_path)]

    def run(*arguments):
        return runner.invoke(main, ["data", *arguments, *cache])

    empty = run("list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "Fetch with: eci data fetch epoch" in empty.stderr
    first = run("fetch", "--url", f"{server.url}/tagged")
    assert first.exit_code == 0
    assert Path(first.stdout.strip()).read_bytes() == CSV
    assert f": new, {len(CSV)} bytes, Epoch AI" in first.stderr
    server.state = NEWER
    run("fetch", "--url", f"{server.url}/tagged")
    assert len(run("list").stdout.splitlines()) == 2
    old, new = (
        record["source"] + "/" + record["stamp"] for record in json.loads(run("list", "--json").stdout)
    )
    assert "2 models, 2 benchmarks, 3 scores" in run("show", old).stdout
    assert json.loads(run("show", new, "--json").stdout)["data"]["n_scores"] == 4
    assert run("diff", old, new).stdout.splitlines() == [
        "models added    0",
        "models removed  0",
        "benchmarks added    1: z",
        "benchmarks removed  0",
        "scores added 1, removed 0, changed 1, the same 2",
        "  B on x: 0.7 to 0.8",
    ]
    found = json.loads(run("diff", old, new, "--json").stdout)
    assert found["scores_changed"] == [{"model": "B", "benchmark": "x", "old": 0.7, "new": 0.8}]
    assert found["scores_added"] == [["B", "z"]]
    unknown = run("show", "epoch/1999")
    assert unknown.exit_code == 1
    assert "no vintage 'epoch/1999'" in unknown.stderr
    missing = run("diff", "nosuch.csv", new)
    assert missing.exit_code == 1
    assert "No file or folder is named nosuch.csv; as a vintage: " in missing.stderr


def test_moves(tmp_path):
    """A model whose scores rise moves up; one benchmark is the same for all."""
    rows = [(m, b, 0.2 + 0.08 * m + 0.05 * b) for m in range(6) for b in range(5)]
    for name, lift in (("old", 0.0), ("new", 0.15)):
        lines = [f"m{m},b{b},{min(s + lift * (m == 2), 0.95):.3f}" for m, b, s in rows]
        (tmp_path / f"{name}.csv").write_text("model,benchmark,score\n" + "\n".join(lines) + "\n")
    paths = [str(tmp_path / f"{name}.csv") for name in ("old", "new")]
    found = CliRunner().invoke(main, ["data", "diff", *paths, "--moves", "--json"])
    assert found.exit_code == 0, found.stderr
    moves = json.loads(found.stdout)["moves"]
    assert moves[0]["model"] == "m2"
    assert moves[0]["move"] > 2
    text = CliRunner().invoke(main, ["data", "diff", *paths, "--moves", "--top", "1"])
    assert "Largest moves of 6 models" in text.stdout
    assert text.stdout.splitlines()[-1].startswith("m2")
