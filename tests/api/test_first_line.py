"""Rules and classical contenders answer before PyTorch, seconds to load, is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import sys
from deepwright.api import telling
from deepwright.cli import main

def watched(self, text):
    print(text, flush=True)
    if text.startswith(f"  {sys.argv[1]} "):
        sys.exit("torch was loaded" if "torch" in sys.modules else 0)

telling.Plain.line = watched
sys.exit(main(sys.argv[2:]) or "the line was never told")
"""


@pytest.mark.parametrize(
    ("target", "last"),
    [
        pytest.param("price", "mean", id="regression", marks=pytest.mark.slow),
        pytest.param("colour", "majority", id="classification", marks=pytest.mark.slow),
        pytest.param("tags", "linear", id="tagging", marks=pytest.mark.slow),
    ],
)
def test_pytorch_waits_for_the_first_network(tmp_path: Path, target: str, last: str) -> None:
    rows = [
        {
            "size": i % 17,
            "colour": "red" if i % 3 else "blue",
            "price": 2.5 * (i % 17) + i % 5,
            "tags": ["a"] if i % 2 else ["b", "c"],
        }
        for i in range(90)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["fit", "rows.jsonl", "--target", target, "--contenders", "rule,linear,mlp"]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, last, *asked], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
