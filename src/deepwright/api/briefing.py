"""Briefing: what a contender of a run is told."""

from __future__ import annotations

from pathlib import Path

from deepwright.api.book import Book
from deepwright.api.ground import Ground
from deepwright.api.telling import Teller
from deepwright.core.contender import Brief


def brief_for(
    label: str,
    ground: Ground,
    book: Book,
    tell: Teller,
    seconds: float | None,
    seed: int,
    *,
    room: Path,
    log: bool = True,
) -> Brief:
    """What the contender `label` is told; `log`: whether its reports go into metrics.jsonl."""
    return Brief(
        task=ground.task,
        encoding=ground.encoding,
        metric=ground.metric.name,
        seconds=seconds,
        seed=seed,
        folder=room,
        log=(lambda report: book.log(label, report)) if log else (lambda report: None),
        rewind=(lambda step: book.rewind(label, step)) if log else (lambda step: None),
        progress=lambda fraction, text: tell.progress(label, fraction, text),
        memory=ground.recipe.data.memory,
    )
