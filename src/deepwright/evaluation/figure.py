"""Figure: one picture of a run; the contract of `evaluation/figures/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from deepwright.evaluation.motion import Motion
    from deepwright.evaluation.record import Record


class Figure(ABC):
    """One picture, drawn from a run folder alone. Stateless; one file each in `evaluation/figures/`.

    Units are pixels at natural size; text is 10 to 12 px. Colours come from `evaluation.style` and never stand alone:
    a marker, a line style, a number or a label says the same.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What it shows, as a heading."""
    caption: ClassVar[str]
    """How to read it, in one or two sentences for someone who has not met it."""

    @abstractmethod
    def suits(self, record: Record) -> bool:
        """Whether the run has what it takes; a figure that does not suit is left out."""

    @abstractmethod
    def draw(self, record: Record, canvas: Canvas) -> None:
        """Draw on an empty canvas; only called where it suits."""

    @abstractmethod
    def alt(self, record: Record) -> str:
        """What it shows in words and numbers, for those who cannot see it."""

    def motions(self, record: Record) -> Sequence[Motion]:
        """Parts that move on the page, by the `gid` they were drawn with; the drawing itself shows where they end."""
        return ()

    def height(self, record: Record) -> int:
        """Pixels; the width is the same for all."""
        return 320
