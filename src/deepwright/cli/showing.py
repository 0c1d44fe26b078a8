"""Showing: a run as people read it in a terminal, and as the JSON object of the public contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepwright.api.run import Run

_SCORE_KEYS = (
    "name",
    "family",
    "state",
    "score",
    "low",
    "high",
    "valid_score",
    "fit_seconds",
    "predict_microseconds_per_row",
    "bytes",
)


def run_json(run: Run) -> dict[str, Any]:
    """What `fit`, `run`, `resume` and `show` print with --json; see docs/command-line.md."""
    record = run.record
    metric = record.run.task.metric if record.run.task else None
    return {
        "run": str(run.folder),
        "state": run.state,
        "task": record.run.task.name if record.run.task else None,
        "metric": metric.model_dump() if metric else None,
        "contenders": [{key: getattr(s, key) for key in _SCORE_KEYS} for s in record.scores.values()],
        "winner": run.winner,
        "verdict": run.verdict or None,
        "findings": run.findings,
        "checks": [check.model_dump() for check in record.run.checks],
    }


def print_run(run: Run) -> None:
    """The contest table, the verdict, the findings, where the results are and what to try next."""
    from rich.console import Console

    from deepwright.evaluation.showing import show

    Console(soft_wrap=False).print(show(run.record))
