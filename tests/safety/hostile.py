"""Hostile: run folders as a stranger with bad intent would make them, opened in every way there is, under watch.

Run as a process of its own, for what it counts is what the whole process does: `python hostile.py RUN ROUNDS SEED`
prints one JSON object: how many folders opened or were refused, every crime, tracebacks that are no DeepwrightError,
and by how much memory grew beyond the files' own size.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import watch

CRIMES = frozenset(
    {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
     "socket.connect", "socket.bind", "ctypes.dlopen", "pickle.find_class", "os.kill", "os.chmod", "os.symlink",
     "os.link", "os.rmdir", "os.remove", "os.rename", "os.mkdir", "shutil.rmtree"}
)  # fmt: skip
"""Audit events that opening a run folder has no business with."""

EVIL = [
    None, True, -1, 0, 1e308, -1e308, 10**30, 2**63, "", "x" * 5000, [], {}, [[]] * 50, "../../../../etc/passwd",
    "/etc/passwd", "os:system", "evil_module:Evil", "this:d", "deepwright.core.find:find", "nan", "\u0000", "\ud800",
    {"a": {"b": {"c": []}}}, [None] * 1000, "{{7*7}}", "${HOME}", "$(touch marker)", "; touch marker", "__class__",
    "evil_module", "builtins:exec", "<script>alert(1)</script>", [1e308] * 3, "%s%s%n", "2" * 5000, -(10**400),
]  # fmt: skip
"""Values to put where something else is expected."""


_ENORMOUS = 1 << 30
SECRET = '{"secret": 42}'


class Bomb:
    """A pickle that makes a folder called marker when it is loaded."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.marker,)


def spoil(folder: Path, rng: random.Random, secret: Path) -> str:
    """One to three hostile changes to the folder; says which."""
    told = [rng.choice(SPOILS)(folder, rng, secret) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if rng.random() < 0.8:  # a hostile hand makes the manifests fit
        for manifest in folder.rglob("MANIFEST.json"):
            with contextlib.suppress(Exception):
                from deepwright.core.files import write_manifest

                write_manifest(manifest.parent)
    return ", ".join(told)


def any_file(folder: Path, rng: random.Random, *endings: str) -> Path:
    """A plain file below the folder, of one of these endings where there is one; none that was made enormous before."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and p.name != "MANIFEST.json")
    files = [path for path in found if path.stat().st_size < _ENORMOUS]
    fitting = [path for path in files if not endings or path.suffix in endings]
    return rng.choice(fitting or files)


def noise(folder: Path, rng: random.Random, secret: Path) -> str:
    path = any_file(folder, rng)
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 3, 20))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        del data[rng.randrange(len(data) + 1) :]
    path.write_bytes(data)
    return f"noise in {path.name}"


def value(folder: Path, rng: random.Random, secret: Path) -> str:
    """Another value somewhere in a JSON file."""
    path = any_file(folder, rng, ".json", ".jsonl")
    try:
        tree = json.loads(path.read_bytes().split(b"\n")[0] if path.suffix == ".jsonl" else path.read_bytes())
    except ValueError:
        return noise(folder, rng, secret)
    node, chosen = tree, None
    while isinstance(node, (dict, list)) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        chosen = (node, rng.choice(keys))
        node = node[chosen[1]]
        if rng.random() < 0.25:
            break
    if chosen is None:
        tree = rng.choice(EVIL)
    elif rng.random() < 0.15 and isinstance(chosen[0], dict):
        del chosen[0][chosen[1]]
    else:
        chosen[0][chosen[1]] = rng.choice(EVIL)
    text = json.dumps(tree)
    if rng.random() < 0.1:
        text = text.replace(":", rng.choice((": NaN,", ": Infinity,", ": 1e999,", ": {", '": "a":')), 1)
    path.write_bytes(text.encode() + b"\n")
    return f"value in {path.name}"


def shape(folder: Path, rng: random.Random, secret: Path) -> str:
    """A lying header in a safetensors file."""
    path = any_file(folder, rng, ".safetensors")
    data = path.read_bytes()
    if path.suffix != ".safetensors" or len(data) < 8:
        return noise(folder, rng, secret)
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])
        name = rng.choice([key for key in header if key != "__metadata__"])
        entry = header[name]
        what = rng.randrange(8)
        if what == 0:
            entry["shape"] = [10**6, 10**6]
        elif what == 1:
            entry["data_offsets"] = [0, 2**40]
        elif what == 2:
            entry["dtype"] = rng.choice(("F64", "O", "BF16", "BOOL", 3))
        elif what == 3:
            entry["shape"] = [-1, -8]
        elif what == 4:
            header[name + "/again"] = entry
        elif what == 5:
            entry["shape"] = [0, 2**62]
        elif what == 6:
            header["../../" + name] = header.pop(name)
        else:
            size = 2**63
        made = json.dumps(header).encode()
        path.write_bytes((size if what == 7 else len(made)).to_bytes(8, "little") + made + data[8 + size :])
    except (ValueError, IndexError, KeyError, TypeError):
        return noise(folder, rng, secret)
    return f"lying header in {path.name}"


def pickled(folder: Path, rng: random.Random, secret: Path) -> str:
    path = any_file(folder, rng)
    path.write_bytes(pickle.dumps(Bomb(str(secret.parent / "marker"))))
    return f"a pickle as {path.name}"


def tagged(folder: Path, rng: random.Random, secret: Path) -> str:
    """A recipe with YAML tags and anchors."""
    marker = secret.parent / "marker"
    made = rng.choice(
        (
            f"!!python/object/apply:os.mkdir ['{marker}']\n",
            f"version: 1\ndata: !!python/object/apply:os.mkdir ['{marker}']\n",
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
            "!!python/name:os.system\n",
            "? " * 2000 + "x",
        )
    )
    (folder / "recipe.yaml").write_text(made)
    return "a tagged recipe"


def linked(folder: Path, rng: random.Random, secret: Path) -> str:
    """A way out in the place of a file or a folder."""
    path = any_file(folder, rng)
    what = rng.randrange(5)
    path.unlink()
    if what == 0:
        path.symlink_to(secret)
    elif what == 1:
        path.hardlink_to(secret)
    elif what == 2:
        os.mkfifo(path)
    elif what == 3:
        path.symlink_to("/dev/zero")
    elif path.parent != folder:
        shutil.rmtree(path.parent)
        path.parent.symlink_to(secret.parent, target_is_directory=True)
    return f"a way out at {path.name}"


def misplaced(folder: Path, rng: random.Random, secret: Path) -> str:
    """Gone, empty, huge, or another file's content."""
    path, other = any_file(folder, rng), any_file(folder, rng)
    what = rng.randrange(4)
    if what == 0:
        path.unlink()
    elif what == 1:
        path.write_bytes(b"")
    elif what == 2:
        os.truncate(path, 1 << 40)
    else:
        path.write_bytes(other.read_bytes())
    return f"{('gone', 'empty', 'huge', 'other')[what]}: {path.name}"


def named(folder: Path, rng: random.Random, secret: Path) -> str:
    """The names of components, where a name could become an import."""
    text = rng.choice(("evil_module:Evil", "evil_module", "os:system", "this:d", "../evil_module", "builtins:exec"))
    what = rng.randrange(5)
    try:
        if what == 0:
            change(folder / "schema.json", lambda tree: tree["task"].update(name=text))
        elif what == 1:
            change(folder / "schema.json", lambda tree: rng.choice(tree["encoding"]).update(kind=text))
        elif what == 2:
            room = rng.choice(sorted((folder / "contenders").iterdir()))
            change(room / "scores.json", lambda tree: tree.update(contender=text, name=text))
        elif what == 3:
            change(next(folder.rglob("network.json")), lambda tree: tree.update(network=text))
        else:
            change(folder / "run.json", lambda tree: tree["task"]["metric"].update(name=text))
    except (OSError, ValueError, KeyError, TypeError, StopIteration, AttributeError, IndexError):
        return noise(folder, rng, secret)
    return f"{text} as a name"


def change(path: Path, how: Callable[[Any], Any]) -> None:
    tree = json.loads(path.read_bytes())
    how(tree)
    path.write_bytes(json.dumps(tree).encode())


SPOILS = (noise, value, value, value, value, shape, shape, pickled, tagged, linked, misplaced, named, named)


def open_every_way(folder: Path, rows: Any, report: bool) -> None:
    """What a user does with a run folder: look, diagnose, mend, load every model, predict; raises what they raise."""
    from deepwright.api.recipes import load_recipe
    from deepwright.api.run import load
    from deepwright.core.files import check_manifest, inside
    from deepwright.diagnosis import diagnose

    problems: list[Exception] = []

    def attempt(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as error:
            problems.append(error)
            return None

    attempt(lambda: load_recipe(str(folder / "recipe.yaml")))
    run = attempt(lambda: load(folder))
    if run is not None:
        record = run.record
        for part in (
            "scores",
            "log",
            "facts",
            "predictions",
            "validation",
            "mistakes",
            "importance",
            "findings",
            "task",
        ):
            attempt(lambda part=part: getattr(record, part))
        for say in (
            lambda: record.task,
            lambda: run.verdict,
            lambda: run.winner,
            lambda: run.scores,
            lambda: repr(run),
        ):
            attempt(say)
        attempt(lambda: diagnose(record))
        for room in sorted(folder.glob("contenders/*")):
            attempt(lambda room=room: check_manifest(inside(folder, f"contenders/{room.name}")))
            attempt(lambda room=room: run.predict(rows, contender=room.name))
        attempt(lambda: run.predict(rows))
        if report:
            attempt(run._repr_html_)
    for problem in problems:
        raise problem


def main(run: Path, rounds: int, seed: int) -> dict[str, Any]:
    """Spoil and open `rounds` copies of `run`."""
    import polars as pl

    from deepwright.core.errors import DeepwrightError

    rows = pl.read_parquet(run / "rows.parquet")
    place = Path(tempfile.mkdtemp(prefix="hostile"))
    secret, own = place / "outside" / "secret.json", place / "room"
    secret.parent.mkdir()
    secret.write_text(SECRET)
    (secret.parent / "evil_module.py").write_text(f"import os; os.mkdir({str(secret.parent / 'marker')!r})\nEvil = 1\n")
    sys.path.insert(0, str(secret.parent))
    open_every_way(run, rows, report=True)
    known = set(sys.modules)
    libraries = tuple(str(Path(path).resolve()) for path in {sys.prefix, sys.base_prefix, *sys.path[1:]} if path)
    rng, crimes, faults, counts = random.Random(seed), [], [], {"opened": 0, "refused": 0}
    told = ""

    def watcher(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CRIMES:
            crimes.append(f"{told}: {event} {arguments!r:.200}")
        elif event == "import" and arguments[0] not in known:
            root = arguments[0].partition(".")[0]
            if root not in {name.partition(".")[0] for name in known}:
                crimes.append(f"{told}: import {arguments[0]}")
        elif event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            target, mode = os.path.realpath(os.fsdecode(arguments[0])), str(arguments[1] or "r")
            inside = target.startswith(str(own))
            wants = bool(set(mode) & set("wax+")) or bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if not inside and (wants or not target.startswith((*libraries, "/proc", "/sys", "/usr"))):
                crimes.append(f"{told}: open {target} {mode}")

    largest, before = 0, 0
    for number in range(rounds):
        folder = own / str(number)
        shutil.copytree(run, folder, ignore=shutil.ignore_patterns("figures", "report.html", "rows.parquet"))
        told = f"round {number}: {spoil(folder, rng, secret)}"
        secret.write_text(SECRET)  # two changes in a row may have gone through a link
        if number == min(20, rounds // 2):  # those before may load what the untouched run did not need
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            with watch.watching(watcher):
                open_every_way(folder, rows, report=number % 10 == 0)
            counts["opened"] += 1
        except DeepwrightError as error:
            counts["refused"] += 1
            if "\n" in str(error):
                faults.append(f"{told}: more than a line: {error}")
        except Exception as error:
            import traceback

            last = traceback.extract_tb(error.__traceback__)[-1]
            faults.append(f"{told}: {type(error).__name__}: {error} ({last.filename}:{last.lineno})"[:400])
        if (secret.parent / "marker").exists():
            crimes.append(f"{told}: EXECUTED")
            (secret.parent / "marker").rmdir()
        if secret.read_text() != SECRET:
            crimes.append(f"{told}: wrote outside")
        largest = max(largest, sum(p.lstat().st_blocks * 512 for p in folder.rglob("*") if not p.is_symlink()))
        shutil.rmtree(folder)
    shutil.rmtree(place)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before * 1024
    return {**counts, "crimes": crimes, "faults": faults, "grown": grown, "largest": largest}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
