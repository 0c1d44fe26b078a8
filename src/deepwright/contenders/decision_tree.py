"""Decision tree: questions to one column at a time, as many as cross-validation finds worth asking; shown as text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import Clock, Rows, Values, affordable, by_folds, shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import Lesson, lesson, listed, predictions, said, softened
from deepwright.contenders._model import by_column
from deepwright.contenders._trees import Trees, node_values
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.files import boundary, read_json, write_json, write_text
from deepwright.core.task import TargetTask

_SIZES = (2, 4, 8, 16, 32, 64, 128)
"""Numbers of leaves that the search climbs, beginning at 8."""


@final
class DecisionTree(Contender):
    """CART (Breiman et al. 1984) by scikit-learn; one row spread over all classes softens the
    probabilities of each leaf. Missing numbers become the mean, with a column that says so;
    texts are reduced to 64 topics."""

    name = "decision_tree"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How large the tree may be."""

        leaves: int | None = Field(default=None, ge=2)
        """Most leaves, from 2; None: chosen among 2 to 128 by cross-validation on the training rows."""
        depth: int | None = Field(default=None, ge=1)
        """Most questions in a row, from 1; None: no limit of its own."""
        smallest_leaf: int = Field(default=3, ge=1)
        """Rows in the smallest leaf, from 1."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> DecisionTreeModel:
        clock = Clock(brief.seconds, brief.note)
        learnt = lesson(brief.task, train)
        design = Design.fit(brief.encoding, learnt.frame, scaled=False, dense=True, seed=brief.seed)
        x = np.asarray(design.rows(learnt.frame)).astype(np.float32)

        def grow(leaves: int, rows: Rows) -> Trees:
            return self._grow(x[rows], learnt.take(rows), leaves, brief.seed)

        def values(leaves: int, rows: Rows) -> Values:
            tree = grow(leaves, rows)
            return lambda held: tree.values(x[held])

        sizes, start = (_SIZES, _SIZES.index(8)) if self.options.leaves is None else ((self.options.leaves,), 0)
        leaves = by_folds(sizes, start, values, learnt.y, brief.seed, clock)
        rows = affordable(learnt.y, lambda some: grow(leaves, some), clock, brief.seed)
        return DecisionTreeModel(brief.task, design, grow(leaves, rows), shortened(len(rows), len(learnt)))

    def _grow(self, x: np.ndarray, learnt: Lesson, leaves: int, seed: int) -> Trees:
        tree = _estimator(learnt.task.name)(
            max_leaf_nodes=leaves,
            max_depth=self.options.depth,
            min_samples_leaf=self.options.smallest_leaf,
            random_state=seed,
        )
        fitted = tree.fit(x, learnt.codes if learnt.task.name == "classification" else learnt.y)
        classes = None if learnt.task.name == "regression" else fitted.classes_
        values = node_values(fitted, learnt.task.name, learnt.y.shape[1], classes)
        if classes is not None:
            values = softened(values, fitted.tree_.n_node_samples[:, None], learnt.task.name)
        return Trees.of([fitted], [values])

    @classmethod
    def load(
        cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()
    ) -> DecisionTreeModel:
        design = Design.load(folder, encoding)
        outputs = 1 if task.name == "regression" else task.outcomes
        with boundary(folder / "decision_tree.json"):
            note = str(read_json(folder / "decision_tree.json")["note"])
        return DecisionTreeModel(task, design, Trees.load(folder, len(design.names), outputs), note)


@final
class DecisionTreeModel(Model):
    """One tree over the columns of a design."""

    def __init__(self, task: TargetTask, design: Design, tree: Trees, note: str) -> None:
        self._task = task
        self._design = design
        self._tree = tree
        self._note = note

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self._task, self._tree.values(np.asarray(self._design.rows(frame))))

    def explain(self) -> str:
        if self._tree.leaf_count == 1:
            return f"decision tree without a question: always {self._said(0)}.{self._note}"
        first = self._condition(0, left=False)
        shares = sorted(self.importances().items(), key=lambda entry: -entry[1])
        used = [column for column, share in shares if share > 0]
        return f"decision tree of {self._tree.leaf_count} leaves over {listed(used)}; first asks {first}.{self._note}"

    def to_rules(self) -> str:
        """The whole tree as indented text that a person can follow; missing numbers count as their column's mean."""
        lines: list[str] = []
        todo = [(0, "", "")]
        while todo:
            node, indent, head = todo.pop()
            inner = self._tree.left[node] >= 0
            lines.append(f"{indent}{head}" if inner else f"{indent}{head} {self._said(node)}".rstrip())
            deeper = indent + "  " if head else indent
            if inner:
                todo.append((int(self._tree.right[node]), deeper, "otherwise:"))
                todo.append((int(self._tree.left[node]), deeper, f"if {self._condition(node, left=True)}:"))
        return "\n".join(line for line in lines if line.strip())

    def explain_rows(self, frame: pl.DataFrame) -> list[str]:
        """For each row the answers that led to its leaf."""
        rows = np.asarray(self._design.rows(frame)).astype(np.float32)
        return [self._way(self._tree.path(row)) for row in rows]

    def importances(self) -> dict[str, float]:
        """Share of the questions of the tree that go to each input column, early ones weighing more."""
        weights = np.zeros(len(self._design.names))
        level = {0: 1.0}
        for node in range(len(self._tree.left)):
            if self._tree.left[node] >= 0:
                weights[self._tree.feature[node]] += level[node]
                level[int(self._tree.left[node])] = level[int(self._tree.right[node])] = level[node] / 2
        return by_column(self._design, weights)

    def save(self, folder: Path) -> None:
        self._design.save(folder)
        self._tree.save(folder)
        write_json(folder / "decision_tree.json", {"note": self._note})
        write_text(folder / "tree.txt", self.to_rules() + "\n")

    def _way(self, path: list[int]) -> str:
        steps = [self._condition(node, left=self._tree.left[node] == down) for node, down in itertools.pairwise(path)]
        said = self._said(path[-1])
        return f"{said}, because {' and '.join(steps)}" if steps else said

    def _condition(self, node: int, *, left: bool) -> str:
        name = self._design.names[self._tree.feature[node]]
        column = self._design.columns[self._tree.feature[node]]
        threshold = self._tree.threshold[node]
        if name != column and threshold == 0.5:  # a column of zeros and ones, named for what 1 says
            return f"not {name}" if left else name
        return f"{name} {'<=' if left else '>'} {threshold:.6g}"

    def _said(self, node: int) -> str:
        return said(self._task, self._tree.value[node])


def _estimator(task: str) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    return DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
