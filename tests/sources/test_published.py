"""Published sets by name: from the user's folder, the cache or the network; wrong, cut and missing ones are said."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from deepwright import sources
from deepwright.cli import main
from deepwright.core.errors import DataError
from deepwright.sources import _download, _opening, _published, is_here, open_table, published, stream_table

IMAGES = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
LABELS = np.array([1, 0, 1], dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


FILES = {
    "train-images-idx3-ubyte.gz": idx(IMAGES),
    "train-labels-idx1-ubyte.gz": idx(LABELS),
    "t10k-images-idx3-ubyte.gz": idx(IMAGES[:1]),
    "t10k-labels-idx1-ubyte.gz": idx(LABELS[:1]),
}


class Server(ThreadingHTTPServer):
    """Gives FILES; what `trouble` says of a file goes wrong. Keeps what was asked for."""

    def __init__(self) -> None:
        self.trouble: dict[str, str] = {}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        content, trouble = FILES.get(name, b""), self.server.trouble.get(name, "")
        if trouble == "redirect":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/x")
            self.end_headers()
            return
        self.send_response(200 if content and trouble != "missing" else 404)
        if trouble != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        altered = {"wrong": content[::-1], "cut": content[: len(content) // 2], "endless": content * 50}
        self.wfile.write(altered.get(trouble, content))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A publisher of a set called toys, trusted for this test, with an empty cache."""
    here = Server()
    thread = threading.Thread(target=here.serve_forever, daemon=True)
    thread.start()
    files = [
        {"name": name, "bytes": len(content), "urls": [f"{here.address}/toys/{name}"],
         **({"sha256": hashlib.sha256(content).hexdigest()} if i % 2 else {"md5": hashlib.md5(content).hexdigest()})}
        for i, (name, content) in enumerate(FILES.items())
    ]  # fmt: skip
    known = {"title": "Toys", "rows": 4, "target": "label", "classes": ["car", "doll"], "files": files}
    monkeypatch.setattr(_published, "published", lambda: {"toys": known})
    for module in (_opening, sources):
        monkeypatch.setattr(module, "published", lambda: {"toys": known})
    monkeypatch.setattr(_download, "SCHEMES", ("http",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("DEEPWRIGHT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    yield here
    here.shutdown()
    here.server_close()
    thread.join()


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_downloaded_once_with_progress(server: Server, tmp_path: Path) -> None:
    assert not is_here("toys")
    told: list[tuple[float | None, str]] = []
    table = open_table("toys", progress=lambda share, text: told.append((share, text)))
    assert table.frame["label"].to_list() == ["doll", "car", "doll", "doll"]
    assert table.frame["part"].to_list() == ["train"] * 3 + ["test"] and table.origin.part == "part"
    assert table.origin.source == "toys" and "checksums right" in table.origin.notes[0]
    assert told[-1][0] == 1.0 and "downloading t10k-labels-idx1-ubyte.gz" in told[-1][1]
    assert left(tmp_path) == sorted(FILES) and is_here("toys")
    again = open_table("toys")
    assert again.frame.equals(table.frame) and len(server.asked) == 4
    assert next(stream_table("toys")).equals(table.frame[:3])


def test_a_damaged_cache_is_mended(server: Server, tmp_path: Path) -> None:
    open_table("toys")
    file = tmp_path / "cache" / "deepwright" / "data" / "toys" / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(b"damaged")
    assert len(open_table("toys")) == 4 and server.asked[4:] == [file.name]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("wrong", r"checksum is [0-9a-f]+, not [0-9a-f]+; the file was deleted"),
        ("cut", r"the connection ended after \d+ (of \d+ )?bytes"),
        ("missing", "the server says 404"),
        ("endless", r"it goes on after [\d,]+ bytes"),
        ("redirect", "begins with http://, got ftp://127.0.0.1/x"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(server: Server, tmp_path: Path, trouble: str, said: str) -> None:
    server.trouble["train-labels-idx1-ubyte.gz"] = trouble
    with pytest.raises(DataError, match=said) as caught:
        open_table("toys")
    assert left(tmp_path) == ["train-images-idx3-ubyte.gz"]
    told = str(caught.value)
    assert "in place of the name" in told and "DEEPWRIGHT_DATA=FOLDER" in told and "cache/deepwright/data/toys" in told
    server.trouble.clear()
    assert len(open_table("toys")) == 4


def test_the_next_address_is_tried(server: Server) -> None:
    first = published()  # the true registry: every set has what is needed, over https only
    assert {"mnist", "fashion-mnist", "cifar10"} <= set(first)
    for about in first.values():
        for file in about["files"]:
            assert file["bytes"] > 0 and ("sha256" in file or "md5" in file)
            assert all(url.startswith("https://") and url.endswith(file["name"]) for url in file["urls"])
    file = _published.published()["toys"]["files"][0]
    file["urls"] = [file["urls"][0].replace("toys", "none").replace("train", "no"), *file["urls"]]
    assert len(open_table("toys")) == 4


def test_without_a_network_both_ways_are_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match=r"cannot be downloaded: 127.0.0.1:\d+: no connection \(.+\)\."):
        open_table("toys")
    monkeypatch.setattr(_download, "SCHEMES", ("https",))
    with pytest.raises(DataError, match="expected an address that begins with https://"):
        open_table("toys")


def test_a_folder_of_the_users_comes_first(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "data sets" / "TOYS"
    room.mkdir(parents=True)
    for name, content in FILES.items():
        (room / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    monkeypatch.setenv("DEEPWRIGHT_DATA", str(room.parent))
    table = open_table("toys")
    assert table.frame["label"].to_list() == ["doll", "car", "doll", "doll"] and not server.asked
    assert f"Found in {room} (DEEPWRIGHT_DATA)" in table.origin.notes[0]
    monkeypatch.setenv("DEEPWRIGHT_DATA", str(room))  # the folder itself, for it is called so
    assert open_table("toys").frame.equals(table.frame) and not server.asked
    monkeypatch.setenv("DEEPWRIGHT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="DEEPWRIGHT_DATA names no folder"):
        open_table("toys")


def test_files_of_another_set_are_not_taken(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of one format have files of the same names: only the right checksums make them this one."""
    room = tmp_path / "some"
    room.mkdir()
    for name, content in FILES.items():
        (room / name).write_bytes(content)
    monkeypatch.setenv("DEEPWRIGHT_DATA", str(room))
    assert len(open_table("toys")) == 4 and not server.asked
    (room / "train-labels-idx1-ubyte.gz").write_bytes(idx(LABELS[::-1] * 0))
    assert open_table("toys").frame["label"][1] == "car" and len(server.asked) == 4


def test_a_file_of_that_name_comes_before_it(server: Server, tmp_path: Path) -> None:
    Path("toys").write_text("a,b\n1,2\n")
    assert open_table("toys").columns == ["a", "b"] and not server.asked


def test_listed_with_where_they_are(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    def where() -> str:
        assert main(["list", "data", "--json"]) == 0
        items = json.loads(capsys.readouterr().out)["items"]
        assert {item["where"] for item in items if item["name"] == "iris"} == {"comes along"}
        return next(item["where"] for item in items if item["name"] == "toys")

    assert where() == "downloaded when first used"
    open_table("toys")
    assert where() == "downloaded"


_REAL = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "image_classification"


@pytest.mark.skipif(not _REAL.exists(), reason="the shared data sets are not here")
def test_the_real_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPWRIGHT_DATA", str(_REAL.resolve()))
    for file in published()["mnist"]["files"]:
        assert hashlib.sha256((_REAL / "mnist" / file["name"]).read_bytes()).hexdigest() == file["sha256"]
        assert (_REAL / "mnist" / file["name"]).stat().st_size == file["bytes"]
    frame = open_table("mnist").frame
    assert frame.height == published()["mnist"]["rows"] and frame["label"][:5].to_list() == [5, 0, 4, 1, 9]
