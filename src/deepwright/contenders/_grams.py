"""Grams: how often runs of characters were seen, and what follows from it; sorted arrays, no tree.

A gram of k characters has a number; with a character behind it, it is looked up among those of k + 1 under
number · S + code. So each level is one sorted array of keys, and all positions of a text are looked up at once.

Axes: N characters, L tokens with a mark before each text, V known characters, S = V + 2 codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepwright.contenders._speech import with_starts
from deepwright.core.errors import RunError
from deepwright.kinds.characters import FIRST


@dataclass(frozen=True, kw_only=True)
class Level:
    """Runs of one more character than the contexts they begin with.

    keys:   (K,) int64 ascending: number of the context · S + code of the character.
    counts: (K,) int64 how often each was seen.
    """

    keys: np.ndarray
    counts: np.ndarray
    contexts: int
    symbols: int

    @cached_property
    def seen(self) -> np.ndarray:
        """(contexts,) n(h)."""
        return np.bincount(self.keys // self.symbols, weights=self.counts, minlength=self.contexts)

    @cached_property
    def kinds(self) -> np.ndarray:
        """(contexts,) t(h)."""
        return np.bincount(self.keys // self.symbols, minlength=self.contexts).astype(np.float64)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The number of each key, -1 where it is not there."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)

    def mixed(self, contexts: np.ndarray, counts: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """Witten and Bell's p(c | h) from n(h c) and the p(c | h') of the level below; contexts -1 say nothing."""
        seen, kinds = self.seen[contexts], self.kinds[contexts]
        told = (contexts >= 0) & (seen > 0)
        return np.where(told, (counts + kinds * lower) / np.where(told, seen + kinds, 1.0), lower)


class Grams:
    """Levels 1 to n; the context of the first is the empty one, of the second a single token, and so on."""

    def __init__(self, levels: Sequence[Level], known: int) -> None:
        self._levels = tuple(levels)
        self._known = known

    @property
    def order(self) -> int:
        """n: a character and the n - 1 before it."""
        return len(self._levels)

    @classmethod
    def counted(cls, codes: np.ndarray, lengths: np.ndarray, known: int, longest: int) -> Grams:
        """From training texts: (N,) codes and (B,) lengths, V known characters."""
        tokens, _ = with_starts(codes, lengths)
        symbols = known + FIRST
        levels: list[Level] = []
        contexts, size = np.zeros(len(tokens), dtype=np.int64), 1  # (L,) of the run before each token
        while len(levels) < longest:
            there = (contexts >= 0) & (tokens >= FIRST)  # (L,)
            keys, counts = np.unique(contexts[there] * symbols + tokens[there], return_counts=True)
            if levels and not len(keys):
                break  # no text is so long
            levels.append(Level(keys=keys, counts=counts, contexts=size, symbols=symbols))
            contexts, size = _contexts(levels[-1], len(levels), contexts, tokens)
        return cls(levels, known)

    def of_order(self, order: int) -> Grams:
        """The same counts, of shorter runs only."""
        return Grams(self._levels[:order], self._known)

    def nats_by_order(self, codes: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """(N,) surprise at each character by runs of 1, 2, … n characters."""
        tokens, places = with_starts(codes, lengths)
        contexts = np.zeros(len(tokens), dtype=np.int64)  # (L,)
        chance = np.full(len(tokens), 1.0 / self._known)  # (L,)
        for number, level in enumerate(self._levels, 1):
            found = np.where(contexts >= 0, level.find(contexts * level.symbols + tokens), -1)  # (L,)
            counts = np.where(found >= 0, level.counts[found], 0) if len(level.counts) else np.zeros(len(found))
            chance = level.mixed(contexts, counts, chance)
            yield -np.log(chance[places])
            contexts, _ = _contexts(level, number, contexts, tokens)

    def nats_after(self, history: Sequence[int]) -> np.ndarray:
        """(V,) surprise at each known character after these tokens, the mark before the text included."""
        chance = np.full(self._known, 1.0 / self._known)  # (V,)
        for number, level in enumerate(self._levels, 1):
            context = self._context(history[len(history) - number + 1 :], number)
            if context is None:
                break
            first, last = np.searchsorted(level.keys, [context * level.symbols, (context + 1) * level.symbols])
            counts = np.zeros(self._known)
            counts[level.keys[first:last] - context * level.symbols - FIRST] = level.counts[first:last]
            chance = level.mixed(np.full(self._known, context), counts, chance)
        return -np.log(chance)

    def _context(self, run: Sequence[int], number: int) -> int | None:
        """The number of a run as a context of that level; None where it was never seen or the text is shorter."""
        if number == 1:
            return 0
        if len(run) < number - 1:
            return None
        context = int(run[0])
        for level, token in zip(self._levels[1:], run[1:], strict=False):
            context = int(level.find(np.array([context * level.symbols + token]))[0])
            if context < 0:
                return None
        return context

    def arrays(self) -> dict[str, np.ndarray]:
        """Name → array, for safetensors."""
        keys = {f"keys_{k}": level.keys for k, level in enumerate(self._levels, 1)}
        return keys | {f"counts_{k}": level.counts for k, level in enumerate(self._levels, 1)}

    @classmethod
    def load(cls, arrays: Mapping[str, np.ndarray], known: int, where: str) -> Grams:
        """Rebuild from `arrays()`; raises RunError where they are not what was written."""
        order, symbols = len(arrays) // 2, known + FIRST
        expected = {f"{name}_{k}" for name in ("keys", "counts") for k in range(1, order + 1)}
        if not order or set(arrays) != expected:
            raise RunError("expected keys and counts of each level.", where=where)
        levels: list[Level] = []
        for k in range(1, order + 1):
            keys, counts = arrays[f"keys_{k}"], arrays[f"counts_{k}"]
            contexts = 1 if k == 1 else symbols if k == 2 else len(levels[-1].keys)
            if not _sound(keys, counts, contexts, symbols):
                raise RunError(f"the counts of runs of {k} characters are damaged.", where=where)
            levels.append(Level(keys=keys, counts=counts, contexts=contexts, symbols=symbols))
        return cls(levels, known)


def _contexts(level: Level, number: int, contexts: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, int]:
    """(L,) the contexts of the next level, each the run that ends before its token, -1 where there is none; how many
    there are. The first level's runs are the tokens themselves, so that the mark before a text is a context too."""
    if number == 1:
        runs, size = tokens, level.symbols
    else:
        found = level.find(contexts * level.symbols + tokens)
        runs, size = np.where((contexts >= 0) & (tokens >= FIRST), found, -1), len(level.keys)
    return np.concatenate([[-1], runs[:-1]]), size


def _sound(keys: np.ndarray, counts: np.ndarray, contexts: int, symbols: int) -> bool:
    if keys.dtype != np.int64 or counts.dtype != np.int64 or keys.ndim != 1 or keys.shape != counts.shape:
        return False
    if not len(keys):
        return True
    within = keys[0] >= 0 and keys[-1] < contexts * symbols and bool((keys[1:] > keys[:-1]).all())
    return within and bool((counts > 0).all()) and bool((keys % symbols >= FIRST).all())
