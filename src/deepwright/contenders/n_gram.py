"""N-gram: the last few characters say what follows; shorter and shorter ones where training showed too few of them.

Witten and Bell, 1991, "The Zero-Frequency Problem" (their method C), as interpolated by Chen and Goodman, 1999:

    p(c | h) = (n(h c) + t(h) · p(c | h')) / (n(h) + t(h))        h' is h without its first character

n(h) counts how often the context h was seen, t(h) how many different characters followed it; below the empty context
stands 1 / V. A context that was never seen says nothing: p(c | h) = p(c | h').
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._grams import Grams
from deepwright.contenders._speech import SpeakingModel, Voice, characters_of
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.files import inside, read_tensors, write_tensors
from deepwright.core.task import Task
from deepwright.kinds.characters import FIRST, PADDING, CharacterEncoder


@final
class NGram(Contender):
    """Counts of n characters in a row with Witten-Bell back-off; n is the one that suits the validation rows best."""

    name = "n_gram"
    family = "classical"
    tasks = frozenset({"language_modelling"})

    class Options(Config):
        """The contender's keys in a recipe."""

        order: int | None = Field(default=None, ge=1, le=30)
        """n: a character and the n - 1 before it; None: the best on validation."""
        longest: int = Field(default=8, ge=1, le=30)
        """The largest n that is tried where `order` does not say it; larger ones take memory."""

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> NGramModel:
        assert isinstance(self.options, NGram.Options)
        encoder = characters_of(brief.encoding)
        codes, lengths = encoder.sequences(train.get_column(encoder.column))
        longest = self.options.order or self.options.longest
        grams = Grams.counted(codes, lengths, len(encoder.characters), longest)
        if self.options.order is None:
            brief.progress(0.5, f"choosing among 1 to {longest} characters")
            grams = grams.of_order(_best_order(grams, encoder, valid))
        return NGramModel(encoder, grams)

    @classmethod
    def load(cls, folder: Path, task: Task, encoding: Encoding, *, trust: Sequence[str] = ()) -> NGramModel:
        path = inside(folder, "grams.safetensors")
        encoder = characters_of(encoding)
        return NGramModel(encoder, Grams.load(read_tensors(path), len(encoder.characters), str(path)))


def _best_order(grams: Grams, encoder: CharacterEncoder, valid: pl.DataFrame) -> int:
    codes, lengths = encoder.sequences(valid.get_column(encoder.column))
    sums = [float(nats[codes >= FIRST].sum()) for nats in grams.nats_by_order(codes, lengths)]
    return 1 + int(np.argmin(sums))


@final
class NGramModel(SpeakingModel):
    """Counts of up to n characters in a row."""

    def __init__(self, encoder: CharacterEncoder, grams: Grams) -> None:
        self.encoder = encoder
        self._grams = grams

    def nats(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        *_, last = self._grams.nats_by_order(codes, lengths)
        return last  # (N,)

    def voice(self, prompt: np.ndarray) -> Voice:
        history = [PADDING, *prompt.tolist()]
        while True:
            history.append((yield self._grams.nats_after(history)))

    def save(self, folder: Path) -> None:
        write_tensors(folder / "grams.safetensors", self._grams.arrays())

    def explain(self) -> str:
        order, kept = self._grams.order, sum(len(counts) for counts in self._grams.arrays().values()) // 2
        return (
            f"{order}-gram: the last {order - 1} characters say what follows, from {kept:,} counts, with Witten-Bell."
        )
