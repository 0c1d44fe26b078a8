"""Download: one file over https, checked before it takes its name."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from deepwright import __version__
from deepwright.core.errors import DataError

Progress = Callable[[float | None, str], None]
"""Takes the share done (0 to 1) and what is going on; called often."""
SCHEMES = ("https",)
"""Ways of transport that are trusted; redirects hold to them too."""
_TIMEOUT = 30.0
"""Seconds without a byte after which a server is given up."""
_SLACK = 1.5
"""A file may be so many times as long as it should: a wrong checksum says more than a cut file."""
_PIECE = 1 << 16


def quiet(share: float | None, text: str) -> None:
    """Progress that nobody sees."""


def download(urls: Sequence[str], path: Path, size: int, way: str, right: str, *, progress: Progress = quiet) -> None:
    """Write the file that one of `urls` gives to `path`; the first that is whole and right counts.

    size: bytes that it should have, for the bar and as a limit.  way, right: "sha256" or "md5", and its hexdigest.
    Raises DataError saying what went wrong at each address; then nothing is left behind.
    """
    reasons = []
    for url in urls:
        try:
            _fetch(url, path, size, way, right, progress)
        except DataError as error:
            reasons.append(f"{url.split('/')[2] if '//' in url else url}: {error.message.rstrip('.')}")
            continue
        return
    raise DataError("; ".join(reasons) + ".", where=path.name)


def _fetch(url: str, path: Path, size: int, way: str, right: str, progress: Progress) -> None:
    """To a temporary file beside it first, which takes the name only when its checksum is right."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise DataError(f"{path.parent} cannot be written ({error.strerror or error}).") from error
    try:
        with os.fdopen(handle, "wb") as file:
            got = _received(url, file, size, way, lambda done: progress(min(1.0, done / size), _told(path, done, size)))
            file.flush()
            os.fsync(file.fileno())
        if got != right:
            raise DataError(f"the {way} checksum is {got}, not {right}; the file was deleted.")
        Path(part).replace(path)
    except OSError as error:
        raise DataError(f"it cannot be kept ({error.strerror or error}).") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(part).unlink()


def _received(url: str, file: IO[bytes], size: int, way: str, progress: Callable[[int], None]) -> str:
    """The checksum of what was written to `file`."""
    reckoned, done = hashlib.new(way, usedforsecurity=False), 0
    for piece in _pieces(url):
        done += len(piece)
        if done > size * _SLACK:
            raise DataError(f"it goes on after {done:,} bytes, {size:,} were expected.")
        file.write(piece)
        reckoned.update(piece)
        progress(done)
    return reckoned.hexdigest()


def _pieces(url: str) -> Iterator[bytes]:
    """The content as it comes; whatever goes wrong on the way is a DataError."""
    done = 0
    try:
        with _opened(url) as answer:
            said = answer.headers.get("Content-Length", "")
            while piece := answer.read(_PIECE):
                done += len(piece)
                yield piece
    except (http.client.HTTPException, OSError, ValueError) as error:  # URLError and TLS errors are OSErrors
        raise DataError(_reason(error, done)) from error
    if said.isdigit() and int(said) != done:
        raise DataError(f"the connection ended after {done:,} of {int(said):,} bytes.")


class _SameWay(urllib.request.HTTPRedirectHandler):
    """Follows redirects that stay on a trusted way."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opened(url: str) -> Any:
    _check_scheme(url)
    opener = urllib.request.build_opener(_SameWay)
    return opener.open(
        urllib.request.Request(url, headers={"User-Agent": f"deepwright/{__version__}"}), timeout=_TIMEOUT
    )


def _check_scheme(url: str) -> None:
    if url.partition(":")[0].lower() not in SCHEMES:
        raise DataError(f"expected an address that begins with {SCHEMES[0]}://, got {url}.")


def _reason(error: Exception, done: int) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server says {error.code} {error.reason}."
    why = getattr(error, "reason", None) or error
    text = getattr(why, "strerror", None) or str(why) or type(error).__name__
    return f"the connection ended after {done:,} bytes ({text})." if done else f"no connection ({text})."


def _told(path: Path, done: int, size: int) -> str:
    return f"downloading {path.name}: {done / 1e6:,.1f} of {size / 1e6:,.1f} MB"
