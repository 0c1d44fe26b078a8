"""Real tables: the whole contest against the reference scores of a folder of data sets, and scikit-learn's own MLP.

    python benchmarks/tables.py [--data FOLDER] [--time 120s] [--json]

The data sets are not part of the project; without the folder this says so and ends.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deepwright as dw


@dataclass(frozen=True, kw_only=True)
class About:
    """A table: where, what to predict, how it is judged, and the best score in the data sets' own manifest."""

    file: str
    target: str
    metric: str
    reference: float | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


_CLASSES, _NUMBERS = "tabular_classification", "tabular_regression"
TABLES = {
    "titanic": About(file=f"{_CLASSES}/titanic/titanic.csv", target="Survived", metric="accuracy", reference=0.8070),
    "telco_churn": About(
        file=f"{_CLASSES}/telco_churn/Telco-Customer-Churn.csv", target="Churn", metric="roc_auc", reference=0.8452
    ),
    "pima_diabetes": About(
        file=f"{_CLASSES}/pima_diabetes/pima-indians-diabetes.csv",
        target="column_9",
        metric="accuracy",
        reference=0.7747,
        kinds={"column_9": "category"},
    ),
    "penguins": About(file=f"{_CLASSES}/penguins/penguins.csv", target="species", metric="accuracy", reference=0.9913),
    "creditcard": About(
        file="imbalanced/creditcard_fraud_sample/creditcard_sample.csv",
        target="Class",
        metric="average_precision",
        reference=0.9718,
        kinds={"Class": "category"},
    ),
    "california_housing": About(
        file=f"{_NUMBERS}/california_housing/housing.csv",
        target="median_house_value",
        metric="rmse",
        reference=48_000.0,
    ),
    "bike_sharing": About(
        file=f"{_NUMBERS}/bike_sharing/hour.csv",
        target="cnt",
        metric="rmse",
        reference=41.71,
        ignore=("casual", "registered", "instant"),
    ),
    "wine_red": About(
        file=f"{_NUMBERS}/wine_quality/winequality-red.csv",
        target="column_12",
        metric="rmse",
        kinds={"column_12": "number"},
    ),
    "wine_white": About(
        file=f"{_NUMBERS}/wine_quality/winequality-white.csv",
        target="column_12",
        metric="rmse",
        kinds={"column_12": "number"},
    ),
}
"""References come from five-fold cross-validation; the wine ones mix red and white and are left out."""


def one(name: str, folder: Path, time: str, runs: Path) -> dict[str, Any]:
    """The contest on one table; gives the winner's score with its interval, and the reference."""
    about = TABLES[name]
    run = dw.fit(
        folder / about.file,
        about.target,
        task="regression" if about.metric in ("rmse", "r2") else "classification",
        metric=about.metric,
        kinds=about.kinds,
        ignore=about.ignore,
        time=time,
        folder=runs / name,
        quiet=True,
    )
    scores = {row["name"]: row for row in run.scores.to_dicts()}
    best = scores[str(run.winner)]
    reference = about.reference
    return {
        "table": name,
        "metric": about.metric,
        "winner": run.winner,
        "score": best["score"],
        "low": best["low"],
        "high": best["high"],
        "network": scores.get("tabm", {}).get("score"),
        "reference": reference,
        "within": None if reference is None else _within(best, reference, about.metric),
    }


def _within(best: dict[str, Any], reference: float, metric: str) -> bool:
    """Whether the reference lies inside the interval, or the winner is better than it."""
    return best["low"] <= reference if metric == "rmse" else best["high"] >= reference


def main() -> None:
    """Print a table, or with --json an object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--time", default="120s")
    parser.add_argument("--only", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if not wanted.data.is_dir():
        print(f"No data sets in {wanted.data}: give their folder with --data.")
        return
    results = []
    with tempfile.TemporaryDirectory() as runs:
        for name in wanted.only:
            results.append(one(name, wanted.data, wanted.time, Path(runs)))
            if not wanted.json:
                r = results[-1]
                reference = f"{r['reference']:.5g}" if r["reference"] is not None else "none"
                network = f"{r['network']:.5g}" if r["network"] is not None else "none"
                print(
                    f"{name:<20} {r['metric']:<18} {r['winner']:<14} {r['score']:.5g} [{r['low']:.5g}, {r['high']:.5g}]"
                    f"  network {network}  reference {reference}  within: {r['within']}",
                    flush=True,
                )
    if wanted.json:
        print(json.dumps({"tables": results}))


if __name__ == "__main__":
    main()
