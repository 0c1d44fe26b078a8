"""Watch: what Python does while a test looks on, through one audit hook that is there for good (hooks cannot leave)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

Watcher = Callable[[str, tuple[Any, ...]], None]
_watchers: list[Watcher] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watcher in _watchers:
        watcher(event, arguments)


sys.addaudithook(_hook)


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Call `watcher(event, arguments)` on every audit event; what it raises stops the deed."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


BOUNDARIES = frozenset(
    {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.listdir", "os.scandir"}
)
"""Events at which the disk is about to change or to be looked at; fsync is added by `at_boundary`."""


@contextlib.contextmanager
def at_boundary(number: int, act: Callable[[], None], count: list[int]) -> Iterator[None]:
    """Do `act` when the `number`th file boundary is reached; `count[0]` says how many there were so far."""
    true_fsync = os.fsync

    def step() -> None:
        count[0] += 1
        if count[0] == number:
            act()

    def watcher(event: str, arguments: tuple[Any, ...]) -> None:
        if event in BOUNDARIES:
            step()

    def fsync(descriptor: int) -> None:
        step()
        true_fsync(descriptor)

    os.fsync = fsync  # type: ignore[assignment]
    try:
        with watching(watcher):
            yield
    finally:
        os.fsync = true_fsync


def in_child(act: Callable[[], None]) -> int:
    """Run `act` in a forked child and give its exit code: 0 it returned, 3 it raised a DeepwrightError, 4 another."""
    from deepwright.core.errors import DeepwrightError

    child = os.fork()
    if child == 0:
        code = 4
        try:
            act()
            code = 0
        except DeepwrightError as error:
            code = 3 if "\n" not in str(error) else 5
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
