"""Who enters a contest by default follows the columns; a network that cannot read them is refused, others named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.api.entries import entries
from deepwright.api.ground import make_ground
from deepwright.api.recipes import apply_override, validate
from deepwright.api.telling import Teller
from deepwright.core.errors import RecipeError
from deepwright.core.find import find, names, said
from deepwright.core.offers import first_choices, reads, written_out
from deepwright.core.recipe import label

TABLE = frozenset({"number", "category", "tokens"})


def rows(*, photo: bool, width: bool) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    content = [b"P6 12 12 255\n" + rng.integers(0, 256, 432, dtype=np.uint8).tobytes() for _ in range(60)]
    columns: dict[str, Any] = {"class": ["cat", "dog", "owl"] * 20}
    if photo:
        columns["photo"] = pl.Series(content, dtype=pl.Binary)
    if width:
        columns["width"] = rng.normal(size=60)
    return pl.DataFrame(columns)


def entering(frame: pl.DataFrame, *overrides: str) -> list[str]:
    content: dict[str, Any] = {"data": {"source": "frame"}, "task": {"target": "class"}}
    for override in overrides:
        content = apply_override(content, override)
    ground = make_ground(validate(content, where="test"), frame, Teller())
    return [entry.label for entry in entries(ground.recipe, ground.task, ground.forms)]


def test_tables_and_pictures_have_their_own_entrants() -> None:
    simple = ["majority", "one_rule"]
    assert entering(rows(photo=False, width=True)) == [*simple, "linear", "boosted_trees", "tabm"]
    assert entering(rows(photo=True, width=False)) == [*simple, "linear", "boosted_trees", "lenet5", "resnet20"]


def test_both_together_are_read_by_networks_that_read_both() -> None:
    found = entering(rows(photo=True, width=True))[4:]
    forms = frozenset({"image", "number"})
    assert found == first_choices(forms)
    assert all(forms <= find("network", name).takes for name in found)


def test_options_reach_whoever_the_columns_choose() -> None:
    frame = rows(photo=True, width=False)
    content = apply_override({"data": {"source": "frame"}, "task": {"target": "class"}}, "training.epochs=3")
    ground = make_ground(validate(content, where="test"), frame, Teller())
    expected = [{"network": name, "training": {"epochs": 3}} for name in ("lenet5", "resnet20")]
    assert list(ground.recipe.contenders or ())[3:] == expected


def test_who_is_named_is_not_entered_twice() -> None:
    own: tuple[Any, ...] = ("networks", {"network": "tabm", "training": {"lr": 0.1}})
    assert written_out(own, TABLE) == own[1:]
    assert written_out(({"networks": None},), TABLE) == ("tabm",)
    assert written_out(("networks",), frozenset()) == ()


def test_all_names_networks_that_read_the_columns() -> None:
    ground = make_ground(
        validate({"data": {"source": "frame"}, "task": {"target": "class"}, "contenders": ["all"]}, where="test"),
        rows(photo=True, width=False),
        Teller(),
    )
    made = entries(ground.recipe, ground.task, ground.forms)
    nets = [entry.label for entry in made if entry.made.name == "network"]
    assert {"lenet5", "resnet20"} <= set(nets)
    assert not {"tabm", "mlp", "gpt", "resnet110"} & set(nets)


@pytest.mark.parametrize(
    ("photo", "network", "better"),
    [(True, "tabm", "lenet5, resnet20"), (False, "resnet20", "tabm"), (False, "gpt", "tabm")],
)
def test_a_network_that_cannot_read_the_columns_is_refused(photo: bool, network: str, better: str) -> None:
    with pytest.raises(RecipeError, match=f"Choose among: {better}") as caught:
        entering(rows(photo=photo, width=not photo), f"contenders=[{network}]")
    assert network in str(caught.value)


def test_what_files_say_is_what_their_classes_say() -> None:
    for name in names("network"):
        cls = find("network", name)
        assert reads(name) == cls.takes
        assert (said("network", name, "first_choice") or {}) == dict(cls.first_choice)
        assert set(cls.first_choice) <= set(names("network"))
    assert said("network", "tabm", "no_such_thing") is None
    assert label({"networks": {}}) == "networks"


def test_choosing_loads_no_torch() -> None:
    code = (
        "import sys; from deepwright.core.offers import first_choices; "
        "assert first_choices(frozenset({'image'})) == ['lenet5', 'resnet20']; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd()).returncode == 0
