"""Reading: a million rows of twenty columns, CSV and Parquet, to training tensors, against polars reading alone.

Every measurement is a process of its own, the ways take turns, medians are compared. Seconds are wall-clock; "memory"
is the peak above what the process held before it began, as a multiple of the tensors (or of the table) it ends with.
Before the clock starts, each way has read a table of a thousand rows: imports and first calls are nobody's reading.

    python benchmarks/read.py [--rows 1000000] [--runs 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

ALLOWED = 1.3
"""Times polars' own reading that reading to tensors may take."""
ALLOWED_MEMORY = 2.0
"""Times the tensors that the peak may be."""

TEXTS = ("town", "fuel", "colour")
INTEGERS = ("rooms", "year", "floor", "doors")


def make(folder: Path, rows: int) -> None:
    """Twelve numbers, four integers, three categories and a target, as CSV and Parquet."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {f"x{i}": rng.normal(size=rows).round(4) for i in range(12)}
    columns |= {name: rng.integers(0, 1000, rows) for name in INTEGERS}
    words = np.array(["red", "green", "blue", "a longer value"])
    columns |= {name: words[rng.integers(0, 4, rows)] for name in TEXTS}
    columns["y"] = rng.normal(size=rows).round(3)
    frame = pl.DataFrame(columns)
    for name, part in (("t", frame), ("small", frame.head(1000))):
        part.write_csv(folder / f"{name}.csv")
        part.write_parquet(folder / f"{name}.parquet")


def polars_alone(path: str) -> int:
    import polars as pl

    frame = pl.read_csv(path) if path.endswith(".csv") else pl.read_parquet(path)
    return int(frame.estimated_size())


def table(path: str) -> int:
    from deepwright.sources import open_table

    return int(open_table(path).frame.estimated_size())


def tensors(path: str) -> int:
    import torch

    from deepwright.core.recipe import DataRecipe
    from deepwright.prepare.encoding import fit_encoding
    from deepwright.prepare.infer import infer_kinds
    from deepwright.sources import open_table

    frame = open_table(path).frame
    fitted = fit_encoding(frame, infer_kinds(frame), "y", DataRecipe(source=path))
    batch = {name: torch.from_numpy(array) for name, array in fitted.encoding.tensors(frame).items()}
    return sum(tensor.nbytes for tensor in batch.values())


def pyarrow_alone(path: str) -> int:
    import pyarrow.csv
    import pyarrow.parquet

    read = pyarrow.csv.read_csv if path.endswith(".csv") else pyarrow.parquet.read_table
    return int(read(path).nbytes)


def pandas_pipeline(path: str) -> int:
    """What many write: pandas, scaled numbers and category codes, a float32 tensor."""
    import numpy as np
    import pandas
    import torch
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    frame = pandas.read_csv(path) if path.endswith(".csv") else pandas.read_parquet(path)
    inputs = frame.drop(columns="y")
    numbers = [name for name in inputs.columns if name not in TEXTS]
    pipeline = ColumnTransformer([("numbers", StandardScaler(), numbers), ("texts", OrdinalEncoder(), list(TEXTS))])
    return torch.from_numpy(pipeline.fit_transform(inputs).astype(np.float32)).nbytes


WAYS: dict[str, Callable[[str], int]] = {
    "polars": polars_alone,
    "deepwright table": table,
    "deepwright tensors": tensors,
    "pyarrow": pyarrow_alone,
    "pandas + scikit-learn": pandas_pipeline,
}


def measure(way: str, path: str) -> dict[str, float]:
    """One run in this process: seconds, CPU seconds, bytes of the result and of the peak above the start."""
    WAYS[way](str(Path(path).with_stem("small")))
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _status("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    size = WAYS[way](path)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"seconds": wall, "cpu": cpu, "size": size, "peak": _status("VmHWM") - before}


def _status(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def _in_a_process(way: str, path: str) -> dict[str, float] | None:
    command = [sys.executable, __file__, "--measure", way, "--path", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{way}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return dict(json.loads(done.stdout))


def compare(folder: Path, runs: int) -> list[dict[str, Any]]:
    """One object a format and way, medians over `runs` turns; a way that cannot run here is left out."""
    results = []
    for name in ("t.csv", "t.parquet"):
        turns = [{way: _in_a_process(way, str(folder / name)) for way in WAYS} for _ in range(runs)]
        for way in WAYS:
            pairs = [(turn[way], turn["polars"]) for turn in turns]
            both = [(got, alone) for got, alone in pairs if got is not None and alone is not None]
            if not both:
                continue
            middle = {key: statistics.median(got[key] for got, _ in both) for key in both[0][0]}
            ratios = sorted(got["seconds"] / alone["seconds"] for got, alone in both)
            busy = statistics.median(got["cpu"] / alone["cpu"] for got, alone in both)
            ratio = {"ratio": statistics.median(ratios), "ratios": ratios, "cpu_ratio": busy}
            results.append({"format": name[2:], "way": way, **middle, **ratio})
    return results


def show(results: list[dict[str, Any]], rows: int) -> None:
    print(f"{rows:,} rows × 20 columns, {os.cpu_count()} cores")
    columns = (
        ("seconds", 8),
        ("CPU s", 7),
        ("× polars", 9),
        ("spread", 12),
        ("× CPU", 6),
        ("peak MiB", 9),
        ("memory", 8),
    )
    print(f"{'format':8} {'way':22} " + " ".join(f"{name:>{width}}" for name, width in columns))
    for r in results:
        spread = f"{r['ratios'][0]:.2f}-{r['ratios'][-1]:.2f}"
        print(
            f"{r['format']:8} {r['way']:22} {r['seconds']:8.2f} {r['cpu']:7.2f} {r['ratio']:9.2f} {spread:>12} "
            f"{r['cpu_ratio']:6.2f} {r['peak'] / 2**20:9.0f} {r['peak'] / r['size']:7.1f}×"
        )
    for r in results:
        if r["way"] == "deepwright tensors":
            kept = "kept" if r["ratio"] <= ALLOWED and r["peak"] <= ALLOWED_MEMORY * r["size"] else "not kept"
            print(f"{r['format']}: ≤ {ALLOWED} × polars and ≤ {ALLOWED_MEMORY} × the tensors: {kept}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.path)))
        return
    with tempfile.TemporaryDirectory() as place:
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import pathlib, read; "
        code += f"read.make(pathlib.Path({place!r}), {given.rows})"
        subprocess.run([sys.executable, "-c", code], check=True)
        results = compare(Path(place), given.runs)
    if given.json:
        print(json.dumps({"rows": given.rows, "results": results}))
    else:
        show(results, given.rows)


if __name__ == "__main__":
    main()
