"""Rule induction: a small decision tree over the raw columns, written as a rules.yaml that a person may edit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deepwright.contenders._lesson import labels, lesson
from deepwright.contenders._pieces import as_numbers
from deepwright.core.encoding import Encoding
from deepwright.core.errors import DataError
from deepwright.core.task import TargetTask
from deepwright.kinds._shared import texts

_MOST_VALUES = 30
"""Values of a category column that are asked for, the most frequent ones."""
_SMALLEST_LEAF = 5


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A number column (value None), or whether a column has this value (cells 1 and 0); (n,) float64, NaN missing."""

    column: str
    value: str | None
    cells: np.ndarray


def induce(train: pl.DataFrame, task: TargetTask, encoding: Encoding, *, leaves: int = 8, seed: int = 0) -> str:
    """The text of a rules.yaml with one rule for each of at most `leaves` leaves of a CART (Breiman et al. 1984).

    It asks number and category columns. The rules exclude one another; together they cover every row without a missing
    cell, and the default covers the rest. Confidences are the leaves' shares of the training rows.
    Raises DataError where no row has a target, or no column can be asked.
    """
    learnt = lesson(task, train)
    asked = [one for encoder in encoding.encoders for one in _asked(learnt.frame.get_column(encoder.column))]
    if not asked:
        raise DataError("rules can ask numbers and categories, and there is no such column.")
    x = np.stack([one.cells for one in asked], axis=1)
    complete = ~np.isnan(x).any(axis=1)
    if complete.sum() < 2 * _SMALLEST_LEAF:
        complete = np.ones(len(x), dtype=bool)
    x, y = np.nan_to_num(x[complete]), learnt.y[complete]
    tree = _grown(x, y, task.name, leaves, seed)
    reached = tree.apply(x)
    lines = [
        "# Induced from the training rows; edit freely.",
        "conflict: first_match",
        f"default: {_outcome(task, learnt.y.mean(axis=0))}",
        "rules:",
    ]
    for number, (leaf, bounds) in enumerate(_leaves(tree.tree_), start=1):
        lines += _rule(task, f"leaf {number}", y[reached == leaf], _conditions(asked, bounds))
    return "\n".join(lines) + "\n"


def _asked(column: pl.Series) -> list[_Asked]:
    if column.dtype.is_numeric():
        return [_Asked(column=column.name, value=None, cells=as_numbers(column))]
    if column.dtype not in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return []
    cells = texts(column)
    counts = cells.drop_nulls().alias("value").value_counts(name="rows").filter(pl.col("rows") >= _SMALLEST_LEAF)
    values = counts.sort(["rows", "value"], descending=[True, False])["value"].to_list()
    if counts["rows"].sum() < len(cells) / 2:  # free text
        return []
    return [
        _Asked(column=column.name, value=value, cells=(cells == value).cast(pl.Float64).fill_null(np.nan).to_numpy())
        for value in values[:_MOST_VALUES]
    ]


def _grown(x: np.ndarray, y: np.ndarray, task: str, leaves: int, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    grower = DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
    tree = grower(max_leaf_nodes=max(2, leaves), min_samples_leaf=min(_SMALLEST_LEAF, len(x)), random_state=seed)
    return tree.fit(x, y.argmax(axis=1) if task == "classification" else y)


def _leaves(tree: Any) -> list[tuple[int, dict[int, tuple[float, float]]]]:
    """Each leaf with the bounds low < cell <= high that its way down sets on each column asked."""
    found = []
    todo: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while todo:
        node, bounds = todo.pop()
        if tree.children_left[node] < 0:
            found.append((node, bounds))
            continue
        column, cut = int(tree.feature[node]), float(tree.threshold[node])
        low, high = bounds.get(column, (-np.inf, np.inf))
        todo.append((int(tree.children_right[node]), {**bounds, column: (max(low, cut), high)}))
        todo.append((int(tree.children_left[node]), {**bounds, column: (low, min(high, cut))}))
    return found


def _conditions(asked: list[_Asked], bounds: dict[int, tuple[float, float]]) -> list[str]:
    settled = {asked[i].column for i, (low, _) in bounds.items() if asked[i].value is not None and low > 0}
    conditions = []
    for i, (low, high) in bounds.items():
        one = asked[i]
        name = f"`{one.column}`" if not one.column.isidentifier() else one.column
        if one.value is not None:
            if low > 0 or one.column not in settled:
                conditions.append(f'{name} {"==" if low > 0 else "!="} "{one.value}"')
            continue
        conditions += [f"{name} > {low!r}"] if np.isfinite(low) else []
        conditions += [f"{name} <= {high!r}"] if np.isfinite(high) else []
    return conditions or [f"{asked[0].column} is not missing"]


def _rule(task: TargetTask, name: str, rows: np.ndarray, conditions: list[str]) -> list[str]:
    answer = rows.mean(axis=0)
    lines = [f"  - name: {name}  # {len(rows)} training rows", "    if:", "      all:"]
    lines += [f"        - {json.dumps(condition, ensure_ascii=False)}" for condition in conditions]
    lines.append(f"    then: {_outcome(task, answer)}")
    if task.name == "classification" and answer.max() > 0.5:
        lines.append(f"    confidence: {answer.max():.3f}")
    return lines


def _outcome(task: TargetTask, answer: np.ndarray) -> str:
    if task.name == "regression":
        return f"{answer[0]:.6g}"
    names = labels(task)
    if task.name == "classification":
        return json.dumps(names[answer.argmax()], ensure_ascii=False)
    given = [name for name, share in zip(names, answer, strict=True) if share > 0.5]
    return json.dumps(given, ensure_ascii=False)
