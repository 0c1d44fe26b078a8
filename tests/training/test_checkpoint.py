"""A checkpoint is whole or not there, at every place where writing can be cut off."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import Plain, classes, flat

from deepwright.core.errors import DeepwrightError, RunError
from deepwright.core.plan import Plan
from deepwright.streams.rows import Rows
from deepwright.training import train
from deepwright.training.checkpoint import load, save


def state(seed: int = 0) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "weights": {"a.b": torch.randn(3, 4, generator=draw), "n": torch.tensor(5), "none": torch.zeros(0, 2)},
        "half": torch.randn(5, generator=draw).to(torch.bfloat16),
        "flag": torch.tensor([True, False]),
        "list": [1, 0.1 + 0.2, None, "x", {"deep": torch.arange(3)}],
        "step": seed,
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return bool(a == b)


def test_round_trip_to_the_bit_and_only_two_are_kept(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere", "last") is None
    for number in range(1, 6):
        save(tmp_path, "last", state(number))
        save(tmp_path, "best", state(100 + number)) if number == 2 else None
        found = load(tmp_path, "last")
        assert found is not None and found.number == number and not found.damaged
        assert same(found.state, state(number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-00000001", "last-00000004", "last-00000005"]
    best = load(tmp_path, "best")
    assert best is not None and best.state["step"] == 102


def test_any_damage_is_seen_and_the_one_before_is_taken(tmp_path: Path) -> None:
    save(tmp_path, "last", state(1))
    newest = save(tmp_path, "last", state(2))
    files = sorted(newest.iterdir())
    assert {file.name for file in files} == {"MANIFEST.json", "state.json", "tensors.safetensors"}
    cases = 0
    for file in files:
        whole = file.read_bytes()
        spoiled = [whole[: len(whole) // 2], b"", whole + b"x"]
        for at in range(0, len(whole), max(1, len(whole) // 40)):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << at % 8
            spoiled.append(bytes(flipped))
        for content in spoiled:
            file.write_bytes(content)
            found = load(tmp_path, "last")
            assert found is not None and found.state["step"] == 1
            assert len(found.damaged) == 1 and "\n" not in found.damaged[0]
            cases += 1
        file.unlink()
        found = load(tmp_path, "last")
        assert found is not None and found.number == 1
        file.write_bytes(whole)
    assert cases > 100
    found = load(tmp_path, "last")
    assert found is not None and found.number == 2
    for folder in tmp_path.iterdir():
        (folder / "state.json").write_text("{}")
    with pytest.raises(RunError, match="none of the 2 checkpoints is whole"):
        load(tmp_path, "last")


def test_after_a_damaged_one_the_next_is_newer(tmp_path: Path) -> None:
    save(tmp_path, "last", state(1))
    (save(tmp_path, "last", state(2)) / "state.json").write_text("{}")
    save(tmp_path, "last", state(3))
    found = load(tmp_path, "last")
    assert found is not None and (found.number, found.state["step"], found.damaged) == (3, 3, ())


_OPERATIONS = ("open", "write", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "close")


class _Cut(BaseException):
    """A power cut, for the process."""


def _saves_cut_after(monkeypatch: pytest.MonkeyPatch, folder: Path, calls: int, error: BaseException) -> bool:
    """Save with the `calls`-th disk operation failing; whether the save got so far."""
    count = 0
    with monkeypatch.context() as patch:
        for name in _OPERATIONS:
            real = getattr(os, name)

            def counted(*args: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:
                nonlocal count
                count += 1
                if count == calls and _name != "close":
                    raise error
                return _real(*args, **more)

            patch.setattr(os, name, counted)
        try:
            save(folder, "last", state(3))
        except (_Cut, DeepwrightError):
            return True
        return count >= calls


@pytest.mark.parametrize("error", [_Cut(), OSError(28, "No space left on device")], ids=["cut", "full disk"])
def test_cut_off_at_every_operation_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    for calls in range(1, 200):
        folder = tmp_path / str(calls)
        save(folder, "last", state(1))
        save(folder, "last", state(2))
        reached = _saves_cut_after(monkeypatch, folder, calls, error)
        found = load(folder, "last")
        assert found is not None and not found.damaged
        assert same(found.state, state(found.number)) and found.number in (2, 3)
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
        save(folder, "last", state(found.number + 1))
        if not reached:
            break
    assert 8 < calls < 199


def in_a_child(work: Callable[[], None]) -> int:
    """Run in a forked process; its signal as a negative number, or 0, or 1 with the traceback printed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _save_and_die(folder: Path, calls: int) -> None:
    """Save, with SIGKILL at the `calls`-th time that Python opens, makes, renames or removes something there."""
    count = 0

    def audit(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir") and str(folder) in str(args):
            count += 1
            if count == calls:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)
    save(folder, "last", state(3))


def test_killed_at_every_file_boundary(tmp_path: Path) -> None:
    kept = set()
    for calls in range(1, 100):
        folder = tmp_path / str(calls)
        save(folder, "last", state(1))
        save(folder, "last", state(2))
        code = in_a_child(partial(_save_and_die, folder, calls))
        assert code in (0, -signal.SIGKILL)
        found = load(folder, "last")
        assert found is not None and not found.damaged
        assert same(found.state, state(found.number))
        kept.add(found.number)
        if code == 0:
            break
    assert code == 0 and calls > 12
    assert kept == {2, 3}


def _save_under_limits(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    save(folder, "last", state(1))
    size = max(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, size, max(1, size // 60)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with pytest.raises(DeepwrightError, match="Free some space") as caught:
            save(folder, "last", state(2))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert "\n" not in str(caught.value)
        found = load(folder, "last")
        assert found is not None and found.number == 1 and not found.damaged
        assert [path.name for path in folder.iterdir()] == ["last-00000001"]
    save(folder, "last", state(2))
    found = load(folder, "last")
    assert found is not None and same(found.state, state(2))


def test_a_file_size_limit_at_every_length(tmp_path: Path) -> None:
    assert in_a_child(partial(_save_under_limits, tmp_path / "c")) == 0


def test_training_goes_on_from_what_a_full_disk_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, plan = classes(90), Plan(steps=12, report_every=3)
    straight, first, second = Plain(), Plain(), Plain(seed=2)
    for _ in train(straight, Rows(data, batch=20), plan):
        pass
    for report in train(first, Rows(data, batch=20), plan):
        if report.step <= 6:
            save(tmp_path, "last", report.state())
        else:
            with monkeypatch.context() as patch, pytest.raises(DeepwrightError, match="No space"):
                patch.setattr(os, "fsync", _full)
                save(tmp_path, "last", report.state())
    found = load(tmp_path, "last")
    assert found is not None and found.state["pace"]["attempts"] == 6
    for _ in train(second, Rows(data, batch=20), plan, state=found.state):
        pass
    assert torch.equal(flat(straight), flat(second))


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_nothing_of_pickle_is_in_it(tmp_path: Path) -> None:
    for report in train(Plain(), Rows(classes(90), batch=20), Plan(steps=2)):
        folder = save(tmp_path, "last", report.state())
    for file in folder.iterdir():
        assert file.suffix in (".json", ".safetensors")
