"""Starting: weights that a contender's network begins with, from wherever its options say: other rows, a run, a file,
the hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepwright.api.entries import Entry
from deepwright.api.run import Run
from deepwright.contenders.network import NetworkContender
from deepwright.contenders.network_features import NetworkFeatures
from deepwright.core.contender import Contender
from deepwright.core.errors import RecipeError
from deepwright.core.files import check_manifest, inside

if TYPE_CHECKING:
    from deepwright.api.book import Book
    from deepwright.api.ground import Ground
    from deepwright.api.telling import Teller
    from deepwright.contenders._network_start import Start


def started(entry: Entry, ground: Ground, book: Book, tell: Teller, share: float | None, seed: int) -> Contender:
    """The contender itself, or, where its options say `pretrain` or `weights`, one that begins with those.

    Raises RecipeError where they do not fit, DataError and RunError where they cannot be read.
    """
    made = entry.made
    if not isinstance(made, NetworkContender | NetworkFeatures):
        return made
    trainer = made.trainer(ground.encoding)
    if trainer.chosen.pretrain is not None:
        from deepwright.api.pretraining import pretrained

        columns = made.reads(ground.encoding)
        return made.starting_from(pretrained(trainer, columns, entry.label, ground, book, tell, share, seed))
    if trainer.chosen.weights is not None:
        return made.starting_from(named_start(trainer.chosen.weights, trust=(trainer.chosen.network,)))
    return made


def look_for_weights(entries: Sequence[Entry]) -> None:
    """Raise for weights that are not there, and for freezing random ones, before anyone learns."""
    for made in [entry.made for entry in entries]:
        if isinstance(made, NetworkContender):
            made.check_freeze()
        if isinstance(made, NetworkContender | NetworkFeatures) and made.chosen.weights is not None:
            from deepwright.contenders._weights_file import meant

            meant(made.chosen.weights)


def named_start(said: str, *, trust: Sequence[str] = ()) -> Start:
    """What a recipe's `weights` names: "runs/a", "runs/a:resnet20", "resnet18.safetensors", "hf:timm/resnet18.a1_in1k".

    trust: classes of the user's own that a run may name; a run alone can never name one.
    """
    from deepwright.contenders._weights_file import from_file, from_hub, meant

    found = meant(said)
    return from_run(said, trust) if found == "run" else from_file(said) if found == "file" else from_hub(said)


def from_run(said: str, trust: Sequence[str]) -> Start:
    """A network of another run: the one that is named, or its winner where that is one, or its best."""
    from deepwright.contenders._network_model import NetworkModel
    from deepwright.contenders._network_start import Start
    from deepwright.contenders._weights_file import split

    folder, name = split(said)
    run = Run(folder, trust=trust)
    name = name or _best_network(run)
    model = run.model(name)
    if not isinstance(model, NetworkModel):
        raise RecipeError(
            f"the contender '{name}' of that run is no network with weights to take over.",
            where=f"weights, {said}",
            remedy=_instead(folder, _networks(run)),
        )
    mark = check_manifest(inside(run.folder, f"contenders/{name}"))["weights.safetensors"]["sha256"]
    return Start.of(model, {"from": f"{folder}:{name}", "sha256": mark})


def _best_network(run: Run) -> str:
    """The winner where it is a network, else the network that was best on validation."""
    there = _networks(run)
    if not there:
        known = ", ".join(run.record.scores) or "nobody"
        raise RecipeError(
            f"in that run no network learned, only {known}.",
            where=f"weights, {run.folder}",
            remedy="Name a run with a network among its contenders.",
        )
    if run.winner in there:
        return run.winner
    greater = run.record.run.task is None or run.record.run.task.metric.greater_is_better
    valid = {name: run.record.scores[name].valid_score for name in there}
    scored = {name: value if greater else -value for name, value in valid.items() if value == value}
    return max(scored, key=lambda name: scored[name]) if scored else there[0]


def _networks(run: Run) -> list[str]:
    return [
        name
        for name, own in run.record.scores.items()
        if own.state == "done" and (own.contender or name) == NetworkContender.name
    ]


def _instead(folder: str, there: Sequence[str]) -> str:
    if not there:
        return "Name a run with a network among its contenders."
    return f"Name a network of it: {', '.join(f'{folder}:{name}' for name in there)}."
