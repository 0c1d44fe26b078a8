"""Mending: a finding's recipe edit applied to a run's recipe, as a new recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepwright.api.recipes import apply_override, check_trust, parse, validate
from deepwright.api.run import Run
from deepwright.core.errors import RunError, not_found
from deepwright.core.files import read_text
from deepwright.core.recipe import Recipe


def mended(folder: Path, finding: str, overrides: Sequence[str] = (), *, trust: Sequence[str] = ()) -> Recipe:
    """The recipe of the run in `folder` with the edit of its finding `finding` applied; its parent is that run.

    Raises NotFoundError for a finding that the run does not have, RunError for one that has no edit.
    """
    from deepwright.diagnosis import edit, remove

    run = Run(folder)
    found = [f for f in run.record.findings if f.id == finding]
    if not found:
        raise not_found("finding of this run", finding, {f.id for f in run.record.findings}, where=str(folder))
    changes = {key: value for f in found for key, value in (f.edit or {}).items()}
    if not changes:
        raise RunError(f"'{finding}' has no recipe edit.", where=str(folder), remedy=found[0].remedy)
    content, _ = parse(read_text(folder / "recipe.yaml"), str(folder / "recipe.yaml"))
    check_trust(content, trust, str(folder / "recipe.yaml"))
    for key, value in changes.items():
        content = remove(content, key) if value is None else edit(content, key, value)
    for override in overrides:
        content = apply_override(content, override)
    return validate({**content, "parent": str(folder)}, where=str(folder / "recipe.yaml"))
