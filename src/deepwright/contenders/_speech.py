"""Speech: what all contenders of a language model share, once they say how likely each next character is."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from deepwright.core.contender import Model, Order
from deepwright.core.encoding import Encoding
from deepwright.core.errors import DataError, RunError
from deepwright.kinds._shared import texts
from deepwright.kinds.characters import FIRST, PADDING, CharacterEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

Voice = Generator[np.ndarray, int, None]
"""Yields (V,) nats of each known character as the next one, is sent the code of the one that was taken."""

_BETWEEN = "\n\n" + "─" * 40 + "\n\n"
"""Stands between several generated texts."""


class Speaker(ABC):
    """Knows how likely each known character is after what was read; strangers are not its matter."""

    encoder: CharacterEncoder

    @abstractmethod
    def nats(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(N,) codes of all texts and (B,) their lengths → (N,) float64 surprise at each character, given those before
        it in its text; among the known characters it sums to 1. Anything where the character is not known."""

    @abstractmethod
    def voice(self, prompt: np.ndarray) -> Voice:
        """Goes on from (T,) codes of a prompt, character by character; has the chances that `nats` charges for."""


class SpeakingModel(Speaker, Model):
    """A model that predicts, generates and shows itself by what it knows as a speaker."""

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self, frame)

    def generate(self, order: Order) -> Iterator[str]:
        return speak(self, order)

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any]:
        return exhibits(self, frame) | (super().exhibits(frame) or {})


def characters_of(encoding: Encoding) -> CharacterEncoder:
    """The one column of text; raises DataError where it has no characters to learn from."""
    for encoder in encoding.encoders:
        if isinstance(encoder, CharacterEncoder):
            if not encoder.characters:
                raise DataError(
                    "the training texts are empty.", where=f"column '{encoder.column}'", remedy="Give text."
                )
            return encoder
    raise DataError("there is no column of characters.", remedy="Say which one: --kind COLUMN=characters.")


def with_starts(codes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N + B,) the same codes with a mark (padding) before each text, and (N,) where each code stands there."""
    places = np.arange(len(codes)) + np.repeat(np.arange(1, len(lengths) + 1), lengths)  # (N,)
    tokens = np.full(len(codes) + len(lengths), PADDING, dtype=np.int64)
    tokens[places] = codes
    return tokens, places


def charged(speaker: Speaker, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(N,) nats of each character, strangers included: that it is known, and which; or that it is new, and which."""
    encoder = speaker.encoder
    known = speaker.nats(codes, lengths) - np.log1p(-encoder.novelty) if len(codes) else np.zeros(0)
    return np.where(codes >= FIRST, known, encoder.stranger_nats)


def predictions(speaker: Speaker, frame: pl.DataFrame) -> pl.DataFrame:
    """One row a text: bits_per_character, nats of the whole text, characters; as language_modelling has them."""
    codes, lengths = speaker.encoder.sequences(frame.get_column(speaker.encoder.column))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    nats = np.bincount(rows, weights=charged(speaker, codes, lengths), minlength=len(lengths)).astype(np.float64)
    bits = nats / np.log(2.0) / np.maximum(lengths, 1)
    return pl.DataFrame({"bits_per_character": bits, "nats": nats, "characters": lengths.astype(np.int64)})


def speak(speaker: Speaker, order: Order) -> Iterator[str]:
    """The texts of an order, a character at a time."""
    prompt, _ = speaker.encoder.sequences(pl.Series([order.prompt]))
    for number in range(order.count):
        if number:
            yield _BETWEEN
        if order.prompt:
            yield order.prompt
        yield from itertools.islice(_characters(speaker, order, prompt, number), order.length)


def _characters(speaker: Speaker, order: Order, prompt: np.ndarray, number: int) -> Iterator[str]:
    rng = np.random.default_rng([order.seed, number])
    voice = speaker.voice(prompt)
    nats = next(voice)
    while True:
        taken = drawn(nats, order, rng)
        yield speaker.encoder.characters[taken]
        nats = voice.send(taken + FIRST)


def drawn(nats: np.ndarray, order: Order, rng: np.random.Generator) -> int:
    """Which of (V,) characters comes next: the likeliest at temperature 0, else a draw among the `top_k` likeliest."""
    ranked = np.argsort(nats, kind="stable")[: order.top_k]  # (K,) the likeliest first
    if order.temperature == 0:
        return int(ranked[0])
    with np.errstate(over="ignore"):
        powers = np.exp((nats[ranked[0]] - nats[ranked]) / order.temperature)  # (K,) the largest is 1
    summed = np.cumsum(powers)
    return int(ranked[min(np.searchsorted(summed, rng.random() * summed[-1], side="right"), len(ranked) - 1)])


# What there is to look at.

_CONTEXTS, _TOP, _SHOWN, _PASSAGE, _SAMPLE = 6, 5, 60, 420, 240


def exhibits(speaker: Speaker, frame: pl.DataFrame) -> dict[str, Any]:
    """{"speech": …}, what the figures of language_modelling look for, from validation rows; the same texts for all.

    next:     contexts with the character that follows and the five likeliest: [{context, truth, share, top}].
    passage:  a text and the bits of each of its characters: {text, bits}.
    position: mean bits by how many characters were read before: {starts, ends, bits, characters}.
    sample:   how it goes on from nothing.
    """
    column = texts(frame.get_column(speaker.encoder.column)).fill_null("")
    codes, lengths = speaker.encoder.sequences(column)
    bits = charged(speaker, codes, lengths) / np.log(2.0)  # (N,)
    long = column.filter(column.str.len_chars() >= 2)
    picked = [long[round(i * (len(long) - 1) / max(1, _CONTEXTS - 1))] for i in range(min(_CONTEXTS, len(long)))]
    speech = {
        "next": [_next(speaker, text, number) for number, text in enumerate(picked)],
        "passage": _passage(column, lengths, bits),
        "position": _by_position(lengths, bits),
        "sample": "".join(speak(speaker, Order(length=_SAMPLE, temperature=0.8))),
    }
    return {"speech": speech}


def _next(speaker: Speaker, text: str, number: int) -> dict[str, Any]:
    """The chances of what follows somewhere in the text; further on in it, the further on it stands in the list."""
    place = min(len(text) - 1, max(1, len(text) // 3 + 37 * number))
    before, _ = speaker.encoder.sequences(pl.Series([text[:place]]))
    share = np.exp(-next(speaker.voice(before)))  # (V,)
    known = speaker.encoder.characters
    top = [[known[i], round(float(share[i]), 4)] for i in np.argsort(-share, kind="stable")[:_TOP]]
    truth = text[place]
    given = float(share[known.index(truth)]) if truth in known else 0.0
    return {"context": text[:place][-_SHOWN:], "truth": truth, "share": round(given, 4), "top": top}


def _passage(column: pl.Series, lengths: np.ndarray, bits: np.ndarray) -> dict[str, Any]:
    row = int(np.argsort(lengths, kind="stable")[len(lengths) // 2]) if len(lengths) else 0
    start = int(lengths[:row].sum())
    shown = bits[start : start + min(_PASSAGE, int(lengths[row]) if len(lengths) else 0)]
    return {"text": column[row][:_PASSAGE] if len(column) else "", "bits": np.round(shown, 3).tolist()}


def _by_position(lengths: np.ndarray, bits: np.ndarray) -> dict[str, Any]:
    """Positions 0, 1, 2 to 3, 4 to 7, … as long as there are ten characters there."""
    places: NDArray[np.int64] = np.arange(len(bits)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # (N,)
    group = np.ceil(np.log2(places + 1)).astype(np.int64)  # 0: nothing before, 1: one, 2: two or three, …
    counts = np.bincount(group)
    kept = np.flatnonzero(counts >= 10)
    means = np.bincount(group, weights=bits)[kept] / counts[kept]
    first = np.where(kept == 0, 0, 2 ** np.maximum(kept - 1, 0))
    last = 2**kept - 1
    return {
        "starts": first.tolist(),
        "ends": last.tolist(),
        "bits": np.round(means, 4).tolist(),
        "characters": counts[kept].tolist(),
    }


def refuse_format(found: object, expected: int, where: str) -> None:
    """Raises RunError for a model file of another format."""
    if found != expected:
        raise RunError(f"expected format {expected}, got {found!r}.", where=where)
