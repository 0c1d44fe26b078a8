"""Next token: a network that reads a text from left to right and learns what follows; GPT unless another is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import torch

from deepwright.blocks.network import CausalNetwork
from deepwright.contenders._learned import LearnedContender, LearnedModel
from deepwright.contenders._reading import Reader
from deepwright.contenders._settings import settings
from deepwright.contenders._speech import SpeakingModel, Voice, characters_of, with_starts
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Order
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Signature
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.kinds.characters import FIRST
from deepwright.learners.next_token import NextToken, surprise
from deepwright.streams.windows import Windows

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_CONTEXT = 64
"""Tokens in a training window of a network that could read any number."""
_CHECKED = 256
"""Windows of the validation text that the training loss is taken on, spread evenly."""
_SHOWN = Order(length=160, temperature=0.8)


@final
class NextTokenModel(SpeakingModel, LearnedModel):
    """A network that says what follows; `deep["network"]` names it."""

    def __init__(
        self,
        learner: NextToken,
        task: Any,
        encoding: Encoding,
        options: Config,
        deep: dict[str, Any],
        shown: list[dict[str, Any]] | tuple[()] = (),
    ) -> None:
        super().__init__(learner, task, encoding, options, deep, shown)
        self.encoder = characters_of(encoding)
        self._reader = Reader(learner.net)  # type: ignore[arg-type]

    def nats(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return self._reader.nats(codes, lengths)  # (N,)

    def voice(self, prompt: np.ndarray) -> Voice:
        return self._reader.voice(prompt)


@final
class NextTokenContender(LearnedContender):
    """Learns from windows of the training texts, one behind the other with a mark before each."""

    name = "next_token"
    paper = "Radford et al., 2019, Language Models are Unsupervised Multitask Learners"
    tasks = frozenset({"language_modelling"})
    model: ClassVar[type[LearnedModel]] = NextTokenModel
    recommended = {
        "optimizer": "adamw",
        "lr": 3e-3,
        "betas": (0.9, 0.99),
        "weight_decay": 0.1,
        "schedule": "cosine",
        "warmup": 0.05,
        "floor": 0.1,
        "clip": 1.0,
        "batch": 12,
        "steps": 2_000,
        "report_every": 250,
    }

    class Options(LearnedContender.Options):
        """The contender's keys in a recipe."""

        network: str = "gpt"
        """A network that answers at every position, or your own class, "package.module:Class"."""
        config: dict[str, Any] = {}
        """The network's own settings; those not given are its defaults."""

    def __init__(self, options: Config) -> None:
        super().__init__(options)
        assert isinstance(options, NextTokenContender.Options)
        self.cls: type[CausalNetwork] = find("network", options.network)
        if not self.cls.per_position:
            raise RecipeError(
                f"{options.network} answers once for a row, a language model answers at every position.",
                where="network",
                remedy="Name gpt, or a CausalNetwork of your own.",
            )
        self.config = settings(self.cls.Config, options.config, "config")

    @classmethod
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Config:
        small = {"layers": 1, "heads": 2, "width": 16, "context": 8}
        return cls.Options(config=small, training={"steps": 40, "report_every": 20})

    def build(self, task: Any, encoding: Encoding) -> NextToken:
        (field,) = characters_of(encoding).fields
        return NextToken(self.cls(self.config, Signature((field,)), field.size), FIRST)

    def stream(self, learner: Any, train: pl.DataFrame, brief: Brief, plan: Plan) -> Windows:
        encoder = characters_of(brief.encoding)
        tokens, _ = with_starts(*encoder.sequences(train.get_column(encoder.column)))
        return Windows(
            torch.from_numpy(tokens),
            name=encoder.column,
            length=learner.net.context or _CONTEXT,
            batch=len(tokens) if plan.batch == "full" else plan.batch,
            seed=plan.seed,
        )

    def about(self, learner: Any) -> str:
        return str(learner.net.about())

    def show(self, learner: Any, brief: Brief) -> dict[str, Any]:
        made = self.model(learner, brief.task, brief.encoding, self.options, {})
        return {"text": "".join(map(str, made.generate(_SHOWN) or ()))}

    def valid_loss(self, model: LearnedModel, valid: pl.DataFrame) -> float:
        encoder = characters_of(model.encoding)
        tokens, _ = with_starts(*encoder.sequences(valid.get_column(encoder.column)))
        length = min(model.learner.net.context or _CONTEXT, len(tokens) - 1)
        begins = torch.arange(0, len(tokens) - length, length)  # (W,)
        begins = begins[:: -(-len(begins) // _CHECKED)]  # (B,)
        windows = torch.from_numpy(tokens)[begins[:, None] + torch.arange(length + 1)]  # (B, T + 1)
        with torch.no_grad():
            logits = model.learner.net({f"tokens:{encoder.column}": windows[:, :-1]})  # (B, T, S)
            nats = surprise(logits, windows[:, 1:], FIRST)  # (B, T)
        return float(nats.sum() / (windows[:, 1:] >= FIRST).sum().clamp(min=1))
