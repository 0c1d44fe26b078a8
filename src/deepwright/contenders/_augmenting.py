"""Augmenting: what pictures go through while a network learns; as the recipe says, or what is harmless for the data."""

from __future__ import annotations

from collections.abc import Sequence

from deepwright.blocks.augmentation import Augmentation, Augmented
from deepwright.contenders._settings import settings
from deepwright.core.errors import RecipeError, not_found
from deepwright.core.fields import Signature
from deepwright.core.find import find, names
from deepwright.core.mirroring import changed_by_mirroring
from deepwright.core.plan import Plan, Step
from deepwright.core.task import TargetTask

_LARGE = 24
"""Pixels of a side from which on a shift by some of them leaves a thing what it is."""
_SHIFT = 8
"""Of so many pixels of a side one is shifted by: 4 of 32, as is usual."""


def augmentations(steps: Sequence[Step]) -> list[Augmentation]:
    """Those that a plan names, in order; raises RecipeError or NotFoundError with the nearest name or option."""
    found = []
    for place, step in enumerate(steps):
        name, options = (step, None) if isinstance(step, str) else next(iter(step.items()))
        if name == "none":
            raise RecipeError("'none' stands alone.", where="training.augment", remedy="Leave it or the others out.")
        if ":" not in name and name not in names("augmentation"):
            raise not_found("augmentation", name, names("augmentation"), where="training.augment")
        cls: type[Augmentation] = find("augmentation", name)
        found.append(cls(settings(cls.Options, options or {}, f"training.augment.{place}.{name}")))
    return found


def augmented(plan: Plan, signature: Signature) -> Augmented | None:
    """What changes the pictures of a batch by the plan; None where nothing does.

    Raises RecipeError where there are no pictures to change.
    """
    pictures = [field.name for field in signature.of("image")]
    asked = {"augment": plan.augment, "cutmix": plan.cutmix}
    wanted = next((key for key, value in asked.items() if value), None)
    if wanted and not pictures:
        raise RecipeError(
            "there is no column of pictures to change.", where=f"training.{wanted}", remedy=f"Leave {wanted} out."
        )
    return Augmented(augmentations(plan.augment), pictures, plan.seed) if plan.augment else None


def harmless(signature: Signature, task: TargetTask) -> tuple[tuple[Step, ...], str]:
    """What cannot change the answer for the pictures of a table, and why, for people; nothing where there are none.

    A shift, where pictures are so large that things stay in them; a flip, unless the target is a number, which may be a
    direction, or its labels look like what a mirror changes.
    """
    sides = [min(field.shape[1:]) for field in signature.of("image")]
    if not sides:
        return (), ""
    steps: list[Step] = []
    if min(sides) >= _LARGE:
        steps.append({"crop": {"padding": min(sides) // _SHIFT}})
    why = changed_by_mirroring(task.classes) if task.classes else "the target is a number, which may be a direction"
    steps += [] if why else ["flip"]
    told = ", ".join(step.about() for step in augmentations(steps)) or "not at all"
    return tuple(steps), f"Augmented: {told}; {f'not mirrored: {why}' if why else 'no label names a side or a sign'}."


def told(plan: Plan) -> str:
    """For people, of a plan that says itself what is done."""
    listed = [step.about() for step in augmentations(plan.augment or ())]
    listed += [f"{key} {value:g}" for key, value in (("mixup", plan.mixup), ("cutmix", plan.cutmix)) if value]
    return f"Augmented: {', '.join(listed)}." if listed else ""
