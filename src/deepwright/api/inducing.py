"""Inducing: rules that a person may edit, from what a small tree finds in the training rows."""

from __future__ import annotations

from typing import Any


def induce(data: Any, target: str) -> str:
    """The text of a rules.yaml for the contender `rule_base`; raises as `fit` does for data that cannot be used."""
    from deepwright.api.ground import make_ground
    from deepwright.api.telling import Teller
    from deepwright.contenders.rule_base import induce as from_tree
    from deepwright.core.recipe import DataRecipe, Recipe, TaskRecipe

    recipe = Recipe(data=DataRecipe(source=str(data)), task=TaskRecipe(target=target))
    ground = make_ground(recipe, data, Teller())
    return from_tree(ground.rows("train"), ground.target_task, ground.encoding)
