"""Recipe: everything that decides a run, in one typed tree; what `recipe.yaml` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from deepwright.core.config import Config, Seconds
from deepwright.core.find import names

GROUPS = ("rule", "networks", "all")
"""Entries of `contenders` that stand for several."""
NOT_IN_ALL = frozenset({"network", "network_features", "rule_base"})
"""Contenders that "all" leaves out: they need settings of their own."""


def label(entry: str | Mapping[str, Any]) -> str:
    """The name under which an entry of `contenders` runs: "small" for {network: mlp, as: small}, "linear_network" for
    {network: linear}, since the classical contender is called linear too."""
    if isinstance(entry, str):
        return entry.rpartition(":")[2]
    if "as" not in entry and "network" in entry:
        return network_label(str(entry["network"]))
    named = entry.get("as") or next((key for key in entry if key != "as"), "")
    return str(named).rpartition(":")[2]


def network_label(name: str) -> str:
    """The name under which a network runs that is given no other."""
    return f"{name}_network" if name in names("contender") else name.rpartition(":")[2]


class SplitRecipe(Config):
    """How rows are dealt to train, valid and test."""

    by: Literal["auto", "random", "stratified", "group", "time", "order", "column", "files"] = "auto"
    """auto: as the task says: stratified for classes, in order for a language model, random else. group and time need
    `column`; column reads the part from it; order: the first rows train, the last ones test."""
    column: str | None = None
    """The column that groups, orders or names the part."""
    test: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows kept for the final score, touched once."""
    valid: float = Field(default=0.15, gt=0, lt=1)
    """Share of the rows that choose between contenders and stop training."""
    valid_source: str | None = None
    """by files: where the validation rows are; without it they are drawn from the training file."""
    test_source: str | None = None
    """by files: where the test rows are."""
    seed: int = Field(default=0, ge=0)
    """Of the draw."""


class PicturesRecipe(Config):
    """How columns of pictures are read."""

    size: int | tuple[int, int] | None = None
    """Pixels of a side, or [height, width], up to 1,024; None: as the training pictures are, at most 64."""
    channels: Literal[1, 3, 4] | None = None
    """1 is grey, 3 colour, 4 colour with transparency; None: as the training pictures are."""
    operations: tuple[str | dict[str, Any], ...] = ()
    """Classic operations before that, in order: crop, resize, blur, median, sharpen, edges, vertical_edges,
    horizontal_edges, equalise, invert, grey; for example [grey, {blur: 1.5}, {crop: [0.1, 0.1, 0.9, 0.9]}]."""


class DataRecipe(Config):
    """What is read, and how columns are understood."""

    source: str
    """A path, a bundled data set's name (`deepwright list data`), or "frame" for data given in Python."""
    query: str | None = None
    """SQLite: a table's name or a SELECT."""
    reading: dict[str, Any] = {}
    """How to read, where the detected way is not wanted: delimiter, quote, encoding, decimal, header, missing, …"""
    kinds: dict[str, str] = {}
    """Column → kind, where the inferred one is not wanted."""
    ignore: tuple[str, ...] = ()
    """Columns to leave out."""
    use: tuple[str, ...] | None = None
    """Input columns to use; None: all but the target and those ignored or found to be identifiers."""
    scale: Literal["standard", "quantile", "minmax", "none"] = "standard"
    """How number columns are scaled for networks and linear models."""
    pictures: PicturesRecipe = PicturesRecipe()
    """How columns of pictures are read."""
    only: dict[str, tuple[str | int | float | bool, ...]] = {}
    """Column → the values of the rows to use, all others being left out: {digit: [0, 1, 2]}."""
    distinct: bool = False
    """Keep only the first of rows that are equal in every column."""
    rows: int | None = Field(default=None, ge=1)
    """Use only so many rows, drawn with the split's seed; None: all."""
    memory: int = Field(default=2048, ge=1)
    """Mebibytes that encoded training data may take in memory; more goes to memory-mapped files."""
    split: SplitRecipe = SplitRecipe()
    """How rows are dealt."""


class TaskRecipe(Config):
    """What is asked."""

    name: str = "auto"
    """A task's name (`deepwright list tasks`), or auto: by the target's kind, or by the columns without a target."""
    target: str | None = None
    """The column to predict; tasks without one (clustering, a language model) leave it out, or hold it back as a
    label to compare with."""
    metric: str | None = None
    """The primary metric; None: by the data."""
    options: dict[str, Any] = {}
    """The task's own keys: loss, class_weights, label_smoothing, huber_delta, hierarchy, threshold, …"""


class Recipe(Config):
    """The whole of a run. `deepwright fit` writes one; every run folder holds one; running it again repeats it."""

    version: Literal[1] = 1
    """Of the format."""
    name: str | None = None
    """Of the run folder, before its date; None: from the data's name."""
    about: str = ""
    """One line on what the recipe shows."""
    data: DataRecipe
    """What is read."""
    task: TaskRecipe
    """What is asked."""
    contenders: tuple[str | dict[str, Any], ...] | None = None
    """Who may answer: a contender's or network's name, "rule", "networks", "all", or an object
    {network: mlp, config: {widths: [16]}, training: {epochs: 100}, as: small} or {boosted_trees: {…}}, which takes the
    place of the one of its name in "rule" or "all"; without it those that the task names: for a column to predict rule,
    linear, boosted_trees and networks: tabm for tables, lenet5 and resnet20 for pictures."""
    time: Seconds | None = 300.0
    """For all contenders together, saving and report apart: seconds, "60s", "5m"; null: as long as it takes."""
    seed: int = Field(default=0, ge=0)
    """Of everything that the split's seed does not decide."""
    silence: tuple[str, ...] = ()
    """Findings that are intended and not to be shown again."""
    allow: tuple[str, ...] = ()
    """Data checks that are known and accepted, e.g. "target_leakage:casual+registered"."""
    learning_curve: bool = False
    """Fit the winner on growing shares of the training rows too."""
    parent: str | None = None
    """The run this one mends or continues; for people."""
