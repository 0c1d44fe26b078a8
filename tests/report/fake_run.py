"""A realistic run folder, made without any model: predictions are the truth with a contender's share of noise."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.find import find, names
from deepwright.evaluation.record import Record
from deepwright.explanation.mistakes import worst_mistakes
from deepwright.kinds._thumbnails import png

SKILL = {"majority": 0.0, "one_rule": 0.45, "linear": 0.9, "boosted_trees": 0.93, "tabm": 0.95}
FAMILY = {"majority": "rule", "one_rule": "rule", "linear": "classical", "boosted_trees": "classical", "tabm": "deep"}
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'
METRIC = {
    "binary": {"name": "accuracy", "title": "accuracy", "greater_is_better": True},
    "multiclass": {"name": "accuracy", "title": "accuracy", "greater_is_better": True},
    "regression": {"name": "rmse", "title": "RMSE", "greater_is_better": False},
    "tagging": {"name": "f1_micro", "title": "F1 (micro)", "greater_is_better": True},
}
TASK = {"binary": "classification", "multiclass": "classification", "regression": "regression", "tagging": "tagging"}


def fake_run(
    folder: Path,
    kind: str = "multiclass",
    *,
    rows: int = 344,
    classes: int = 3,
    extra_columns: int = 0,
    state: str = "done",
    hostile: bool = False,
    seed: int = 0,
) -> Path:
    """Write a run folder of one of the kinds binary, multiclass, regression, tagging; returns it.

    state "running" stops after the second contender, "failed" after the data was read; hostile puts HTML and
    scripts into every place that comes from the user's data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    frame, target = _frame(kind, rows, classes, extra_columns, hostile, rng)
    split = _split(rows, rng)
    _json(folder / "run.json", _run(kind, target, frame, split, state, hostile))
    (folder / "recipe.yaml").write_text(_recipe(target, hostile), encoding="utf-8")
    pl.DataFrame({"row": np.arange(rows), "part": split}).write_parquet(folder / "split.parquet")
    _json(folder / "schema.json", _schema(kind, frame, target, split))
    _json(folder / "facts.json", _facts(frame))
    if state != "failed":
        _contest(folder, kind, frame, target, split, state, rng)
    return folder


def _frame(
    kind: str, rows: int, classes: int, extra: int, hostile: bool, rng: np.random.Generator
) -> tuple[pl.DataFrame, str]:
    size = rng.normal(0, 1, rows)
    island = rng.choice(["Biscoe", "Dream", HOSTILE if hostile else "Torgersen"], rows, p=[0.5, 0.36, 0.14])
    columns: dict[str, Any] = {
        "bill_length_mm": np.round(43.9 + 5.4 * size + rng.normal(0, 1, rows), 1),
        "bill_depth_mm": np.round(17.2 - 1.5 * size + rng.normal(0, 1, rows), 1),
        "flipper_length_mm": np.round(200 + 12 * size + rng.normal(0, 4, rows)),
        (HOSTILE if hostile else "body_mass_g"): np.round(4200 + 700 * size + rng.normal(0, 200, rows), -1),
        "island": island,
        "sex": [
            None if m else s for m, s in zip(rng.random(rows) < 0.03, rng.choice(["male", "female"], rows), strict=True)
        ],
    }
    columns |= {f"measure_{i:03}": rng.normal(0, 1, rows) for i in range(extra)}
    labels = _labels(kind, classes, hostile)
    if kind == "regression":
        target, values = "price", np.round(250_000 + 60_000 * size + 20_000 * rng.standard_t(4, rows), -2)
    elif kind == "tagging":
        chance = 1 / (1 + np.exp(-(size[:, None] * rng.normal(0, 1.5, len(labels)) - 0.8)))
        hits = rng.random(chance.shape) < chance
        target, values = "topics", [[labels[k] for k in np.flatnonzero(row)] for row in hits]
    else:
        cuts = np.quantile(size, np.linspace(0, 1, len(labels) + 1)[1:-1])
        target, values = "species", [labels[k] for k in np.digitize(size, cuts)]
    frame = pl.DataFrame(columns).with_columns(pl.Series(target, values))
    return frame, target


def _labels(kind: str, classes: int, hostile: bool) -> list[str]:
    if kind == "binary":
        labels = ["no", "yes"]
    elif kind == "tagging":
        labels = ["sport", "politics", "science", "music", "travel"]
    else:
        labels = ["Adelie", "Chinstrap", "Gentoo", *(f"class {k:02}" for k in range(3, classes))][:classes]
    return [HOSTILE, *labels[1:]] if hostile else labels


def _split(rows: int, rng: np.random.Generator) -> np.ndarray:
    share = {"test": max(1, rows // 5), "valid": max(1, rows // 8)}
    parts = ["test"] * share["test"] + ["valid"] * share["valid"]
    return rng.permutation(np.array(parts + ["train"] * (rows - len(parts))))


def _run(kind: str, target: str, frame: pl.DataFrame, split: np.ndarray, state: str, hostile: bool) -> dict[str, Any]:
    counts = {part: int((split == part).sum()) for part in ("train", "valid", "test")}
    done = state == "done"
    return {
        "format": 1,
        "deepwright": "0.1.0",
        "name": HOSTILE if hostile else {"regression": "houses", "tagging": "news"}.get(kind, "penguins"),
        "state": state,
        "created": "2026-11-21T15:30:12+00:00",
        "finished": "2026-11-21T15:30:45+00:00" if done else None,
        "parent": None,
        "seconds": {"read": 0.1, "prepare": 0.2, "contest": 31.0, "judge": 1.2, "total": 33.0}
        if done
        else {"read": 0.1},
        "seed": 0,
        "versions": {"python": "3.11.9", "torch": "2.13.0", "polars": "2.1.0", "scikit-learn": "1.9.1"},
        "hardware": {"cpu": "Xeon", "cores": 2, "memory_gib": 24, "device": "cpu"},
        "data": {
            "source": f"/data/{HOSTILE}.csv" if hostile else "penguins.csv",
            "format": "csv",
            "fingerprint": "9f1c" * 16,
            "rows": frame.height,
            "columns": frame.width,
            "notes": ["2 empty rows skipped"],
        },
        "task": {
            "name": TASK[kind],
            "target": target,
            "why": f"column {target} holds what is asked",
            "metric": METRIC[kind],
            "why_metric": "classes are of similar size; choose another with --metric",
        },
        "split": {"how": f"drawn by {target}, seed 0", **counts},
        "checks": [
            {
                "id": "duplicates_across_splits",
                "severity": "warn",
                "message": "2 of 69 test rows also stand in the training rows.",
                "numbers": {"rows": 2},
                "remedy": "Split by group, or drop the duplicates.",
            },
            {"id": "target_leakage", "severity": "info", "message": "no column gives the target away.", "numbers": {}},
        ],
    }


def _recipe(target: str, hostile: bool) -> str:
    about = json.dumps(HOSTILE) if hostile else "fake"
    return (
        f"version: 1\nabout: {about}\ndata:\n  source: penguins.csv\n  split: {{test: 0.2, valid: 0.1, seed: 0}}\n"
        f"task:\n  name: auto\n  target: {target}\ncontenders:\n- rule\n- linear\n- boosted_trees\n- tabm\n"
        "time: 60.0\nseed: 0\n"
    )


def _schema(kind: str, frame: pl.DataFrame, target: str, split: np.ndarray) -> dict[str, Any]:
    columns = [
        {
            "name": column,
            "kind": _kind(frame[column]),
            "why": f"{frame[column].dtype} with many values",
            "role": "target" if column == target else "input",
            "describe": "as read",
            "missing": frame[column].null_count(),
            "distinct": 3,
        }
        for column in frame.columns
    ]
    task: dict[str, Any] = {"name": TASK[kind], "state": {}}
    if TASK[kind] in names("task"):
        train = frame[target].filter(pl.Series(split == "train"))
        task["state"] = find("task", TASK[kind]).fit(train, {}).state()
    return {
        "target": target,
        "format": "csv",
        "reading": {"delimiter": ","},
        "columns": columns,
        "task": task,
        "encoding": [],
    }


def _kind(column: pl.Series) -> str:
    return "number" if column.dtype.is_numeric() else "tags" if isinstance(column.dtype, pl.List) else "category"


def _facts(frame: pl.DataFrame) -> dict[str, Any]:
    facts = []
    for name in frame.columns:
        column = frame[name]
        fact: dict[str, Any] = {"name": name, "kind": _kind(column), "missing": column.null_count(), "distinct": 3}
        if column.dtype.is_numeric():
            counts, edges = np.histogram(column.to_numpy(), bins=10)
            fact |= {"minimum": column.min(), "maximum": column.max(), "mean": column.mean(), "median": column.median()}
            fact["histogram"] = {"edges": edges.tolist(), "counts": counts.tolist()}
        else:
            values = column.explode(empty_as_null=True) if isinstance(column.dtype, pl.List) else column
            top = values.drop_nulls().value_counts(sort=True).head(8)
            fact["top"] = [list(pair) for pair in top.iter_rows()]
        facts.append(fact)
    odd = [{"column": frame.columns[0], "what": "nearly constant", "evidence": "97 % of rows hold one value"}]
    return {"columns": facts, "suspicious": odd}


def _contest(
    folder: Path, kind: str, frame: pl.DataFrame, target: str, split: np.ndarray, state: str, rng: np.random.Generator
) -> None:
    entrants = ["majority", "one_rule"] if state == "running" else list(SKILL)
    tables: dict[str, list[pl.DataFrame]] = {"test": [], "valid": []}
    values: dict[str, list[float]] = {}
    for name in entrants:
        for part, frames in tables.items():
            where = np.flatnonzero(split == part)
            truth = frame[target][where.tolist()]
            predictions = _predict(kind, frame[target], truth, SKILL[name], rng)
            head = {"contender": [name] * len(where), "row": where}
            frames.append(pl.DataFrame(head).with_columns(truth.alias("truth")).hstack(predictions))
        values[name] = _bootstrap(kind, tables["test"][-1], rng)
        _json(folder / "contenders" / name / "scores.json", _scores(name, kind, values[name]))
    _log(folder, entrants, rng)
    if state == "running":
        return
    _json(folder / "contenders" / "svm" / "scores.json", {**_scores("svm", kind, None), "family": "classical"})
    pl.concat(tables["test"]).write_parquet(folder / "predictions.parquet")
    pl.concat(tables["valid"]).write_parquet(folder / "validation.parquet")
    _judge(folder, kind, values)
    _explain(folder, frame, target, tables["test"][2])
    if kind == "multiclass":
        _pictures(folder, frame, target)


def _predict(kind: str, column: pl.Series, truth: pl.Series, skill: float, rng: np.random.Generator) -> pl.DataFrame:
    rows = len(truth)
    if kind == "regression":
        spread = (1 - skill) * column.std() + 4000
        middle = skill * truth.to_numpy() + (1 - skill) * column.mean()
        return pl.DataFrame({"prediction": middle + (rng.normal(0, spread, rows) if skill else 0)})
    if kind == "tagging":
        tags = sorted(set(column.explode(empty_as_null=True).drop_nulls()))
        hit = np.array([[tag in row for tag in tags] for row in truth.to_list()])
        chance = np.clip(0.5 + (hit - 0.5) * skill + rng.normal(0, 0.25, hit.shape), 0.01, 0.99)
        chosen = [[tags[k] for k in np.flatnonzero(row > 0.5)] for row in chance]
        head = pl.DataFrame({"prediction": pl.Series(chosen, dtype=pl.List(pl.String))})
        return head.hstack(pl.DataFrame({f"p({tag})": chance[:, k] for k, tag in enumerate(tags)}))
    labels = sorted(set(column))
    logits = np.array([[3 * skill * (label == value) for label in labels] for value in truth]).reshape(rows, -1)
    logits = logits + (rng.gumbel(0, 1.0, logits.shape) if skill else 0) + np.array([1.0] + [0.0] * (len(labels) - 1))
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    head = pl.DataFrame({"prediction": [labels[k] for k in share.argmax(axis=1)], "probability": share.max(axis=1)})
    return head.hstack(pl.DataFrame({f"p({label})": share[:, k] for k, label in enumerate(labels)}))


def _bootstrap(kind: str, table: pl.DataFrame, rng: np.random.Generator) -> list[float]:
    truth, guess = table["truth"].to_list(), table["prediction"].to_list()
    if kind == "regression":
        rows, finish = np.square(np.array(truth) - np.array(guess)), np.sqrt
    elif kind == "tagging":
        rows, finish = (
            np.array([2 * len(set(t) & set(g)) / max(1, len(t) + len(g)) for t, g in zip(truth, guess, strict=True)]),
            float,
        )
    else:
        rows, finish = np.array([float(t == g) for t, g in zip(truth, guess, strict=True)]), float
    draws = [float(finish(rng.choice(rows, len(rows)).mean())) for _ in range(300)]
    return [float(finish(rows.mean())), float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))]


def _scores(name: str, kind: str, value: list[float] | None) -> dict[str, Any]:
    if value is None:
        return {"name": name, "family": "classical", "state": "out_of_time", "why": "its share of 12 s was not enough"}
    score, low, high = value
    metric = METRIC[kind]["name"]
    words = {
        "majority": "Always says the most frequent answer.",
        "one_rule": "If bill_length_mm < 43.2: Adelie, else Gentoo.",
    }
    scores = {
        "name": name,
        "family": FAMILY[name],
        "state": "done",
        "why": None,
        "score": score,
        "low": low,
        "high": high,
        "valid_score": score,
        "train": {metric: score},
        "valid": {metric: score},
        "test": {metric: score},
        "valid_loss": 0.3,
        "test_loss": 0.31,
        "fit_seconds": 0.01 + 12 * (name == "tabm") + 3 * (name == "boosted_trees"),
        "predict_microseconds_per_row": 0.4 + 40 * (name == "tabm"),
        "bytes": 420 + 123_456 * (name == "tabm"),
        "explain": words.get(name, f"{name} with its default settings."),
        "deep": None,
    }
    if name == "tabm":
        plan = {"optimizer": "adamw", "lr": 0.002, "batch": 256, "weight_decay": 0.0003, "patience": 16, "clip": None}
        scores["deep"] = {"network": "tabm", "parameters": 123_456, "plan": plan, "stopped": "patience", "epochs": 40}
        scores["deep"] |= {"steps": 400, "best_epoch": 24}
    return scores


def _log(folder: Path, entrants: list[str], rng: np.random.Generator) -> None:
    lines = []
    if "tabm" in entrants:
        for epoch in range(1, 41):
            train = 1.1 * np.exp(-epoch / 8) + 0.08 + 0.01 * rng.random()
            valid = train + 0.05 + max(0, epoch - 24) * 0.006 + 0.02 * rng.random()
            report = {"contender": "tabm", "step": 10 * epoch, "epoch": epoch, "train_loss": train, "valid_loss": valid}
            report |= {"valid_score": 1 - valid / 2, "lr": 2e-3, "gradient_norm": 1.2, "skipped": 0}
            lines.append(json.dumps(report) + "\n")
    (folder / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")


def _judge(folder: Path, kind: str, values: dict[str, list[float]]) -> None:
    metric = METRIC[kind]
    sign = 1 if metric["greater_is_better"] else -1
    ours, other = values["linear"][0], values["tabm"][0]
    _json(
        folder / "verdict.json",
        {
            "winner": "linear",
            "sentence": f"Use linear: {metric['title']} {ours:.3g}; the network's {other:.3g} is within chance.",
            "recommendation": "A network does not pay here: no better beyond chance, and 1,200 times slower to fit.",
            "metric": metric,
            "comparisons": [
                {
                    "a": "linear",
                    "b": name,
                    "difference": sign * (ours - v[0]),
                    "low": sign * (ours - v[0]) - 0.05,
                    "high": sign * (ours - v[0]) + 0.05,
                }
                for name, v in values.items()
                if name != "linear"
            ],
        },
    )
    finding = {
        "id": "overfitting",
        "title": "Overfitting",
        "severity": "warn",
        "contender": "tabm",
        "evidence": "validation loss rose from 0.13 (epoch 24) to 0.25 (epoch 40) while training loss fell on.",
        "numbers": {"best": 0.13, "last": 0.25},
        "cause": "The network goes on to learn the training rows by heart.",
        "remedy": "Stop earlier, or add weight decay.",
        "edit": {"contenders.tabm.training.weight_decay": 0.01, "contenders.tabm.training.patience": 10},
    }
    _json(
        folder / "findings.json",
        [{**finding, "id": "few_rows", "severity": "info", "title": "Few rows", "edit": None}, finding],
    )


def _explain(folder: Path, frame: pl.DataFrame, target: str, table: pl.DataFrame) -> None:
    inputs = [column for column in frame.columns if column != target]
    drops = [
        {"column": c, "drop": 0.3 / 2**i, "low": 0.25 / 2**i - 0.01, "high": 0.35 / 2**i + 0.01}
        for i, c in enumerate(inputs)
    ]
    _json(folder / "importance.json", {"contender": "linear", "metric": "accuracy", "columns": drops})
    rows = table["row"].to_numpy()
    predictions = table.drop("contender", "row", "truth")
    asked = frame[rows.tolist()]
    wrong = worst_mistakes(Record(folder).task, predictions, asked[target], asked.drop(target), rows)
    wrong.write_parquet(folder / "mistakes.parquet")


def _pictures(folder: Path, frame: pl.DataFrame, target: str) -> None:
    """As if each row had a picture, and "tabm" read it."""
    rng = np.random.default_rng(0)

    def small(*shape: int) -> bytes:
        return png(rng.integers(0, 256, shape, dtype=np.uint8))

    def said(*shape: int) -> str:
        return base64.b64encode(small(*shape)).decode()

    sheet = frame.with_row_index("row").sort(target, maintain_order=True).head(24)
    stored = [small(3, 20, 30), b"no picture", None] * 8
    pl.DataFrame({"row": sheet["row"], "label": sheet[target], "picture": stored[: sheet.height]}).write_parquet(
        folder / "contact_sheet.parquet"
    )
    wrong = pl.read_parquet(folder / "mistakes.parquet")
    shown = pl.Series("picture:photo", [small(1, 8, 8) for _ in range(wrong.height)], dtype=pl.Binary)
    wrong.with_columns(shown).write_parquet(folder / "mistakes.parquet")
    labels = [frame[target][0], frame[target].sort()[-1]]
    grid = np.round(rng.random((4, 4)), 3).tolist()
    looked_at = [
        {
            "how": how,
            "truth": labels[0],
            "prediction": label,
            "probability": 0.81,
            "name": "cats/1.png",
            "picture": said(1, 8, 8),
            "activation": grid,
            "occlusion": grid if how == "right" else None,
            "deletion": {"activation": {"marked": 0.31, "elsewhere": 0.04}},
        }
        for how, label in (("right", labels[0]), ("wrong", labels[1]))
    ]
    layer = {"name": "first", "kind": "Conv2d", "shape": [6, 8, 8], "parameters": 60, "multiply_adds": 3_456}
    block = [
        {"name": f"blocks.{i}.{name}", "kind": "Linear", "shape": [16], "parameters": 272, "multiply_adds": 256}
        for i in range(4)
        for name in ("up", "down")
    ]
    last = {"name": "output", "kind": "Linear", "shape": [3], "parameters": 51, "multiply_adds": 48}
    network = {"name": "tabm", "about": "as if", "reads": {"pictures": [[1, 8, 8]]}, "layers": [layer, *block, last]}
    strip = {"layer": "first", "shape": [6, 8, 8], "shown": 6, "strip": said(1, 8, 48)}
    exhibits = {
        "networks": [network],
        "augmented": {
            "steps": ["crop 4", "flip"],
            "pictures": [{"before": said(1, 8, 8), "after": [said(1, 8, 8)] * 5}],
        },
        "pictures": {
            "column": "photo",
            "filters": {"layer": "first", "count": 64, "kernel": [3, 3], "pictures": [said(1, 3, 3)] * 20},
            "maps": {"picture": said(1, 8, 8), "layers": [strip, strip]},
            "looked_at": looked_at,
        },
    }
    _json(folder / "contenders" / "tabm" / "exhibits.json", exhibits)


def _json(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
