"""One file over HTTP: retried, bounded in time and size, and refused where it is no data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

from eci import __version__
from eci.errors import DataError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager


@dataclass(frozen=True)
class Limits:
    """Bounds of one fetch.

    Parameters
    ----------
    max_bytes
        Largest file that is taken.
    connect_seconds, read_seconds
        How long to wait for a connection, and for the next bytes.
    total_seconds
        How long one attempt may take, however steadily bytes drip.
    n_attempts
        How often to try, where trying again can help.
    wait_seconds
        Before the second attempt; doubled before each further one.
    """

    max_bytes: int = 256 * 2**20
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 300.0
    n_attempts: int = 4
    wait_seconds: float = 1.0


class _TryAgainError(Exception):
    """What a further attempt may mend, in words."""


_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}
_CHUNK = 2**16
_HEADERS = {"User-Agent": f"eci/{__version__}", "Accept-Encoding": "identity"}


def download(url: str, path: Path, etag: str, limits: Limits) -> str | None:
    """Write what an address holds to a file.

    Parameters
    ----------
    url
        An address that starts with http:// or https://.
    path
        The file to write; it may hold a part when an error is raised.
    etag
        The state that is known already; empty for none.
    limits
        Bounds of time and size.

    Returns
    -------
    str or None
        The ETag of what came, empty where the server gave none; None where it is still the known state.

    Raises
    ------
    DataError
        If no answer came in time, or one that is no data, too large or cut short.
    """
    from urllib3.exceptions import LocationValueError

    try:
        pool = _connect(url, limits)
    except LocationValueError as error:
        raise _no_address(url, error) from error
    try:
        return _attempt(lambda: _take(pool, url, path, etag, limits), url, limits)
    finally:
        pool.clear()


def _attempt(take: Callable[[], str | None], url: str, limits: Limits) -> str | None:
    wait = limits.wait_seconds
    for attempt in range(1, limits.n_attempts + 1):
        try:
            return take()
        except _TryAgainError as error:
            if attempt == limits.n_attempts:
                advice = "Try later, or take what is in the cache with --offline"
                raise DataError(f"{url}: {error}, {limits.n_attempts} times. {advice}.") from error
        time.sleep(wait)
        wait *= 2
    raise DataError(f"{url}: no attempt was allowed (n_attempts is {limits.n_attempts}). Allow one.")


def _connect(url: str, limits: Limits) -> PoolManager:
    from urllib3 import PoolManager, ProxyManager, Retry, Timeout
    from urllib3.util import parse_url

    # Retries are ours, because a body that breaks off has to be asked for again as well.
    retries = Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5)
    timeout = Timeout(connect=limits.connect_seconds, read=limits.read_seconds)
    address = parse_url(url)
    proxy = getproxies().get(address.scheme or "")
    if proxy and not proxy_bypass(address.host or ""):
        return ProxyManager(proxy, headers=_HEADERS, retries=retries, timeout=timeout)
    return PoolManager(headers=_HEADERS, retries=retries, timeout=timeout)


def _take(pool: PoolManager, url: str, path: Path, etag: str, limits: Limits) -> str | None:
    """Ask once."""
    from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError, ResponseError, SSLError

    deadline = time.monotonic() + limits.total_seconds
    headers = {**_HEADERS, **({"If-None-Match": etag} if etag else {})}
    try:
        answer = pool.request("GET", url, headers=headers, preload_content=False, decode_content=False)
    except MaxRetryError as error:
        if isinstance(error.reason, ResponseError):
            raise DataError(f"{url}: redirected without end. Look for the new address.") from error
        if isinstance(error.reason, SSLError):
            raise DataError(
                f"{url}: no secure connection ({_said(error.reason)}). Nothing was read."
            ) from error
        raise _TryAgainError(f"no answer ({_said(error.reason)})") from error
    except LocationValueError as error:
        raise _no_address(url, error) from error
    except HTTPError as error:
        raise _TryAgainError(f"no answer ({_said(error)})") from error
    try:
        passed = [step.redirect_location or "" for step in answer.retries.history] if answer.retries else []
        if url.startswith("https://") and any(step.startswith("http://") for step in passed):
            raise DataError(f"{url}: redirected to an insecure address. Nothing was read.")
        if answer.status == 304 and etag:
            return None
        _require_data(answer, url, limits)
        _write(answer, path, url, limits, deadline)
    except HTTPError as error:
        raise _TryAgainError(f"the connection broke off ({type(error).__name__})") from error
    finally:
        answer.close()
    return answer.headers.get("ETag", "")


def _require_data(answer: BaseHTTPResponse, url: str, limits: Limits) -> None:
    if answer.status in _MAY_PASS:
        raise _TryAgainError(f"the server answered {_status(answer)}")
    if answer.status != 200:
        raise DataError(f"{url}: the server answered {_status(answer)}. Check the address in a browser.")
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DataError(f"{url}: a web page ({kind}) came instead of data. Check the address in a browser.")
    size = answer.headers.get("Content-Length", "")
    if size.isdecimal() and int(size) > limits.max_bytes:
        raise _too_large(url, limits)


def _write(answer: BaseHTTPResponse, path: Path, url: str, limits: Limits, deadline: float) -> None:
    n_bytes = 0
    with path.open("wb") as file:
        # read1 gives what has come; read would wait for a full chunk however slowly it drips.
        while chunk := answer.read1(_CHUNK):
            n_bytes += len(chunk)
            if n_bytes > limits.max_bytes:
                raise _too_large(url, limits)
            if time.monotonic() > deadline:
                took = f"{n_bytes} bytes came in {limits.total_seconds:g} s, and the end did not"
                raise DataError(f"{url}: {took}. Try later.")
            file.write(chunk)
    size = answer.headers.get("Content-Length", "")
    if size.isdecimal() and n_bytes != int(size):
        raise _TryAgainError(f"{n_bytes} of {size} bytes came")


def _status(answer: BaseHTTPResponse) -> str:
    """Number and meaning; the server's own words could be anything."""
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)


def _said(error: Exception | None) -> str:
    """What urllib3 says, without the connection object it starts with."""
    said = str(error)
    said = said.partition("): ")[2] or said
    return said if said.isprintable() else repr(said)


def _no_address(url: str, error: Exception) -> DataError:
    return DataError(f"{url}: not a web address ({_said(error)}). Correct it.")


def _too_large(url: str, limits: Limits) -> DataError:
    most = f"{limits.max_bytes / 2**20:g} MiB, the limit of a fetch"
    return DataError(f"{url}: larger than {most}. Nothing was kept; --max-mib raises the limit.")
