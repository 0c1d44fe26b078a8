"""Pretraining: a network learns on other rows first, so that the contender can start from its weights."""

from __future__ import annotations

from typing import Any

from deepwright.api.book import Book
from deepwright.api.briefing import brief_for
from deepwright.api.entries import Entry
from deepwright.api.ground import Ground, make_ground
from deepwright.api.telling import Teller
from deepwright.contenders.network import NetworkContender
from deepwright.core.contender import Contender
from deepwright.core.files import check_manifest, new_folder
from deepwright.core.recipe import DataRecipe, Recipe, TaskRecipe

_SHARE = 1 / 3
"""Of the contender's time, where the recipe names none."""


def started(entry: Entry, ground: Ground, book: Book, tell: Teller, share: float | None, seed: int) -> Contender:
    """The contender itself, or, where its options say `pretrain`, one that starts from a network trained there.

    What was learned is kept in the contender's workroom, so that a resumed run does not learn it again.
    Raises RecipeError where the two tables do not give the network the same inputs.
    """
    made = entry.made
    if not isinstance(made, NetworkContender) or made.chosen.pretrain is None:
        return made
    chosen, wanted = made.chosen, made.chosen.pretrain
    source = _source_ground(ground, wanted.source, wanted.target, tell)
    room = book.workroom(entry.label)
    label = f"{entry.label}.pretrain"
    training: dict[str, Any] = dict(chosen.training)
    if wanted.epochs is not None:
        training["epochs"] = wanted.epochs
    first = NetworkContender(NetworkContender.Options(network=chosen.network, config=chosen.config, training=training))
    kept = room / "pretrained"
    if not kept.is_dir():
        (room / "pretraining").mkdir(exist_ok=True)
        seconds = wanted.time if wanted.time is not None else None if share is None else share * _SHARE
        brief = brief_for(label, source, book, tell, seconds, seed, room=room / "pretraining")
        model = first.fit(source.rows("train"), source.rows("valid"), brief)
        with new_folder(room, "pretrained") as folder:
            model.save(folder)
    check_manifest(kept)
    return made.starting_from(first.load(kept, source.target_task, source.encoding, trust=(chosen.network,)))


def _source_ground(ground: Ground, source: str, target: str, tell: Teller) -> Ground:
    """The other table, its columns read as the same kinds, so that the network has the same inputs."""
    kinds = {c["name"]: c["kind"] for c in ground.columns if c["role"] == "input"}
    data = DataRecipe(
        source=source,
        kinds=kinds,
        use=tuple(kinds),
        scale=ground.recipe.data.scale,
        pictures=ground.recipe.data.pictures,
        split=ground.recipe.data.split.model_copy(update={"by": "auto", "column": None}),
    )
    recipe = Recipe(data=data, task=TaskRecipe(target=target, name=ground.task.name), time=None)
    return make_ground(recipe, source, Teller())
