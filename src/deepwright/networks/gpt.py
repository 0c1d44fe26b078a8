"""GPT: a decoder of transformer blocks that reads tokens from left to right and says what follows each.

Paper: Radford, Wu, Child, Luan, Amodei, Sutskever, 2019, "Language Models are Unsupervised Multitask Learners" (GPT-2):
layer norm before attention and before the MLP and once more at the end, learned positions, GELU in its tanh form,
weights N(0, 0.02) and those that write into the residual stream N(0, 0.02 / √(2 L)), the output layer tied to the
token embedding. Attention: Vaswani et al., 2017, "Attention Is All You Need". `bias: false`, the default, leaves the
biases out, as small models of today do.

Axes: B rows, T positions (S new ones, M remembered ones), D width, H heads, E = D / H width of a head, V tokens.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.network import Batch, CausalNetwork, Memory, Published
from deepwright.core import config as core
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature

_SPREAD = 0.02


class GPT(CausalNetwork):
    """Tokens + positions → (norm → attention → add, norm → MLP → add) for each layer → norm → tied output layer."""

    takes = frozenset({"tokens"})
    paper = "Radford et al., 2019, Language Models are Unsupervised Multitask Learners"
    published = (
        Published(
            what="GPT-2 small: 12 layers, 12 heads, 768 wide, context 1,024, 50,257 tokens",
            parameters=124_439_808,
            signature=Signature((Field(form="tokens", name="text", size=50_257),)),
            outputs=50_257,
            config={"layers": 12, "heads": 12, "width": 768, "context": 1024, "bias": True},
        ),
        Published(
            what="nanoGPT's model of Shakespeare's characters: 6 layers, 6 heads, 384 wide, context 256, 65 tokens",
            parameters=10_745_088,
            signature=Signature((Field(form="tokens", name="text", size=65),)),
            outputs=65,
            config={"layers": 6, "heads": 6, "width": 384, "context": 256},
        ),
    )

    class Config(core.Config):
        """What can be chosen about it."""

        layers: int = Limits(default=4, ge=1, le=200)
        """Blocks of attention and MLP; 4 to 12 for small models."""
        heads: int = Limits(default=4, ge=1, le=200)
        """Attentions side by side in each layer; must divide the width."""
        width: int = Limits(default=128, ge=1, le=20_000)
        """Numbers that stand for a token, 64 to 768; the MLP is four times as wide."""
        context: int = Limits(default=64, ge=1, le=100_000)
        """The most tokens it looks back on, the present one included; cost grows faster than evenly with it."""
        dropout: float = Limits(default=0.0, ge=0, lt=1)
        """Share of numbers silenced at random while training; 0.1 to 0.2 where the text is read many times."""
        bias: bool = False
        """Whether linear layers and norms have a number added; GPT-2 has it."""
        tied: bool = True
        """Share the output layer's weights with the token embedding, where there are as many outputs as tokens."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        if len(signature.fields) != 1 or signature.fields[0].form != "tokens":
            raise RecipeError("gpt reads one column of tokens, and nothing else.", remedy="Leave other columns out.")
        if config.width % config.heads:
            raise RecipeError(
                f"{config.heads} heads do not divide a width of {config.width}.",
                where="config.heads",
                remedy=f"For example {_fewer(config.heads, config.width)}.",
            )
        (field,) = signature.fields
        self.shape = (config.layers, config.heads, config.width, config.context)
        self._key = f"tokens:{field.name}"
        self.tokens = nn.Embedding(field.size, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.silence = Dropout(config.dropout)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, bias=config.bias)
        tied = config.tied and outputs == field.size
        self.output = None if tied else nn.Linear(config.width, outputs, bias=False)
        self._initialise(config.layers)

    @property
    def head(self) -> nn.Embedding | nn.Linear:
        return self.tokens if self.output is None else self.output

    @property
    def context(self) -> int:
        return self.shape[3]

    def about(self) -> str:
        layers, heads, width, context = self.shape
        return f"GPT, {layers} layers, {heads} heads, {width} wide, context {context}"

    def forward(self, batch: Batch) -> Tensor:
        return self.go_on(batch[self._key], ())[0]  # (B, T, outputs)

    def go_on(self, tokens: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        before = memory[0].shape[2] if memory else 0
        self._check(before + tokens.shape[1])
        here = torch.arange(before, before + tokens.shape[1], device=tokens.device)  # (S,)
        x = self.silence(self.tokens(tokens) + self.positions(here))  # (B, S, D)
        kept: Memory = ()
        for number, block in enumerate(self.blocks):
            x, keys_and_values = block(x, memory[2 * number : 2 * number + 2])  # (B, S, D), (B, H, M + S, E) twice
            kept += keys_and_values
        x = self.norm(x)  # (B, S, D)
        return F.linear(x, self.head.weight), kept  # (B, S, outputs)

    def _check(self, positions: int) -> None:
        if positions > self.context:
            raise RecipeError(
                f"{positions} tokens do not fit into a context of {self.context}.",
                where="config.context",
                remedy="Make the context longer, or give shorter pieces.",
            )

    @torch.no_grad()
    def _initialise(self, layers: int) -> None:
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                into_residual = name.endswith(("mix.weight", "down.weight"))
                nn.init.normal_(parameter, std=_SPREAD / math.sqrt(2 * layers) if into_residual else _SPREAD)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


def _fewer(heads: int, width: int) -> int:
    """The most heads, but not more than these, that divide the width."""
    return next(number for number in range(heads, 0, -1) if width % number == 0)


class _Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x))."""

    def __init__(self, config: GPT.Config) -> None:
        super().__init__()
        width, bias = config.width, config.bias
        self.heads, self.dropout = config.heads, config.dropout
        self.first = nn.LayerNorm(width, bias=bias)
        self.attend = nn.Linear(width, 3 * width, bias=bias)
        self.mix = nn.Linear(width, width, bias=bias)
        self.second = nn.LayerNorm(width, bias=bias)
        self.up = nn.Linear(width, 4 * width, bias=bias)
        self.down = nn.Linear(4 * width, width, bias=bias)
        self.silence = Dropout(config.dropout)

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """(B, S, D) and keys and values (B, H, M, E) of the positions before → (B, S, D), those of all positions."""
        mixed, kept = self._attention(self.first(x), memory)  # (B, S, D), (B, H, M + S, E) twice
        x = x + self.silence(self.mix(mixed))  # (B, S, D)
        inner = F.gelu(self.up(self.second(x)), approximate="tanh")  # (B, S, 4 D)
        return x + self.silence(self.down(inner)), kept  # (B, S, D)

    def _attention(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """softmax(q kᵀ / √E) v in each head; a position looks at itself and at those before it."""
        rows, new, width = x.shape
        three = self.attend(x).view(rows, new, 3, self.heads, width // self.heads)  # (B, S, 3, H, E)
        query, key, value = three.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, S, E) each
        seen = None
        if memory:
            key, value = torch.cat([memory[0], key], dim=2), torch.cat([memory[1], value], dim=2)  # (B, H, M + S, E)
            every = torch.ones(new, key.shape[2], dtype=torch.bool, device=x.device)
            seen = every.tril(key.shape[2] - new)  # (S, M + S)
        share = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, seen, share, is_causal=seen is None)  # (B, H, S, E)
        return mixed.transpose(1, 2).reshape(rows, new, width), (key, value)  # (B, S, D)
