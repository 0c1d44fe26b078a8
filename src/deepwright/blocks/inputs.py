"""Inputs: an encoded batch, as its Signature says, side by side in one row of numbers.

Axes: B rows, N number columns, C category columns, T tokens, E embedding width, D width of the whole.
"""

from __future__ import annotations

import torch
from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.number_embeddings import number_embedding
from deepwright.core.config import Config
from deepwright.core.errors import InternalError
from deepwright.core.fields import Signature

Batch = dict[str, Tensor]

TABLE_FORMS = frozenset({"number", "category", "tokens"})
"""The forms that TableInput reads."""


class CategoryInput(nn.Module):
    """Category codes (B, C) → (B, D): one-hot where there are few, a learned vector where there are many.

    Code 0, "unknown", is all zeros in both: the reference level. It needs no weights, so a value that training
    never showed meets none that were never trained.
    """

    def __init__(self, sizes: tuple[int, ...], one_hot_to: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.one_hot_to = one_hot_to
        self.embeddings = nn.ModuleDict(
            {str(c): _embedding(size, _width(size)) for c, size in enumerate(sizes) if size > one_hot_to}
        )
        self.widths = tuple(_width(size) if size > one_hot_to else max(size - 1, 1) for size in sizes)

    def forward(self, codes: Tensor) -> Tensor:
        """(B, C) → (B, D)"""
        parts = []
        for c, (size, width) in enumerate(zip(self.sizes, self.widths, strict=True)):
            if size > self.one_hot_to:
                parts.append(self.embeddings[str(c)](codes[:, c]))  # (B, E)
            else:
                known = torch.arange(1, width + 1, device=codes.device)
                parts.append((codes[:, c, None] == known).to(torch.get_default_dtype()))  # (B, size - 1)
        return torch.cat(parts, dim=1)  # (B, D)


class TokensInput(nn.Module):
    """Token ids (B, T) → (B, E): the mean of their learned vectors; 0 is padding and does not count."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.embedding = _embedding(size, width)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) → (B, E), zeros where there is no token"""
        total = self.embedding(ids).sum(dim=1)  # (B, E)
        count = (ids != 0).sum(dim=1, keepdim=True).clamp(min=1)  # (B, 1)
        return total / count  # (B, E)


class TableInput(nn.Module):
    """Numbers, categories and texts of a batch in one row: (B, D).

    widths: how many of the D columns each field takes, in order; D is their sum.
    """

    class Config(Config):
        """How fields enter a network."""

        numbers: str = "none"
        """Embedding of numbers: none, piecewise_linear, periodic, linear_relu."""
        number_width: int = Limits(default=16, ge=1, le=10_000)
        """Numbers in the vector of each number column, 4 to 64."""
        bins: int = Limits(default=48, ge=1, le=10_000)
        """Quantile bins of each number column for piecewise_linear, 2 to 128."""
        one_hot_to: int = Limits(default=64, ge=0)
        """Category columns with at most so many codes are one-hot, larger ones get learned vectors."""
        token_width: int = Limits(default=64, ge=1, le=10_000)
        """Numbers in the vector of a text column, 8 to 512."""

    def __init__(self, config: TableInput.Config, signature: Signature) -> None:
        super().__init__()
        if not signature.fields or not signature.forms <= TABLE_FORMS:
            raise InternalError(f"expected fields of {sorted(TABLE_FORMS)}, got {sorted(signature.forms)}.")
        self.numbers = number_embedding(config.numbers, signature.numbers, config.number_width, config.bins)
        number_width = 1 if self.numbers is None else config.number_width
        self.categories = CategoryInput(signature.categories, config.one_hot_to) if signature.categories else None
        texts = signature.of("tokens")
        self.texts = nn.ModuleList(TokensInput(text.size, config.token_width) for text in texts)
        self.text_keys = tuple(f"tokens:{text.name}" for text in texts)
        self.has_numbers = signature.numbers > 0
        self.widths = (
            *(number_width for _ in range(signature.numbers)),
            *(self.categories.widths if self.categories else ()),
            *(config.token_width for _ in texts),
        )

    @property
    def width(self) -> int:
        """D."""
        return sum(self.widths)

    def fit(self, batch: Batch) -> None:
        """Take what the number embedding needs (quantiles) from training rows."""
        if self.numbers is not None:
            self.numbers.fit(batch["number"])

    def forward(self, batch: Batch) -> Tensor:
        """Encoded columns → (B, D)"""
        parts = []
        if self.has_numbers:
            numbers = batch["number"]  # (B, N)
            parts.append(numbers if self.numbers is None else self.numbers(numbers).flatten(1))  # (B, N·E)
        if self.categories is not None:
            parts.append(self.categories(batch["category"]))  # (B, D of categories)
        parts.extend(text(batch[key]) for text, key in zip(self.texts, self.text_keys, strict=True))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)  # (B, D)


def _width(size: int) -> int:
    """Width of the vector of a category column with `size` codes: grows slowly, 17 for 64, 50 at most."""
    return min(50, round(1.7 * size**0.55))


def _embedding(size: int, width: int) -> nn.Embedding:
    embedding = nn.Embedding(size, width, padding_idx=0)
    with torch.no_grad():
        embedding.weight[1:] *= width**-0.5  # vectors of length about 1, the scale of one-hot and standardised numbers
    return embedding
