"""Telling: what a run says while it works; plain lines, or a live line where someone is watching."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Teller:
    """Says nothing; the base that the others fill in."""

    def line(self, text: str) -> None:
        """A line that stays."""

    def progress(self, name: str, fraction: float | None, text: str) -> None:
        """The live line of `name`: share done (0 to 1, None unknown) and what is going on. Cheap to call often."""

    def clear(self) -> None:
        """The live line goes away."""


class Plain(Teller):
    """Kept lines on a stream, no live line: for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream

    def line(self, text: str) -> None:
        print(text, file=self.stream or sys.stderr, flush=True)


class Live(Plain):
    """Kept lines, and one line that is drawn over, at most ten times a second, with a bar and the time left."""

    _INTERVAL = 0.1

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._drawn = 0.0
        self._shown = False
        self._since: dict[str, float] = {}

    def line(self, text: str) -> None:
        self.clear()
        super().line(text)

    def progress(self, name: str, fraction: float | None, text: str) -> None:
        now = time.monotonic()
        started = self._since.setdefault(name, now)
        if now - self._drawn < self._INTERVAL:
            return
        self._drawn = now
        self._draw(f"  {name}  {_bar(fraction)}  {text}{_left(fraction, now - started)}")

    def clear(self) -> None:
        if self._shown:
            self._write("\r\033[2K")
            self._shown = False

    def _draw(self, text: str) -> None:
        import shutil

        width = shutil.get_terminal_size().columns - 1
        self._write("\r\033[2K" + text[:width])
        self._shown = True

    def _write(self, text: str) -> None:
        stream = self.stream or sys.stderr
        stream.write(text)
        stream.flush()


def teller(quiet: bool = False) -> Teller:
    """Live where standard error is a terminal, plain lines where it is not, silence when asked."""
    if quiet:
        return Teller()
    return Live() if sys.stderr.isatty() else Plain()


def duration(seconds: float) -> str:
    """9.3 s, 1 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def _bar(fraction: float | None, width: int = 20) -> str:
    if fraction is None:
        return "·" * width
    full = round(max(0.0, min(1.0, fraction)) * width)
    return "━" * full + "─" * (width - full)


def _left(fraction: float | None, spent: float) -> str:
    if not fraction or fraction < 0.05 or spent < 1:
        return ""
    return f"  ·  {duration(spent * (1 - fraction) / fraction)} left"
