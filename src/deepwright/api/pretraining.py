"""Pretraining: a network learns on other rows first, so that the contender can start from its weights."""

from __future__ import annotations

from collections.abc import Sequence

from deepwright.api.book import Book
from deepwright.api.briefing import brief_for
from deepwright.api.ground import Ground, make_ground
from deepwright.api.telling import Teller
from deepwright.contenders._network_start import Start
from deepwright.contenders.network import NetworkContender, Pretrain
from deepwright.core.files import check_manifest, new_folder
from deepwright.core.recipe import DataRecipe, PicturesRecipe, Recipe, SplitRecipe, TaskRecipe

_SHARE = 1 / 3
"""Of the contender's time, where the recipe names none."""
_SPARED = 0.1
"""Of those rows for validation, and as many for a test that nobody asks about: all others teach."""


def pretrained(
    trainer: NetworkContender,
    columns: Sequence[str],
    label: str,
    ground: Ground,
    book: Book,
    tell: Teller,
    share: float | None,
    seed: int,
) -> Start:
    """Weights of the contender's network, which reads `columns`, after learning on the rows that `pretrain` names.

    What was learned is kept in the contender's workroom, so that a resumed run does not learn it again.
    Raises RecipeError where the two tables do not give the network the same inputs.
    """
    chosen, wanted = trainer.chosen, trainer.chosen.pretrain
    assert wanted is not None
    source = _source_ground(ground, columns, wanted, tell)
    room = book.workroom(label)
    training = {key: value for key, value in chosen.training.items() if key != "rates"}  # those are for what follows
    if wanted.epochs is not None:
        training["epochs"] = wanted.epochs
    first = NetworkContender(NetworkContender.Options(network=chosen.network, config=chosen.config, training=training))
    kept = room / "pretrained"
    if not kept.is_dir():
        (room / "pretraining").mkdir(exist_ok=True)
        seconds = wanted.time if wanted.time is not None else None if share is None else share * _SHARE
        brief = brief_for(f"{label}.pretrain", source, book, tell, seconds, seed, room=room / "pretraining")
        model = first.fit(source.rows("train"), source.rows("valid"), brief)
        with new_folder(room, "pretrained") as folder:
            model.save(folder)
    mark = check_manifest(kept)["weights.safetensors"]["sha256"]
    model = first.load(kept, source.target_task, source.encoding, trust=(chosen.network,))
    return Start.of(model, {"from": f"pretraining on {wanted.source}", "sha256": mark}, new_head=True)


def _source_ground(ground: Ground, columns: Sequence[str], wanted: Pretrain, tell: Teller) -> Ground:
    """The other table, its columns read as the same kinds, so that the network has the same inputs."""
    kinds = {c["name"]: c["kind"] for c in ground.columns if c["name"] in columns}
    data = DataRecipe(
        source=wanted.source,
        only=wanted.only,
        kinds=kinds,
        use=tuple(kinds),
        scale=ground.recipe.data.scale,
        pictures=_pictures(ground),
        split=SplitRecipe(test=_SPARED, valid=_SPARED, seed=ground.recipe.data.split.seed),
    )
    recipe = Recipe(data=data, task=TaskRecipe(target=wanted.target, name=ground.task.name), time=None)
    return make_ground(recipe, wanted.source, Teller())


def _pictures(ground: Ground) -> PicturesRecipe:
    """Pictures are read in the shape that they have here, whatever those of the other table are like."""
    said = ground.recipe.data.pictures
    for image in ground.encoding.signature.of("image")[:1]:
        channels, height, width = image.shape
        said = PicturesRecipe.model_validate(said.model_dump() | {"size": (height, width), "channels": channels})
    return said
