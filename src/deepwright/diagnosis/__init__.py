"""Diagnosis: what is wrong with a run, how one can tell, and the recipe edit that mends it; one finding a file.

A new diagnosis is one new file here: a final subclass of Diagnosis with a run that has the fault and its twin that
has not. It reads a run's record and nothing else, so it works on any run folder, whatever made it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from deepwright.core.find import find, names
from deepwright.diagnosis._example import Example, curve, healthy_run, standing
from deepwright.diagnosis._finding import SEVERITIES, Diagnosis, Finding
from deepwright.diagnosis._mending import edit, mend, reaches, remove

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

__all__ = [
    "Diagnosis",
    "Example",
    "Finding",
    "curve",
    "diagnose",
    "edit",
    "healthy_run",
    "mend",
    "reaches",
    "remove",
    "standing",
]


def diagnose(record: Record, silence: Collection[str] = ()) -> list[Finding]:
    """Every finding on a run, errors first; never raises: a diagnosis that breaks becomes an info finding.

    silence: ids that are intended, for all contenders ("overfitting") or for one ("overfitting:tabm").
    """
    found = [finding for name in names("finding") if name not in silence for finding in _check(name, record)]
    kept = [finding for finding in found if f"{finding.id}:{finding.contender}" not in silence]
    return sorted(kept, key=lambda finding: (-SEVERITIES.index(finding.severity), finding.id, finding.contender or ""))


def _check(name: str, record: Record) -> list[Finding]:
    try:
        return list(find("finding", name)().check(record))
    except Exception as error:
        # A finding is advice: trouble in making it must not cost the run that it is about.
        return [
            Finding(
                id=name,
                title=f"{name} could not be checked",
                severity="info",
                evidence=f"The check stopped with {type(error).__name__}: {str(error)[:200]}",
                numbers={},
                cause="Part of the run folder is missing or damaged, or the check has a fault.",
                remedy="Repeat the run; if this stays, report it.",
            )
        ]
