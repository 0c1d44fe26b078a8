"""What training and test share of pictures: copies, and pictures that are nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from deepwright.core.table import Split
from deepwright.kinds._examined import examine, near
from deepwright.kinds._shared import count, texts
from deepwright.prepare._picture_facts import spread
from deepwright.prepare.checks import Check

_TEST, _TRAIN = 500, 2_500
_TEST_BYTES, _TRAIN_BYTES = 25 << 20, 100 << 20
"""Pictures, and bytes of encoded pictures, that are compared; of more, a part is spread evenly over the rows."""
_SHARE = 0.005
"""Share of test pictures with a twin in training from which it is said."""


def picture_twins(
    frame: pl.DataFrame, split: Split, kinds: Mapping[str, str], inputs: Sequence[str], target: str | None
) -> Iterator[Check]:
    """Test pictures that are a training picture, or nearly so; kinds/_examined.py says when they are."""
    labels = None if target is None else texts(frame.get_column(target))
    for name in inputs:
        if kinds[name] == "image":
            yield from _twins(frame.get_column(name), split, labels)


def _twins(column: pl.Series, split: Split, labels: pl.Series | None) -> Iterator[Check]:
    test = split.test[spread(column.gather(split.test), _TEST, _TEST_BYTES)]
    train = split.train[spread(column.gather(split.train), _TRAIN, _TRAIN_BYTES)]
    tested, trained = examine(column.gather(test)), examine(column.gather(train))
    twins: dict[int, int] = {}
    for one, other in near(tested, trained):
        same = tested.digests[one] == trained.digests[other]
        twins[one] = other if same else twins.get(one, other)
    share = len(twins) / max(1, len(test))
    if len(twins) < 2 or share <= _SHARE:
        return
    pairs = [(int(test[i]), int(train[j])) for i, j in twins.items()]
    copies = sum(tested.digests[i] == trained.digests[j] for i, j in twins.items())
    others = 0 if labels is None else sum(labels[i] != labels[j] for i, j in pairs)
    examples = [f"row {i + 1} and row {j + 1}" for i, j in pairs[:3]]
    differing = f", {others:,} with another '{labels.name}'" if labels is not None and others else ""
    yield Check(
        id=f"picture_twins:{column.name}",
        severity="warn",
        message=f"of {len(test):,} test and {len(train):,} training pictures looked at in '{column.name}', "
        f"{count(len(twins), 'test picture')} ({share:.1%}) are in training too: {copies:,} as copies, "
        f"{len(twins) - copies:,} nearly the same{differing} ({'; '.join(examples)})",
        numbers={
            "pictures": len(twins),
            "copies": copies,
            "other_target": others,
            "share": share,
            "looked_at": [len(test), len(train)],
            "examples": examples,
        },
        remedy="Take the copies out, or keep pictures of one thing together: --split group:COLUMN.",
    )
