"""The contract of findings: speaks on the faulty run, silent on its healthy twin, calm on whatever else."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.plan import Plan
from deepwright.core.recipe import Recipe
from deepwright.evaluation.contracts._promise import promise
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from deepwright.diagnosis import Diagnosis, Example, Finding


def check_finding(cls: type[Diagnosis]) -> Iterator[tuple[str, str | None]]:
    """Each promise of a diagnosis, with what is wrong about it, or None; `mylab.findings:Mine` too."""
    yield promise("says what it is called, and its first line what it finds", partial(_named, cls))
    yield promise("speaks on the run that has the mistake", partial(_speaks, cls))
    yield promise("is silent on the same run without it", partial(_silent, cls))
    yield promise("gives evidence in numbers, a cause and a remedy in a sentence each", partial(_argues, cls))
    yield promise("its edit makes a valid recipe, and no other when applied twice", partial(_mends, cls))
    yield promise("says the same when asked again, and leaves the run as it is", partial(_steady, cls))
    yield promise("survives empty logs, one report, missing numbers, files and contenders", partial(_survives, cls))


def _named(cls: type[Diagnosis]) -> None:
    for attribute in ("name", "title", "doctor"):
        value = getattr(cls, attribute, None)
        assert isinstance(value, str) and value.strip(), f"{attribute} is not said"
    assert cls.name.isidentifier() and cls.name == cls.name.lower(), f"'{cls.name}' is no lower-case identifier"
    built_in = cls.__module__.startswith("deepwright.")
    assert not built_in or cls.__module__.endswith(f".{cls.name}"), f"'{cls.name}' is not the name of its file"


def _speaks(cls: type[Diagnosis]) -> None:
    assert _findings(cls, cls.faulty()), "no finding on faulty()"


def _silent(cls: type[Diagnosis]) -> None:
    found = _findings(cls, cls.healthy())
    assert not found, f"a finding on healthy(): {found[0].evidence}"


def _argues(cls: type[Diagnosis]) -> None:
    for found in _findings(cls, cls.faulty()):
        assert found.id == cls.name and found.title == cls.title, f"it is called '{found.id}', '{found.title}'"
        assert found.severity in ("info", "warn", "error"), f"severity '{found.severity}'"
        assert any(letter.isdigit() for letter in found.evidence), f"no number in the evidence: {found.evidence}"
        assert found.numbers, "numbers are empty"
        odd = {k: v for k, v in found.numbers.items() if not isinstance(v, str) and not -1e300 < v < 1e300}
        assert not odd, f"numbers that are not finite: {odd}"
        for sentence in (found.cause, found.remedy):
            assert sentence.endswith(".") and len(sentence) > 15, f"no sentence: {sentence!r}"


def _mends(cls: type[Diagnosis]) -> None:
    recipe = cls.faulty().recipe
    for found in _findings(cls, cls.faulty()):
        if found.edit is None:
            continue
        mended = found.mend(recipe)
        assert mended != recipe, "the edit changes nothing"
        Recipe.model_validate(mended)
        keeps = {key: value for key, value in found.edit.items() if value is not None}
        again = replace(found, edit=keeps).mend(mended)
        assert again == mended, "applied twice it gives another recipe"
        for key, value in keeps.items():
            section, _, option = key.rpartition(".")
            if section.endswith(".training"):
                Plan.model_validate({"epochs": 1, option: value})


def _steady(cls: type[Diagnosis]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = cls.faulty().write(Path(place) / "run")
        before = _digest(folder)
        first, second = (list(cls().check(Record(folder))) for _ in range(2))
        assert first == second, "two findings on the same run differ"
        assert _digest(folder) == before, "the run folder was changed"


def _survives(cls: type[Diagnosis]) -> None:
    for what, example in _awkward(cls.faulty()):
        try:
            _findings(cls, example)
        except Exception as error:
            raise AssertionError(f"on a run with {what}: {type(error).__name__}: {error}") from error


def _findings(cls: type[Diagnosis], example: Example) -> list[Finding]:
    with tempfile.TemporaryDirectory() as place:
        return list(cls().check(Record(example.write(Path(place) / "run"))))


def _awkward(example: Example) -> Iterator[tuple[str, Example]]:
    yield "an empty log", replace(example, log=())
    yield "one report", replace(example, log=tuple(example.log)[:1])
    yield "two reports", replace(example, log=tuple(example.log)[:2])
    yield "no finite loss", replace(example, log=[{**r, "train_loss": None, "valid_loss": None} for r in example.log])
    yield "losses of zero", replace(example, log=[{**r, "train_loss": 0.0, "valid_loss": 0.0} for r in example.log])
    yield "bare reports", replace(example, log=[{"contender": "ghost", "step": 1} for _ in example.log])
    yield "no contender", replace(example, scores=())
    yield "one contender", replace(example, scores=tuple(example.scores)[-1:])
    yield "only names of contenders", replace(example, scores=[_bare(scores) for scores in example.scores])
    yield "scores without numbers", replace(example, scores=[_numberless(scores) for scores in example.scores])
    yield "no predictions", replace(example, predictions=None)
    yield "no verdict", replace(example, verdict=None)
    yield "no facts", replace(example, facts={"columns": []})
    yield "no recipe", replace(example, recipe={})
    yield "nothing but its state", replace(example, run={"format": 1, "state": "failed"})
    split = {"how": "", "train": 0, "valid": 0, "test": 0}
    yield "no rows", replace(example, run={**example.run, "split": split})
    if example.predictions is not None:
        yield "one test row", replace(example, predictions=example.predictions.head(1))
        yield "no test row", replace(example, predictions=example.predictions.head(0))


def _bare(scores: Any) -> dict[str, Any]:
    return {"name": scores["name"], "family": scores["family"]}


def _numberless(scores: Any) -> dict[str, Any]:
    return {**scores, **dict.fromkeys(("score", "low", "high", "valid_score")), "train": {}, "valid": {}, "test": {}}


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
