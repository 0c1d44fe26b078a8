"""Two processes learn what one would have learned."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import Listed, classes

from deepwright.blocks.stream import Batch, Stream
from deepwright.core.errors import RecipeError, RunError
from deepwright.streams.noised import Noised
from deepwright.streams.rows import Rows
from deepwright.streams.shared import Shared
from deepwright.training.processes import join

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def _python(*arguments: object, processes: int = 1, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What one process says, and what both of two say."""
    room = tmp_path_factory.mktemp("processes")
    for processes in (1, 2):
        done = _python(HERE / "shared_training.py", room / f"of{processes}", processes=processes)
        assert done.returncode == 0, done.stderr[-3000:]
    files = ("of1.0", "of2.0", "of2.1")
    return [json.loads((room / name).read_text(encoding="utf-8")) for name in files]


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["gpt", "gan", "noisy"])
def test_the_losses_are_those_of_one_process(told: list[dict[str, Any]], learner: str) -> None:
    alone, first, second = (found[learner] for found in told)
    assert len(alone["reports"]) == len(first["reports"]) > 3
    for one, two in zip(alone["reports"], first["reports"], strict=True):
        assert one[0] == two[0] and one[3] == two[3]
        assert one[1].keys() == two[1].keys()
        for part, loss in one[1].items():
            assert abs(loss - two[1][part]) <= 1e-6 * max(1.0, abs(loss)), (one[0], part)
    assert first["weights"] == second["weights"], "the two processes no longer have the same weights"
    assert torch.allclose(torch.tensor(alone["weights"]), torch.tensor(first["weights"]), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["gpt", "gan", "noisy"])
def test_two_processes_resume_to_the_bit(told: list[dict[str, Any]], learner: str) -> None:
    for found in told:
        after = [losses for _, losses, _, _ in found[learner]["reports"][2:]]
        assert found[learner]["resumed"] == after


@pytest.mark.slow
def test_a_process_that_fails_ends_the_others(tmp_path: Path) -> None:
    began = time.monotonic()
    done = _python(HERE / "shared_training.py", tmp_path / "out", "fail", processes=2)
    assert done.returncode != 0
    assert "fails on purpose" in done.stderr
    assert time.monotonic() - began < 120
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_other_with_a_clear_error(tmp_path: Path) -> None:
    """Without torchrun's help, which would end it anyway."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "OMP_NUM_THREADS": "1",
                 "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}  # fmt: skip
    command = [sys.executable, str(HERE / "shared_training.py"), str(tmp_path / "out"), "forever"]
    first, second = (
        subprocess.Popen(command, env={**os.environ, **place, "RANK": rank, "LOCAL_RANK": rank},
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    )  # fmt: skip
    assert first.stdout is not None
    try:
        assert first.stdout.readline() == "learning\n"
        second.kill()
        _, said = first.communicate(timeout=100)
    finally:
        first.kill()
        second.kill()
        second.communicate()
    assert first.returncode == 1
    assert "TrainingError: another process ended, or said nothing for too long" in said


@pytest.mark.slow
def test_the_script_of_the_docs_works_with_two_processes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "learn.py"
    file.write_text(script, encoding="utf-8")
    said = [_python(file, processes=processes, cwd=tmp_path) for processes in (1, 2)]
    assert [done.returncode for done in said] == [0, 0], said[-1].stderr[-3000:]
    numbers = [[float(word) for word in re.findall(r"loss (\S+)", done.stdout)] for done in said]
    assert len(numbers[0]) == len(numbers[1]) > 2
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)


def test_alone_there_is_one_process() -> None:
    with join() as place:
        assert place == (0, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_the_batch(count: int) -> None:
    data = classes(rows=7)
    shares = [next(Shared(Listed([data]), rank, count).batches(torch.nn.Identity(), torch.device("cpu")))
              for rank in range(count)]  # fmt: skip
    for name, column in data.items():
        assert torch.equal(torch.cat([share[name] for share in shares]), column)


def test_a_batch_of_few_rows_goes_to_all() -> None:
    data = classes(rows=2)
    for rank in range(3):
        share = next(Shared(Listed([data]), rank, 3).batches(torch.nn.Identity(), torch.device("cpu")))
        assert torch.equal(share["target"], data["target"])


def test_noise_belongs_to_the_batch_and_comes_back_exactly() -> None:
    data = classes(rows=7)

    def noised(seed: int = 0) -> Noised:
        return Noised(Rows(data, batch=3), (2, 4), seed=seed)

    def taken(stream: Stream, count: int) -> list[Batch]:
        return list(islice(stream.batches(torch.nn.Identity(), torch.device("cpu")), count))

    whole = taken(noised(), 5)
    assert [tuple(batch["noise"].shape) for batch in whole[:3]] == [(3, 2, 4), (3, 2, 4), (1, 2, 4)]
    assert not torch.equal(whole[0]["noise"], whole[1]["noise"])
    half, again = noised(), noised()
    taken(half, 2)
    again.restore(half.state())
    assert all(torch.equal(one["noise"], two["noise"]) for one, two in zip(taken(again, 3), whole[2:], strict=True))
    assert not torch.equal(taken(noised(seed=1), 1)[0]["noise"], whole[0]["noise"])
    with pytest.raises(RunError, match="noise of seed 0, here it is 1"):
        noised(seed=1).restore(half.state())


def test_a_rank_that_is_not_there_is_refused() -> None:
    with pytest.raises(RecipeError, match="rank from 0 to 1"):
        Shared(Listed([]), 2, 2)
