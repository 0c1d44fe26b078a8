"""The contest on 50,000 × 30 within its time, and its score against LightGBM alone on the same split.

python benchmarks/contest.py [--rows 50000] [--time 120] [--json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl

import deepwright as dw

COLUMNS = 30


def made(rows: int, seed: int = 0) -> pl.DataFrame:
    """A regression table: 24 numbers and 6 categories, interactions, steps and noise."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, COLUMNS - 6))
    codes = rng.integers(0, 8, size=(rows, 6))
    effects = rng.normal(size=(6, 8))
    y = numbers[:, 0] * numbers[:, 1] + np.sin(2 * numbers[:, 2]) + np.where(numbers[:, 3] > 0.5, 1.5, 0.0)
    y += 0.5 * numbers[:, 4:9].sum(axis=1) + effects[np.arange(6), codes].sum(axis=1) * 0.5 + rng.normal(size=rows)
    columns: dict[str, Any] = {f"x{i}": numbers[:, i] for i in range(numbers.shape[1])}
    columns |= {f"c{j}": np.array(list("abcdefgh"))[codes[:, j]] for j in range(6)}
    return pl.DataFrame(columns | {"y": y})


def lightgbm_alone(frame: pl.DataFrame, split: pl.DataFrame) -> float:
    """Test RMSE of LightGBM with its defaults and early stopping on the same rows."""
    encoded = frame.with_columns(pl.col(f"c{j}").cast(pl.Categorical).to_physical() for j in range(6))
    x, y = encoded.drop("y").to_numpy().astype(np.float64), frame["y"].to_numpy()
    part = {p: split.filter(pl.col("part") == p)["row"].to_numpy() for p in ("train", "valid", "test")}
    model = lightgbm.LGBMRegressor(n_estimators=2000, learning_rate=0.05, verbose=-1, n_jobs=2)
    model.fit(
        x[part["train"]],
        y[part["train"]],
        eval_set=[(x[part["valid"]], y[part["valid"]])],
        categorical_feature=list(range(COLUMNS - 6, COLUMNS)),
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    return float(np.sqrt(np.mean((model.predict(x[part["test"]]) - y[part["test"]]) ** 2)))


def main() -> None:
    """Print what was asked, what was taken, and both scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--time", type=float, default=120.0)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    frame = made(wanted.rows)
    with tempfile.TemporaryDirectory() as room:
        started = time.perf_counter()
        run = dw.fit(frame, "y", time=wanted.time, folder=Path(room) / "run", quiet=True)
        whole = time.perf_counter() - started
        alone = lightgbm_alone(frame, pl.read_parquet(Path(room) / "run" / "split.parquet"))
        contest = run.record.run.seconds["contest"]
        best = next(row for row in run.scores.to_dicts() if row["name"] == run.winner)
    result = {
        "rows": wanted.rows,
        "time": wanted.time,
        "contest_seconds": contest,
        "ratio": contest / wanted.time,
        "whole_seconds": whole,
        "winner": run.winner,
        "rmse": best["score"],
        "low": best["low"],
        "high": best["high"],
        "lightgbm_alone": alone,
        "not_worse": best["low"] <= alone,
    }
    if wanted.json:
        print(json.dumps(result))
        return
    print(f"contest {contest:.1f} s of {wanted.time:.0f} s allowed ({result['ratio']:.3f}); {whole:.1f} s in all")
    print(f"{run.winner}: RMSE {best['score']:.4f} [{best['low']:.4f}, {best['high']:.4f}]; LightGBM alone {alone:.4f}")


if __name__ == "__main__":
    main()
