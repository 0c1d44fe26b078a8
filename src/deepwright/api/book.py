"""Book: the writing side of a run folder; every file atomically, see docs/run-folder.md."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import RunError
from deepwright.core.files import (
    amend,
    append_line,
    check_manifest,
    inside,
    json_bytes,
    new_folder,
    read_json,
    read_json_lines,
    write_bytes,
    write_json,
    write_parquet,
    write_tensors,
    write_text,
)

if TYPE_CHECKING:
    import polars as pl

    from deepwright.core.contender import Model

FORMAT = 1


class Book:
    """A run folder that is being written. `facts` of `run.json` grow as the run goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # ---------------------------------------------------------------- run.json
    def begin(self, recipe: str, facts: Mapping[str, Any]) -> None:
        """A new folder: recipe.yaml and run.json in state "running"."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / "recipe.yaml", recipe)
        write_json(
            self.folder / "run.json",
            {
                "format": FORMAT,
                "deepwright": _version("deepwright"),
                "name": facts["name"],
                "state": "running",
                "created": _now(),
                "finished": None,
                "seconds": {},
                **facts,
                "versions": _versions(),
                "hardware": _hardware(),
            },
        )

    def note(self, **facts: Any) -> None:
        """Add to or change run.json; `seconds` are merged."""
        run = self.run()
        run["seconds"] = {**run.get("seconds", {}), **facts.pop("seconds", {})}
        write_json(self.folder / "run.json", {**run, **facts})

    def run(self) -> dict[str, Any]:
        """run.json as it stands."""
        run = read_json(self.folder / "run.json")
        if not isinstance(run, dict) or run.get("format") != FORMAT:
            raise RunError(
                f"expected format {FORMAT}, got {run.get('format') if isinstance(run, dict) else 'no run'}.",
                where=str(self.folder / "run.json"),
                remedy="Open it with the version of Deepwright that made it.",
            )
        return run

    def end(self, state: str) -> None:
        """The run is over: "done", "failed" or "stopped"."""
        self.note(state=state, finished=_now())

    # ---------------------------------------------------------------- files
    def keep_json(self, name: str, content: Any) -> None:
        """A JSON file of the folder."""
        write_json(self.folder / name, content)

    def keep_frame(self, name: str, frame: pl.DataFrame) -> None:
        """A Parquet file of the folder."""
        write_parquet(self.folder / name, frame)

    def keep_tensors(self, name: str, arrays: Mapping[str, Any]) -> None:
        """A safetensors file of the folder; none where there are no arrays."""
        if arrays:
            write_tensors(self.folder / name, dict(arrays))

    # ---------------------------------------------------------------- contenders
    def workroom(self, label: str) -> Path:
        """Where a contender keeps its checkpoints while it learns; survives a kill."""
        room = inside(self.folder, f"work/{label}")
        room.mkdir(parents=True, exist_ok=True)
        return room

    def tidy(self) -> None:
        """Checkpoints of contenders that are done go away."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)

    def keep_model(
        self,
        label: str,
        model: Model | None,
        scores: Mapping[str, Any],
        exhibits: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Save a fitted contender with its scores and what it has to show, all or nothing; gives the scores with the
        model's size in bytes."""
        with new_folder(self.folder, f"contenders/{label}") as room:
            if model is not None:
                model.save(room)
            size = sum(file.stat().st_size for file in room.rglob("*") if file.is_file())
            if exhibits is not None:
                write_json(room / "exhibits.json", exhibits)
            complete = {**scores, "bytes": size}
            write_json(room / "scores.json", complete)
        return complete

    def keep_scores(self, label: str, scores: Mapping[str, Any]) -> None:
        """Rewrite a contender's scores; its manifest follows."""
        room = inside(self.folder, f"contenders/{label}")
        amend(room, "scores.json", json_bytes(scores, indent=1) + b"\n")

    def scores(self, label: str) -> dict[str, Any] | None:
        """The scores of a contender that is done and undamaged, else None (it will be fitted again)."""
        room = inside(self.folder, f"contenders/{label}")
        if not room.is_dir():
            return None
        try:
            check_manifest(room)
            return read_json(room / "scores.json")
        except RunError:
            shutil.rmtree(room)
            return None

    # ---------------------------------------------------------------- metrics.jsonl
    def log(self, label: str, entry: Mapping[str, Any]) -> None:
        """One more line of metrics.jsonl."""
        append_line(self.folder / "metrics.jsonl", {"contender": label, **entry})

    def rewind(self, label: str, step: int) -> None:
        """Forget what a contender logged after `step`, and a line torn by a kill."""
        path = self.folder / "metrics.jsonl"
        if path.exists():
            kept = [e for e in read_json_lines(path) if e["contender"] != label or e["step"] <= step]
            write_bytes(path, b"".join(json_bytes(entry) + b"\n" for entry in kept))


def new_run_folder(root: Path, name: str) -> Path:
    """runs/NAME-YYYYMMDD-HHMMSS, with a number where that is taken; the name is made safe for every file system."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "run"
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = root / (f"{safe}-{stamp}" + (f"-{number}" if number > 1 else ""))
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise RunError("cannot find a free name for the run folder.", where=str(root))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _versions() -> dict[str, str]:
    packages = ("torch", "numpy", "polars", "scikit-learn", "lightgbm")
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _hardware() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "device": _device(),
    }


def _device() -> str:
    """The accelerator that networks use, found without loading torch where there is none."""
    if shutil.which("nvidia-smi") is None and sys.platform != "darwin":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _cpu() -> str:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
