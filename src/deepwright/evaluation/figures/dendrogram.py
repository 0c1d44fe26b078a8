"""The tree of merges of hierarchical clustering, from its last branches up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class Dendrogram(Figure):
    """Only the last merges are drawn; each leaf is a branch of rows."""

    name: ClassVar[str] = "dendrogram"
    title: ClassVar[str] = "Tree of merges"
    caption: ClassVar[str] = (
        "Read from below: each arch joins two groups of rows, at the height of what the merge costs (Ward's distance). "
        "Long legs are groups that lie apart; the dashed line cuts the tree into the clusters. Numbers below are "
        "training rows."
    )

    def suits(self, record: Record) -> bool:
        return _tree(record) is not None

    def height(self, record: Record) -> int:
        return 260

    def draw(self, record: Record, canvas: Canvas) -> None:
        tree = _tree(record)
        assert tree is not None
        axes = canvas.add_subplot()
        for x, height in zip(tree["x"], tree["height"], strict=True):
            axes.plot(x, height, color=style.ACCENT, linewidth=1.4)
        axes.axhline(tree["cut"], color=style.WARM, linestyle=(0, (4, 3)), linewidth=1.4)
        axes.annotate("cut", (1, tree["cut"]), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                      textcoords="offset points", ha="right", color=style.WARM, fontsize=11)  # fmt: skip
        places = [5 + 10 * k for k in range(len(tree["sizes"]))]
        axes.set_xticks(places, [f"{size:,}" for size in tree["sizes"]], fontsize=9, rotation=60, color=style.INK)
        axes.set_xlabel("training rows in each branch")
        axes.set_ylabel("cost of the merge")
        axes.set_ylim(0, None)
        style.thousands(axes, "y")

    def alt(self, record: Record) -> str:
        tree = _tree(record)
        assert tree is not None
        top = max(max(height) for height in tree["height"])
        count = 1 + sum(max(height) > tree["cut"] for height in tree["height"])
        return (
            f"The last {len(tree['sizes'])} branches of {sum(tree['sizes']):,} rows; the last merge costs "
            f"{style.number(top)}, the cut at {style.number(tree['cut'])} leaves {count} clusters."
        )


def _tree(record: Record) -> dict[str, Any] | None:
    for shown in record.exhibits.values():
        if isinstance(shown.get("dendrogram"), dict) and len(shown["dendrogram"]["sizes"]) >= 3:
            tree: dict[str, Any] = shown["dendrogram"]
            return tree
    return None
