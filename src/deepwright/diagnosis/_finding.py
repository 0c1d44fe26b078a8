"""Finding and Diagnosis: what is said about a run, and who says it; the contract of `diagnosis/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepwright.diagnosis._example import Example
from deepwright.diagnosis._mending import mend

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

Severity = Literal["info", "warn", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warn", "error")
"""error: the run is certainly wrong · warn: it is probably worse than it could be · info: good to know."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One mistake on one run.

    contender: whom it is about, None for the run as a whole.
    evidence:  what was seen, in numbers; `numbers` holds the same for machines.
    cause:     why it is so, in one sentence.
    remedy:    what to do, in one sentence.
    edit:      the remedy as dotted recipe keys; None as a value deletes the key; None: nothing in the recipe mends it.
    """

    id: str
    title: str
    severity: Severity
    contender: str | None = None
    evidence: str
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)
    cause: str
    remedy: str
    edit: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """One entry of `findings.json`."""
        return asdict(self)

    def mend(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe with `edit` applied; the one given is left as it is."""
        return mend(recipe, self)


class Diagnosis(ABC):
    """Looks for one mistake. One file each in `diagnosis/`; the file's name is the finding's id.

    Thresholds follow the size of the data (standard errors); in doubt it says nothing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """As shown: "Overfitting"."""
    doctor: ClassVar[str]
    """Number in the catalogue of mistakes: "D-26"."""

    @abstractmethod
    def check(self, record: Record) -> Iterator[Finding]:
        """Findings on a run, none where it is healthy or where there is too little to tell."""

    @classmethod
    @abstractmethod
    def faulty(cls) -> Example:
        """A run that has the mistake; `deepwright check finding` wants `check` to speak on it."""

    @classmethod
    @abstractmethod
    def healthy(cls) -> Example:
        """The same run without the mistake; `check` is silent on it."""

    def found(
        self,
        severity: Severity,
        evidence: str,
        *,
        cause: str,
        remedy: str,
        numbers: Mapping[str, float | int | str],
        contender: str | None = None,
        edit: Mapping[str, Any] | None = None,
    ) -> Finding:
        """A Finding of this diagnosis."""
        return Finding(
            id=self.name,
            title=self.title,
            severity=severity,
            contender=contender,
            evidence=evidence,
            numbers=numbers,
            cause=cause,
            remedy=remedy,
            edit=edit,
        )
