"""The default network against scikit-learn's own MLP with default settings: same rows, same columns, several seeds.

    python benchmarks/network_quality.py [--data FOLDER] [--seeds 3] [--only TABLE …] [--network tabm] [--json]

Both are fitted on the training rows of the same split (64 % train, 16 % validation, 20 % test, by the seed); the
network stops by the validation rows, the MLP does not use them, as it is by default. The MLP gets standardised numbers
and categories one-hot, and for numbers the better of the plain and the standardised target. The data sets are not part
of the project; without their folder this says so and ends.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deepwright.api.ground import Ground, make_ground
from deepwright.api.telling import Teller
from deepwright.contenders.network import NetworkContender
from deepwright.core.contender import Brief
from deepwright.core.recipe import DataRecipe, Recipe, SplitRecipe, TaskRecipe
from tables import TABLES, About

_MORE = {
    "bike_sharing_day": About(
        file="tabular_regression/bike_sharing/day.csv",
        target="cnt",
        metric="rmse",
        ignore=("casual", "registered", "instant"),
    )
}


def ground_of(about: About, folder: Path, seed: int) -> Ground:
    """The table split by this seed, encoded on its training rows."""
    recipe = Recipe(
        data=DataRecipe(
            source=str(folder / about.file),
            kinds=about.kinds,
            ignore=about.ignore,
            split=SplitRecipe(test=0.2, valid=0.16, seed=seed),
        ),
        task=TaskRecipe(
            name="regression" if about.metric == "rmse" else "classification", target=about.target, metric=about.metric
        ),
        seed=seed,
    )
    return make_ground(recipe, recipe.data.source, Teller())


def matrix(ground: Ground, part: str) -> np.ndarray:
    """(B, D) standardised numbers and one-hot codes; text columns as TF-IDF."""
    frame, encoding = ground.rows(part), ground.encoding
    batch = encoding.tensors(frame)
    blocks = [batch["number"]] if "number" in batch else []
    sizes = encoding.signature.categories
    blocks += [np.eye(size, dtype=np.float32)[batch["category"][:, c]] for c, size in enumerate(sizes)]
    for encoder in encoding.encoders:
        if any(field.form not in ("number", "category") for field in encoder.fields):
            block, _ = encoder.matrix(frame.get_column(encoder.column))
            blocks.append(block if isinstance(block, np.ndarray) else block.toarray())
    return np.concatenate(blocks, axis=1)


def theirs(ground: Ground, seed: int) -> tuple[float, float]:
    """Test score and CPU seconds of scikit-learn's MLP."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    target = ground.rows("train").get_column(ground.task.target)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that 200 epochs were not enough, which is its default
        if ground.task.name == "classification":
            fitted = MLPClassifier(random_state=seed).fit(matrix(ground, "train"), ground.task.encode(target))
            values = fitted.predict_proba(matrix(ground, "test"))
        else:
            fitted = MLPRegressor(random_state=seed).fit(matrix(ground, "train"), target.to_numpy())
            values = fitted.predict(matrix(ground, "test"))
            scaled = target.to_numpy().astype(float)
            again = MLPRegressor(random_state=seed)
            again.fit(matrix(ground, "train"), (scaled - scaled.mean()) / scaled.std())
            better = again.predict(matrix(ground, "test")) * scaled.std() + scaled.mean()
            truth = ground.rows("test").get_column(ground.task.target).to_numpy()
            if np.square(better - truth).mean() < np.square(values - truth).mean():
                values = better  # a target of its own size is no fair start: the better of both counts
    seconds = time.process_time() - started
    test = ground.rows("test")
    return ground.metric.score(ground.answers(ground.task.predictions(values), test)), seconds


def ours(ground: Ground, seed: int, options: dict[str, Any]) -> tuple[float, float, str]:
    """Test score, CPU seconds and the words of the network."""
    with tempfile.TemporaryDirectory() as folder:
        brief = Brief(
            task=ground.task,
            encoding=ground.encoding,
            metric=ground.metric.name,
            seconds=None,
            seed=seed,
            folder=Path(folder),
            log=lambda line: None,
            rewind=lambda step: None,
            progress=lambda share, text: None,
        )
        started = time.process_time()
        made = NetworkContender(NetworkContender.Options.model_validate(options))
        model = made.fit(ground.rows("train"), ground.rows("valid"), brief)
        seconds = time.process_time() - started
    test = ground.rows("test")
    return ground.metric.score(ground.answers(model.predict(test), test)), seconds, model.explain()


def compare(name: str, folder: Path, seeds: int, options: dict[str, Any]) -> dict[str, Any]:
    """Both on one table, over the seeds; `gain` is positive where the network is better, with Student's 95 %
    interval over the seeds; "not worse" means that the interval reaches 0."""
    from scipy.stats import t as student_t

    about = {**TABLES, **_MORE}[name]
    network, mlp, words, ground = [], [], "", None
    for seed in range(seeds):
        ground = ground_of(about, folder, seed)
        score, cpu, words = ours(ground, seed, options)
        network.append((score, cpu))
        mlp.append(theirs(ground, seed))
    assert ground is not None
    sign = 1.0 if ground.metric.greater_is_better else -1.0
    gains = sign * np.array([a[0] - b[0] for a, b in zip(network, mlp, strict=True)])
    spread = float(gains.std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else float("nan")
    reach = float(student_t.ppf(0.975, seeds - 1)) * spread if seeds > 1 else 0.0
    return {
        "table": name,
        "metric": ground.metric.name,
        "rows": len(ground.table),
        "network": float(np.mean([score for score, _ in network])),
        "network_cpu_seconds": float(np.mean([cpu for _, cpu in network])),
        "mlp": float(np.mean([score for score, _ in mlp])),
        "mlp_cpu_seconds": float(np.mean([cpu for _, cpu in mlp])),
        "gain": float(gains.mean()),
        "low": float(gains.mean() - reach),
        "high": float(gains.mean() + reach),
        "not_worse": bool(gains.mean() + reach >= 0),
        "explain": words,
    }


def main() -> None:
    """Print a table, or with --json an object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[*TABLES, *_MORE], choices=[*TABLES, *_MORE])
    parser.add_argument("--network", default="tabm")
    parser.add_argument("--options", type=json.loads, default={}, help='contender options as JSON, {"training": {…}}')
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if not wanted.data.is_dir():
        print(f"No data sets in {wanted.data}: give their folder with --data.")
        return
    results = []
    for name in wanted.only:
        results.append(compare(name, wanted.data, wanted.seeds, {"network": wanted.network, **wanted.options}))
        if not wanted.json:
            r = results[-1]
            print(
                f"{name:<19} {r['rows']:>6} {r['metric']:<18} network {r['network']:<10.5g} MLP {r['mlp']:<10.5g} "
                f"gain {r['gain']:+.4g} [{r['low']:+.3g}, {r['high']:+.3g}]  CPU s {r['network_cpu_seconds']:.0f} / "
                f"{r['mlp_cpu_seconds']:.0f}  not worse: {r['not_worse']}  {r['explain']}",
                flush=True,
            )
    if wanted.json:
        print(json.dumps({"tables": results}))


if __name__ == "__main__":
    main()
