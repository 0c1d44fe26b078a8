"""Rows of some values only: kept, said, and refused where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import deepwright as dw
from deepwright.api.ground import make_ground
from deepwright.api.telling import Teller
from deepwright.core.errors import DataError, NotFoundError
from deepwright.core.recipe import DataRecipe, Recipe, TaskRecipe

FRAME = pl.DataFrame(
    {
        "x": [float(i) for i in range(120)],
        "digit": [i % 4 for i in range(120)],
        "yes": [i % 2 == 0 for i in range(120)],
        "words": [[str(i)] for i in range(120)],
        "y": ["a" if i % 3 else "b" for i in range(120)],
    }
)


def ground(only: dict[str, Any], **data: Any) -> Any:
    recipe = Recipe(data=DataRecipe(source="frame", only=only, **data), task=TaskRecipe(target="y"))
    return make_ground(recipe, FRAME, Teller())


@pytest.mark.parametrize(
    ("only", "rows"),
    [({"digit": (1, 3)}, 60), ({"digit": ("1",)}, 30), ({"yes": (True,)}, 60), ({"digit": (0, 1), "yes": (True,)}, 30)],
)
def test_rows_of_other_values_are_left_out(only: dict[str, Any], rows: int) -> None:
    made = ground(only)
    assert made.table.frame.height == rows
    assert any(note.startswith("Kept ") for note in made.table.origin.notes)
    kept = made.table.frame
    assert all(set(map(str, kept[c].unique())) <= {str(v).lower() if v is True else str(v) for v in values} | {"True"}
               for c, values in only.items())  # fmt: skip


def test_a_sample_is_drawn_of_what_is_left() -> None:
    made = ground({"digit": (1, 3)}, rows=40)
    assert made.table.frame.height == 40 and set(made.table.frame["digit"]) == {1, 3}
    assert "Drew 40 of 60 rows." in made.table.origin.notes


@pytest.mark.parametrize(
    ("only", "error", "says"),
    [
        ({"digits": (1,)}, NotFoundError, r"data\.only: there is no column 'digits'. Did you mean 'digit'"),
        ({"digit": (7,)}, DataError, r"data\.only: no row has a 'digit' of 7\. There are: 0, 1, 2, 3"),
        ({"digit": ()}, DataError, "no row has a 'digit' of nothing"),
        ({"words": ("1",)}, DataError, "no row has a 'words' of 1"),
    ],
)
def test_where_nothing_is_left_it_says_what_there_is(only: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ground(only)


def test_it_is_a_key_of_recipes(tmp_path: Path) -> None:
    made = dw.fit(FRAME.drop("words"), "y", contenders=["majority"], overrides=["data.only={digit: [1, 3]}"],
                  folder=tmp_path / "run", quiet=True)  # fmt: skip
    assert sum(made.record.run.model_dump()["split"][part] for part in ("train", "valid", "test")) == 60
