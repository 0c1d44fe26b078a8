"""Label-destroying augmentation: pictures are mirrored or turned far round whose labels do not survive it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.core.errors import UserError
from deepwright.core.find import find, names
from deepwright.core.mirroring import changed_by_mirroring
from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run, standing

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_UPRIGHT = {"rotation": {"rotation": {"degrees": 10.0}}}
"""Augmentation → what does the same in a measure that labels survive."""


class LabelDestroyingAugmentation(Diagnosis):
    """Labels are judged by their names: numbers, single letters, words of direction. It says nothing where names do not
    show what is in the pictures, and nothing about augmentations of one's own."""

    name: ClassVar[str] = "label_destroying_augmentation"
    title: ClassVar[str] = "Augmentation that changes what the label says"
    doctor: ClassVar[str] = "D-71"

    def check(self, record: Record) -> Iterator[Finding]:
        labels = _labels(record)
        why = changed_by_mirroring(labels)
        if why is None:
            return
        for scores in record.scores.values():
            listed = scores.deep.plan.get("augment") if scores.deep else None
            steps = listed if isinstance(listed, list) else []
            harms = [(step, harm) for step in steps if (harm := _harm(step)) is not None]
            if not harms:
                continue
            kept = [_milder(step) if any(step is bad for bad, _ in harms) else step for step in steps]
            yield self.found(
                "warn",
                f"{scores.name} {' and '.join(dict.fromkeys(harm for _, harm in harms))} while it learns, "
                f"and of {len(labels)} labels {why}",
                numbers={"labels": len(labels), "augmentations": len(harms)},
                contender=scores.name,
                cause="Some changed pictures show another class than their label says, and it learns from them.",
                remedy="Take out what mirrors, and turn by 10° at most; shifts and changes of light do no harm.",
                edit={f"contenders.{scores.name}.training.augment": [step for step in kept if step is not None]},
            )

    @classmethod
    def faulty(cls) -> Example:
        return _digits(["flip", {"crop": {"padding": 4}}, {"rotation": {"degrees": 90.0}}])

    @classmethod
    def healthy(cls) -> Example:
        return _digits([{"crop": {"padding": 4}}, {"rotation": {"degrees": 10.0}}])


def _labels(record: Record) -> list[str]:
    """Of classes or tags, from the columns of their probabilities."""
    columns = [] if record.predictions is None else record.predictions.columns
    return [column[2:-1] for column in columns if column.startswith("p(") and column.endswith(")")]


def _name(step: Any) -> str:
    return str(next(iter(step), "")) if isinstance(step, dict) else str(step)


def _harm(step: Any) -> str | None:
    """What one of the built-in augmentations of a plan does that a label may not survive."""
    name = _name(step)
    if name not in names("augmentation"):  # never a dotted one: a run folder names no code
        return None
    cls = find("augmentation", name)
    try:
        options = cls.Options.model_validate(step[name] or {} if isinstance(step, dict) else {})
        harm: str | None = cls(options).disguises()
    except (ValueError, TypeError, UserError):
        return None
    return harm


def _milder(step: Any) -> dict[str, Any] | None:
    return _UPRIGHT.get(_name(step))


def _digits(augment: list[Any]) -> Example:
    """The healthy run, its classes the digits 6 and 9, its network one for pictures."""
    run = healthy_run()
    assert run.predictions is not None
    digits = {"no": "6", "yes": "9"}
    predictions = run.predictions.rename({f"p({label})": f"p({digit})" for label, digit in digits.items()})
    recipe = {"contenders": ["rule", {"network": "lenet5", "training": {"epochs": 40, "augment": augment}}]}
    scores = [run.scores[0], standing("lenet5", "deep", 0.95, plan={"augment": augment})]
    return run.but(recipe=recipe, scores=scores, predictions=predictions, log=())
