"""LightGBM's text, read by us before the library does: its parser trusts every number in it."""

from __future__ import annotations

import re

_HEADER = re.compile(
    r"tree\nversion=v4\nnum_class=(\d+)\nnum_tree_per_iteration=(\d+)\nlabel_index=0\nmax_feature_idx=(\d+)\n"
)
_OBJECTIVES = re.compile(r"objective=(binary sigmoid:1|regression|regression_l1|multiclass num_class:\d+)")
_PER_SPLIT = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_KEYS = frozenset(
    {*_PER_SPLIT, "num_leaves", "num_cat", "leaf_value", "leaf_weight", "leaf_count", "internal_value",
     "internal_weight", "internal_count", "is_linear", "shrinkage", "cat_boundaries", "cat_threshold"}
)  # fmt: skip


def checked(text: str, width: int, outcomes: int) -> str:
    """The text, certain to describe sound trees over `width` columns for so many outcomes; raises ValueError."""
    header = _HEADER.match(text)
    if header is None or header.groups() != (str(outcomes), str(outcomes), str(width - 1)):
        raise ValueError("its header does not fit the task and the columns")
    head, found, rest = text.partition("\n\nTree=")
    if not found or _OBJECTIVES.fullmatch(head.split("\n")[6]) is None:
        raise ValueError("it holds no tree, or an unknown objective")
    body, found, _ = rest.partition("\nend of trees\n")
    if not found:
        raise ValueError("it ends early")
    blocks = re.split(r"(?m)^Tree=", "Tree=" + body)[1:]
    # LightGBM jumps by these sizes through the text.
    sizes = [len(("Tree=" + block).rstrip("\n").encode()) + 3 for block in blocks]
    if head.split("\n")[9] != f"tree_sizes={' '.join(map(str, sizes))}" or len(blocks) % outcomes:
        raise ValueError("its tree sizes do not fit")
    for number, block in enumerate(blocks):
        _check_tree(block, number, width)
    return text


def _check_tree(block: str, number: int, width: int) -> None:
    first, *lines = block.rstrip("\n").split("\n")
    pairs = [line.split("=", 1) for line in lines]
    keys = [pair[0] for pair in pairs]
    if first != str(number) or len(set(keys)) != len(keys) or not set(keys) <= _KEYS or any(len(p) < 2 for p in pairs):
        raise ValueError(f"tree {number} has unknown or repeated lines")
    entries = {key: value.split() for key, value in pairs}
    leaves, categories = int(entries["num_leaves"][0]), int(entries["num_cat"][0])
    if not 1 <= leaves <= 1 << 17 or entries["is_linear"] != ["0"] or len(entries["leaf_value"]) != leaves:
        raise ValueError(f"tree {number} has another number of leaves than it says")
    if not all(abs(float(value)) < 1e300 for value in entries["leaf_value"]):
        raise ValueError(f"tree {number} has a leaf that is not finite")
    if leaves > 1:
        _check_splits(entries, leaves, categories, width, number)


def _check_splits(entries: dict[str, list[str]], leaves: int, categories: int, width: int, number: int) -> None:
    if any(len(entries[key]) != leaves - 1 for key in _PER_SPLIT):
        raise ValueError(f"tree {number} has another number of splits than it says")
    features = [int(feature) for feature in entries["split_feature"]]
    children = [*enumerate(map(int, entries["left_child"])), *enumerate(map(int, entries["right_child"]))]
    below = sorted(child for _, child in children)
    # Every node and leaf but the root hangs below exactly one split, and below a lower number: no circle.
    if not all(0 <= feature < width for feature in features) or below != [*range(-leaves, 0), *range(1, leaves - 1)]:
        raise ValueError(f"tree {number} is no tree over these columns")
    if any(0 <= child <= parent for parent, child in children):
        raise ValueError(f"tree {number} goes round in a circle")
    coded = [float(t) for t, kind in zip(entries["threshold"], entries["decision_type"], strict=True) if int(kind) & 1]
    bounds = [int(bound) for bound in entries.get("cat_boundaries", ["0"])]
    masks = len(entries.get("cat_threshold", []))
    sound = len(bounds) == categories + 1 and bounds == sorted(bounds) and bounds[0] == 0 and bounds[-1] == masks
    if not sound or any(place not in range(categories) for place in coded):
        raise ValueError(f"tree {number} has groups of categories that do not fit")
