"""The latent space of an autoencoder: where rows lie in it, by cluster and by the held-back label."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._clusters import clouds, latent_of, sizes_said
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class LatentMap(Figure):
    """Codes of validation rows on the two main directions of the latent space."""

    name: ClassVar[str] = "latent_map"
    title: ClassVar[str] = "Map of the latent space"
    caption: ClassVar[str] = (
        "Each mark is a validation row at the place that the network found for it: its code, seen along the two "
        "directions in which codes differ most. Clusters are sought among these codes, not among the rows themselves."
    )

    def suits(self, record: Record) -> bool:
        return latent_of(record) is not None

    def height(self, record: Record) -> int:
        return 300

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = latent_of(record)
        assert found is not None
        _, shown = found
        place = np.array([shown["x"], shown["y"]], dtype=np.float64).T  # (B, 2)
        titles = ["1st direction among codes", "2nd direction among codes"]
        clouds(canvas, place, np.array(shown["cluster"], dtype=np.int64), shown["label"], titles)

    def alt(self, record: Record) -> str:
        found = latent_of(record)
        assert found is not None
        name, shown = found
        codes = np.array(shown["cluster"], dtype=np.int64)
        return f"Codes of {name}, {shown['width']} numbers each, of {len(codes):,} rows: {sizes_said(codes)}."
