"""Most frequent character: every character as often as the training texts have it, whatever stands before it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from deepwright.contenders._speech import SpeakingModel, Voice, characters_of, refuse_format
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, inside, read_json, write_json
from deepwright.core.task import Task
from deepwright.kinds.characters import FIRST, CharacterEncoder

_FORMAT = 1


@final
class MostFrequentCharacter(Contender):
    """p(c) = (times seen + 1) / (characters seen + V), of V known characters (Laplace): no model knows less."""

    name = "most_frequent_character"
    family = "rule"
    tasks = frozenset({"language_modelling"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> FrequencyModel:
        encoder = characters_of(brief.encoding)
        codes, _ = encoder.sequences(train.get_column(encoder.column))
        return FrequencyModel(encoder, np.bincount(codes[codes >= FIRST] - FIRST, minlength=len(encoder.characters)))

    @classmethod
    def load(cls, folder: Path, task: Task, encoding: Encoding, *, trust: Sequence[str] = ()) -> FrequencyModel:
        path = inside(folder, "frequencies.json")
        encoder = characters_of(encoding)
        with boundary(path):
            saved = read_json(path)
            refuse_format(saved["format"], _FORMAT, str(path))
            counts = np.array(saved["counts"], dtype=np.int64)
        if counts.shape != (len(encoder.characters),) or (counts < 0).any():
            raise RunError("expected how often each known character was seen.", where=str(path))
        return FrequencyModel(encoder, counts)


@final
class FrequencyModel(SpeakingModel):
    """`counts` (V,): how often training showed each character."""

    def __init__(self, encoder: CharacterEncoder, counts: np.ndarray) -> None:
        self.encoder = encoder
        self._counts = counts
        self._nats = np.log(counts.sum() + len(counts)) - np.log(counts + 1.0)  # (V,)

    def nats(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return self._nats[np.maximum(codes - FIRST, 0)]  # (N,)

    def voice(self, prompt: np.ndarray) -> Voice:
        while True:
            yield self._nats

    def save(self, folder: Path) -> None:
        write_json(folder / "frequencies.json", {"format": _FORMAT, "counts": self._counts})

    def explain(self) -> str:
        shares = np.exp(-self._nats)
        order = np.argsort(-shares, kind="stable")[:3]
        listed = ", ".join(f"{self.encoder.characters[i]!r} ({shares[i]:.1%})" for i in order)
        return f"Every character as often as in the training texts, whatever stands before it; most often {listed}."
