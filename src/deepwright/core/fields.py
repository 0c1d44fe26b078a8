"""Fields: what an encoded batch holds, said once, so that networks are built without seeing data.

Axes: B rows, N number columns, C category columns, T tokens; of an image C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Field:
    """One tensor that a column contributes to a batch.

    form:  "number" (float32), "category" (int64 codes), "tokens" (int64 ids, 0 is padding), "image" (uint8); kinds to
           come add theirs.
    name:  column, with a suffix where a column gives several ("age", "age.missing", "when.month").
    size:  number: width, always 1 · category: how many codes, code 0 is "unknown" · tokens: vocabulary size.
    shape: image: (channels, height, width) of every picture; other forms: ().
    """

    form: str
    name: str
    size: int = 1
    shape: tuple[int, ...] = ()

    def plain(self) -> dict[str, Any]:
        """For JSON; a shape is said where there is one."""
        said: dict[str, Any] = {"form": self.form, "name": self.name, "size": self.size}
        return {**said, "shape": list(self.shape)} if self.shape else said


@dataclass(frozen=True)
class Signature:
    """The fields of a table in order; what a batch holds follows from it.

    batch["number"]        (B, N) float32, the number fields side by side, in order
    batch["category"]      (B, C) int64, the category fields side by side, in order
    batch["tokens:NAME"]   (B, T) int64, one tensor for each field of that form (any other form likewise)
    batch["image:NAME"]    (B, C, H, W) uint8, of the field's shape; float32 from 0 to 1 once it has been augmented
    """

    fields: tuple[Field, ...]

    def of(self, form: str) -> tuple[Field, ...]:
        """The fields of one form, in order."""
        return tuple(field for field in self.fields if field.form == form)

    @property
    def numbers(self) -> int:
        """N, the width of batch["number"]."""
        return len(self.of("number"))

    @property
    def categories(self) -> tuple[int, ...]:
        """The number of codes of each category field, in order."""
        return tuple(field.size for field in self.of("category"))

    @property
    def forms(self) -> frozenset[str]:
        """The forms that occur; a network is offered only where it takes all of them."""
        return frozenset(field.form for field in self.fields)
