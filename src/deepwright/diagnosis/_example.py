"""Example: a small run folder made by hand, so that every diagnosis can show the mistake it looks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.files import json_bytes

if TYPE_CHECKING:
    import polars as pl

_METRIC = {"name": "accuracy", "title": "accuracy", "greater_is_better": True}


@dataclass(frozen=True, kw_only=True)
class Example:
    """What a run folder holds, as plain values (see docs/run-folder.md); `write` makes the folder.

    recipe, run, schema, facts, verdict: the files of that name.
    log:          lines of metrics.jsonl, as `curve` makes them.
    scores:       one object a contender, as `standing` makes them.
    predictions:  the test predictions of every contender, None for none.
    """

    recipe: Mapping[str, Any]
    run: Mapping[str, Any]
    schema: Mapping[str, Any]
    facts: Mapping[str, Any]
    log: Sequence[Mapping[str, Any]] = ()
    scores: Sequence[Mapping[str, Any]] = ()
    verdict: Mapping[str, Any] | None = None
    predictions: pl.DataFrame | None = None

    def but(
        self,
        *,
        recipe: Mapping[str, Any] = {},
        run: Mapping[str, Any] = {},
        facts: Mapping[str, Any] = {},
        verdict: Mapping[str, Any] = {},
        log: Sequence[Mapping[str, Any]] | None = None,
        scores: Sequence[Mapping[str, Any]] | None = None,
        predictions: pl.DataFrame | None = None,
    ) -> Example:
        """The same run with some of it changed; mappings are merged one level deep, the rest is replaced."""
        return replace(
            self,
            recipe={**self.recipe, **recipe},
            run={**self.run, **run},
            facts={**self.facts, **facts},
            verdict={**(self.verdict or {}), **verdict},
            log=self.log if log is None else log,
            scores=self.scores if scores is None else scores,
            predictions=self.predictions if predictions is None else predictions,
        )

    def write(self, folder: Path) -> Path:
        """Write the run into `folder`, which is made where it is missing; gives the folder."""
        import yaml

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(dict(self.recipe), sort_keys=False), encoding="utf-8")
        for name in ("run", "schema", "facts", "verdict"):
            if getattr(self, name) is not None:
                (folder / f"{name}.json").write_bytes(json_bytes(getattr(self, name)))
        (folder / "metrics.jsonl").write_bytes(b"".join(json_bytes(line) + b"\n" for line in self.log))
        for scores in self.scores:
            room = folder / "contenders" / scores["name"]
            room.mkdir(parents=True, exist_ok=True)
            (room / "scores.json").write_bytes(json_bytes(scores))
        if self.predictions is not None:
            self.predictions.write_parquet(folder / "predictions.parquet")
        return folder


def healthy_run(*, train: int = 700, valid: int = 100, test: int = 200, share: float = 0.5, seed: int = 0) -> Example:
    """A run with nothing wrong: two classes, "yes" in `share` of the rows; tabm clearly ahead of linear and majority.

    Its probabilities are calibrated: the truth is drawn from them.
    """
    predictions = calibrated_predictions(test, share=share, seed=seed)
    rows = train + valid + test
    yes = round(share * rows)
    return Example(
        recipe={
            "version": 1,
            "data": {"source": "made.csv"},
            "task": {"name": "classification", "target": "answer", "metric": "accuracy"},
            "contenders": ["rule", "linear", {"network": "tabm", "training": {"epochs": 40, "lr": 0.002}}],
            "time": 60.0,
        },
        run={
            "format": 1,
            "name": "made",
            "state": "done",
            "data": {"source": "made.csv", "format": "csv", "rows": rows, "columns": 3},
            "task": {"name": "classification", "target": "answer", "metric": _METRIC},
            "split": {"how": "stratified by answer", "train": train, "valid": valid, "test": test},
            "checks": [],
        },
        schema={
            "target": "answer",
            "columns": [
                {"name": "width", "kind": "number", "role": "input"},
                {"name": "height", "kind": "number", "role": "input"},
                {"name": "answer", "kind": "category", "role": "target"},
            ],
            "task": {"name": "classification", "state": _task_state(predictions)},
        },
        facts={
            "columns": [
                number_facts("width", low=0.0, high=2.0),
                number_facts("height", low=-1.0, high=3.0),
                {"name": "answer", "kind": "category", "distinct": 2, "top": [["yes", yes], ["no", rows - yes]]},
            ]
        },
        log=curve("tabm", falling(40)),
        scores=[
            standing("majority", "rule", max(share, 1 - share), test=test),
            standing("linear", "classical", 0.80, test=test),
            standing("tabm", "deep", 0.95, test=test),
        ],
        verdict={"winner": "tabm", "sentence": "Use tabm.", "metric": _METRIC, "comparisons": []},
        predictions=predictions,
    )


def standing(
    name: str, family: str, score: float, *, train: float | None = None, test: int = 200, plan: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """A contender's scores.json: `score` (a share, 0 to 1) on validation and test, `train` there (None: the same).

    The interval is the normal one for `test` rows; plan: a network's training options beside 40 epochs at 0.002.
    """
    half = 1.96 * math.sqrt(max(score * (1 - score), 1e-4) / max(test, 1))
    planned = {"epochs": 40, "time": None, "lr": 0.002, "weight_decay": 0.0, "patience": None, **plan}
    deep = {"network": name, "parameters": 1000, "plan": planned, "stopped": "epochs", "epochs": 40, "best_epoch": 40}
    return {
        "name": name,
        "family": family,
        "state": "done",
        "score": score,
        "low": max(0.0, score - half),
        "high": min(1.0, score + half),
        "valid_score": score,
        "train": {"accuracy": score if train is None else train},
        "valid": {"accuracy": score},
        "test": {"accuracy": score},
        "deep": deep if family == "deep" else None,
    }


def curve(
    contender: str,
    train: Sequence[float | None],
    valid: Sequence[float | None] | None = None,
    *,
    lr: float = 0.002,
    skipped: int = 0,
    update_ratio: float = 0.003,
) -> list[dict[str, Any]]:
    """Lines of a metric log, one an epoch; validation losses are the training ones and a tenth unless given."""
    valid = [None if loss is None else 1.1 * loss for loss in train] if valid is None else valid
    return [
        {
            "contender": contender,
            "step": 10 * epoch,
            "epoch": epoch,
            "train_loss": a,
            "valid_loss": b,
            "lr": lr,
            "gradient_norm": 1.0,
            "skipped": skipped,
            "update_ratio": update_ratio,
        }
        for epoch, (a, b) in enumerate(zip(train, valid, strict=True), start=1)
    ]


def falling(epochs: int, *, start: float = 0.7, end: float = 0.2, rate: float = 0.3) -> list[float]:
    """Losses that fall from `start` and level out at `end`, by `rate` an epoch."""
    return [end + (start - end) * math.exp(-rate * epoch) for epoch in range(epochs)]


def number_facts(name: str, *, low: float, high: float) -> dict[str, Any]:
    """A number column's summary, its values spread evenly from `low` to `high`."""
    edges = [low + (high - low) * i / 10 for i in range(11)]
    middle = (low + high) / 2
    return {
        "name": name,
        "kind": "number",
        "missing": 0,
        "distinct": 500,
        "minimum": low,
        "maximum": high,
        "mean": middle,
        "median": middle,
        "histogram": {"edges": edges, "counts": [100] * 10},
    }


def calibrated_predictions(rows: int, *, share: float = 0.5, seed: int = 0, contender: str = "tabm") -> pl.DataFrame:
    """Predictions of "yes" and "no" whose probabilities are true to their word: the truth is drawn from them."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(seed)
    chance = rng.beta(0.6 * share, 0.6 * (1 - share), rows)
    yes = rng.random(rows) < chance
    return pl.DataFrame(
        {
            "contender": [contender] * rows,
            "row": np.arange(rows),
            "truth": np.where(yes, "yes", "no"),
            "prediction": np.where(chance > 0.5, "yes", "no"),
            "probability": np.maximum(chance, 1 - chance),
            "p(no)": 1 - chance,
            "p(yes)": chance,
        }
    )


def _task_state(predictions: pl.DataFrame) -> dict[str, Any]:
    """The fitted task's state, of whatever form the installed one has."""
    import polars as pl

    from deepwright.core.find import find

    return find("task", "classification").fit(pl.Series("answer", ["no", "yes", *predictions["truth"]]), {}).state()
