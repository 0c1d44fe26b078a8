"""Unscaled input: number columns of very different size go into a network as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run
from deepwright.diagnosis._example import number_facts
from deepwright.diagnosis._views import recipe

if TYPE_CHECKING:
    from deepwright.evaluation.parts import Facts
    from deepwright.evaluation.record import Record

_RATIO = 100.0
"""Largest over smallest standard deviation from which one column drowns the other."""
_OFF_CENTRE = 10.0
"""Standard deviations that a column's mean may lie off zero."""


class UnscaledInput(Diagnosis):
    """Standard deviations come from the histograms in facts.json: good to a tenth, where a factor of 100 is asked.
    Classical contenders bring columns to one scale themselves, so it is about networks."""

    name: ClassVar[str] = "unscaled_input"
    title: ClassVar[str] = "Unscaled input"
    doctor: ClassVar[str] = "D-17"

    def check(self, record: Record) -> Iterator[Finding]:
        data = recipe(record).get("data")
        if not isinstance(data, dict) or data.get("scale") != "none":
            return
        minding = [scores.name for scores in record.scores.values() if scores.family == "deep"]
        inputs = {column.name for column in record.columns if column.role == "input"}
        spreads = {facts.name: _spread(facts) for facts in record.facts.columns if facts.name in inputs}
        known = {name: spread for name, spread in spreads.items() if spread[1] > 0}
        if not minding or not known:
            return
        wide, narrow = max(known, key=lambda name: known[name][1]), min(known, key=lambda name: known[name][1])
        ratio = known[wide][1] / known[narrow][1]
        far = max(known, key=lambda name: abs(known[name][0]) / known[name][1])
        off = abs(known[far][0]) / known[far][1]
        if ratio <= _RATIO and off <= _OFF_CENTRE:
            return
        if ratio > _RATIO:
            seen = f"'{wide}' varies by {known[wide][1]:.3g}, '{narrow}' by {known[narrow][1]:.3g}: {ratio:,.0f} times"
        else:
            seen = f"the mean of '{far}' is {known[far][0]:.3g}, {off:,.0f} times its standard deviation"
        yield self.found(
            "warn",
            f"{seen}; it matters to {', '.join(sorted(minding))}",
            numbers={"ratio": ratio, "off_centre": off, "widest": wide, "narrowest": narrow},
            cause="Gradients, and with them the steps, are ruled by the column with the largest numbers.",
            remedy="Scale number columns to mean 0 and standard deviation 1.",
            edit={"data.scale": "standard"},
        )

    @classmethod
    def faulty(cls) -> Example:
        facts = {"columns": [number_facts("width", low=0, high=1), number_facts("height", low=0, high=1e6)]}
        return healthy_run().but(recipe={"data": {"source": "made.csv", "scale": "none"}}, facts=facts)

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run().but(recipe={"data": {"source": "made.csv", "scale": "none"}})


def _spread(facts: Facts) -> tuple[float, float]:
    """Mean and standard deviation of a number column from its histogram; (0, 0) where it has none."""
    if facts.kind != "number" or facts.histogram is None:
        return 0.0, 0.0
    edges, counts = np.array(facts.histogram.edges), np.array(facts.histogram.counts, dtype=float)
    if len(edges) != len(counts) + 1 or not np.isfinite(edges).all() or counts.sum() < 3 or counts.min() < 0:
        return 0.0, 0.0
    middles = (edges[1:] + edges[:-1]) / 2
    mean = float(np.average(middles, weights=counts))
    return mean, math.sqrt(float(np.average((middles - mean) ** 2, weights=counts)))
