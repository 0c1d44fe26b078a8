"""Data that is there for one column: nobody has to name it, and anyone may name another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.api.ground import make_ground
from deepwright.api.telling import Teller
from deepwright.core.errors import RecipeError
from deepwright.core.recipe import Recipe


def asked(source: str, **task: object) -> tuple[str, str | None]:
    ground = make_ground(Recipe.model_validate({"data": {"source": source}, "task": task}), source, Teller())
    return ground.task.name, ground.recipe.task.target


def test_a_folder_of_class_folders_needs_no_target(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / name / f"{i}.png")
    assert asked(str(tmp_path)) == ("classification", "class")


def test_bundled_sets_know_theirs_and_a_task_without_one_takes_none() -> None:
    assert asked("penguins") == ("classification", "species")
    assert asked("penguins", target="sex")[1] == "sex"
    assert asked("penguins", name="clustering") == ("clustering", None)


def test_a_table_of_ones_own_asks_what_it_asked_before(tmp_path: Path) -> None:
    pl.DataFrame({"a": [0.1 * i for i in range(60)], "b": [i % 7 for i in range(60)]}).write_csv(tmp_path / "t.csv")
    with pytest.raises(RecipeError, match="name the column to predict"):
        asked(str(tmp_path / "t.csv"))
