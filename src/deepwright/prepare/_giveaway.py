"""Columns that give the target away: one alone, or two that add up or multiply to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from deepwright.kinds._shared import floats, is_blank, texts
from deepwright.prepare._order import order_of
from deepwright.prepare.checks import Check

_ROWS = 20_000
_LEAST = 30
"""Training rows below which nothing is said."""
_LEAST_MINORITY = 20
"""Rows outside the largest class below which nothing is said."""
_SUSPICIOUS, _CERTAIN = 0.99, 0.9999
_PAIR = 0.9999
_MOST_NUMBERS = 60
_MOST_CLASSES = 50


def giveaways(
    train: pl.DataFrame, kinds: Mapping[str, str], inputs: Sequence[str], target: str, task: str
) -> Iterator[Check]:
    """Checks for single columns, then for pairs (regression). At most 20,000 rows, spread evenly, are looked at.

    A column's score never uses a row to predict itself: neighbours in the column's order for numbers, the other rows
    of the same value for everything else. Times, and numbers that only count the rows, are left out: what is close
    in time is alike without any leak.
    """
    sample = train.gather_every(-(-train.height // _ROWS)) if train.height > _ROWS else train
    sample = sample.filter(~is_blank(sample.get_column(target)))
    if sample.height < _LEAST or task not in ("regression", "classification"):
        return
    answer = floats(sample.get_column(target)) if task == "regression" else _classes(sample.get_column(target))
    if task == "regression" and (not np.isfinite(answer).all() or answer.std() == 0):
        return
    if task == "classification" and len(answer) - np.bincount(answer).max() < _LEAST_MINORITY:
        return
    alone = set()
    for name in inputs:
        score, measure = _alone(sample.get_column(name), kinds[name], answer, task)
        if score > _SUSPICIOUS:
            alone.add(name)
            yield _single(name, score, measure, target)
    if task == "regression":
        numbers = [name for name in inputs if kinds[name] == "number" and name not in alone]
        yield from _pairs(sample, numbers, answer, target)


def _single(name: str, score: float, measure: str, target: str) -> Check:
    return Check(
        id=f"target_leakage:{name}",
        severity="error" if score >= _CERTAIN else "warn",
        message=f"column '{name}' alone gives '{target}' away: {measure} {score:.4f}",
        numbers={"score": score, "measure": measure},
        remedy=f"If '{name}' is not known before the answer is, leave it out: data.ignore: [{name}]. If it is, "
        f"allow it: allow: ['target_leakage:{name}'].",
    )


def _alone(column: pl.Series, kind: str, answer: np.ndarray, task: str) -> tuple[float, str]:
    """How well the column alone tells the answer, 0 to 1, and what that number is."""
    if kind in ("time", "tags", "id") or column.dtype.is_nested() or column.dtype == pl.Object:
        return 0.0, ""
    ordered = order_of(column) if kind == "number" else None
    if ordered is None:
        groups = _codes(column)
        if len(np.unique(groups)) > 0.5 * len(groups):
            return 0.0, ""
        others = _other_rows_of_group(groups, answer, task)
    elif _counts_rows(ordered):
        return 0.0, ""
    else:
        others = _neighbours(ordered, answer, task)
    if task == "regression":
        return 1 - float(((answer - others) ** 2).sum() / ((answer - answer.mean()) ** 2).sum()), "R² of held-out rows"
    largest = np.bincount(answer).max() / len(answer)
    skill = (float((others == answer).mean()) - largest) / (1 - largest)
    area = _area(ordered, answer) if ordered is not None and answer.max() == 1 else 0.0
    return (area, "ROC-AUC") if area > skill else (skill, "share of the mistakes of the largest class that it mends:")


def _counts_rows(values: np.ndarray) -> bool:
    """Strictly rising or falling through the file: a row number or a clock."""
    steps = np.diff(values[np.isfinite(values)])
    return len(steps) > 0 and (bool((steps > 0).all()) or bool((steps < 0).all()))


def _neighbours(values: np.ndarray, answer: np.ndarray, task: str) -> np.ndarray:
    """(B,) what the nearest rows in the order of (B,) values say: mean of two, or majority of four."""
    chance = np.random.default_rng(0).random(len(values))
    order = np.lexsort((chance, np.where(np.isnan(values), -np.inf, values)))
    told = answer[order]
    guess = np.empty(len(told), dtype=answer.dtype)
    if task == "regression":
        padded = np.concatenate([told[1:2], told, told[-2:-1]])
        guess[order] = (padded[:-2] + padded[2:]) / 2
        return guess
    votes = np.zeros((len(told), int(answer.max()) + 1))
    for step in (-2, -1, 1, 2):
        # Nearer rows weigh a little more, so that a vote of two against two is no draw.
        rows = np.clip(np.arange(len(told)) + step, 0, len(told) - 1)
        inside = rows == np.arange(len(told)) + step
        votes[np.flatnonzero(inside), told[rows[inside]]] += 1.1 if abs(step) == 1 else 1.0
    guess[order] = votes.argmax(axis=1)
    return guess


def _other_rows_of_group(groups: np.ndarray, answer: np.ndarray, task: str) -> np.ndarray:
    """(B,) what the other rows of the same value say: their mean, or their majority; alone, what all rows say."""
    sizes = np.bincount(groups)[groups]
    if task == "regression":
        sums = np.bincount(groups, answer)[groups]
        return np.where(sizes > 1, (sums - answer) / np.maximum(sizes - 1, 1), answer.mean())
    classes = int(answer.max()) + 1
    _, dense = np.unique(groups, return_inverse=True)
    table = np.bincount(dense * classes + answer, minlength=(dense.max() + 1) * classes).reshape(-1, classes)
    votes = table[dense].astype(np.float64)
    votes[np.arange(len(answer)), answer] -= 1
    return np.where(sizes > 1, votes.argmax(axis=1), np.bincount(answer).argmax())


def _area(values: np.ndarray, answer: np.ndarray) -> float:
    """ROC-AUC of the column's own order for two classes, whichever way round; NaN stand lowest."""
    placed = np.where(np.isnan(values), -np.inf, values)
    ranks = pl.Series(placed).rank("average").to_numpy()
    positive = answer == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    area = (float(ranks[positive].sum()) - ones * (ones + 1) / 2) / (ones * zeros)
    return max(area, 1 - area)


def _classes(column: pl.Series) -> np.ndarray:
    """(B,) int64, the commonest class 0; from the 50th on one for all the rest."""
    codes = _codes(column)
    rank = np.empty(codes.max() + 1, dtype=np.int64)
    rank[np.argsort(-np.bincount(codes), kind="stable")] = np.arange(len(rank))
    return np.minimum(rank, _MOST_CLASSES - 1)[codes]


def _codes(column: pl.Series) -> np.ndarray:
    """(B,) int64 from 0, missing as a value of its own."""
    return texts(column).fill_null("").rank("dense").cast(pl.Int64).to_numpy() - 1


def _pairs(sample: pl.DataFrame, numbers: list[str], answer: np.ndarray, target: str) -> Iterator[Check]:
    """Two columns whose weighted sum, or product, is the target; each pair of columns is named once."""
    if len(numbers) < 2:
        return
    columns = np.stack([floats(sample.get_column(name)) for name in numbers], axis=1)
    whole = np.isfinite(columns).all(axis=1)
    if whole.sum() < max(_LEAST + 20, 0.5 * len(whole)):
        return
    columns, answer = columns[whole], answer[whole]
    named: set[str] = set()
    for how in ("sum", "product"):
        if how == "product":
            positive = (columns > 0).all(axis=0)
            if (answer <= 0).any() or positive.sum() < 2:
                return
            numbers = [name for name, good in zip(numbers, positive, strict=True) if good]
            columns, answer = np.log(columns[:, positive]), np.log(answer)
        best = _best_pair(columns, answer)
        if best is None or named & {numbers[best[0]], numbers[best[1]]}:
            continue
        one, two, fit = best
        named |= {numbers[one], numbers[two]}
        formula = _formula(columns[:, [one, two]], answer, numbers[one], numbers[two], how)
        pair = sorted((numbers[one], numbers[two]), key=sample.columns.index)
        yield Check(
            id=f"target_leakage:{'+'.join(pair)}",
            severity="error",
            message=f"'{pair[0]}' and '{pair[1]}' together are '{target}': {formula} (R² {fit:.6f})",
            numbers={"r2": fit, "columns": pair},
            remedy=f"Leave both out unless they are known before the answer: data.ignore: [{', '.join(pair)}].",
        )


def _best_pair(columns: np.ndarray, answer: np.ndarray) -> tuple[int, int, float] | None:
    """The two of (B, N) columns whose best weighted sum is nearest to the answer, if it is all but equal to it.

    R² of two columns follows from three correlations, so no pair needs a fit of its own.
    """
    spread = columns.std(axis=0)
    usable = np.flatnonzero(spread > 1e-9 * (np.abs(columns).max(axis=0) + 1e-300))
    if len(usable) < 2 or answer.std() == 0:
        return None
    scaled = (columns[:, usable] - columns[:, usable].mean(axis=0)) / spread[usable]
    told = (answer - answer.mean()) / answer.std()
    with_answer = scaled.T @ told / len(told)
    kept = np.argsort(-np.abs(with_answer), kind="stable")[:_MOST_NUMBERS]
    between = scaled[:, kept].T @ scaled[:, kept] / len(told)
    best: tuple[float, int, int] | None = None
    for one, two in combinations(range(len(kept)), 2):
        shared = between[one, two]
        if 1 - shared**2 < 1e-6:
            continue
        a, b = with_answer[kept[one]], with_answer[kept[two]]
        fit = (a**2 + b**2 - 2 * a * b * shared) / (1 - shared**2)
        if fit > _PAIR and (best is None or fit > best[0]):
            best = (float(fit), one, two)
    return None if best is None else (int(usable[kept[best[1]]]), int(usable[kept[best[2]]]), min(best[0], 1.0))


def _formula(columns: np.ndarray, answer: np.ndarray, one: str, two: str, how: str) -> str:
    """ "casual + registered", "2.5 × width + 0.1 × height + 3", "price × amount", "distance^1 × time^-1"."""
    design = np.column_stack([columns, np.ones(len(answer))])
    first, second, constant = np.linalg.lstsq(design, answer, rcond=None)[0]
    if how == "product":
        pairs = ((one, first), (two, second))
        powers = [name if abs(power - 1) < 1e-3 else f"{name}^{power:.3g}" for name, power in pairs]
        factor = "" if abs(constant) < 1e-3 else f"{np.exp(constant):.4g} × "
        return factor + " × ".join(powers)
    terms = []
    for name, weight in sorted(((one, first), (two, second)), key=lambda term: term[1] < 0):
        size = name if abs(abs(weight) - 1) < 1e-6 else f"{abs(weight):.4g} × {name}"
        terms.append(("- " if weight < 0 else "+ ") + size)
    if abs(constant) > 1e-6 * (np.abs(answer).max() + 1e-300):
        terms.append(("- " if constant < 0 else "+ ") + f"{abs(constant):.4g}")
    return " ".join(terms).removeprefix("+ ")
