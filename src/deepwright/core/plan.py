"""Plan: how to train, said once; the `training:` section of a recipe and the argument of `train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from deepwright.core.config import Config, Seconds

Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""On a learning rate; what shall not move at all is frozen, not given 0."""


Step = str | dict[str, dict[str, Any] | None]
"""One augmentation: its name, or {name: options}."""


def _listed(value: object) -> object:
    """`flip` and `{flip: {}, crop: {}}` as lists; `none` as an empty one."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, Mapping):
        value = [{name: options} for name, options in value.items()]
    if value in (["none"], ("none",)):
        return ()
    for entry in value if isinstance(value, (list, tuple)) else ():
        named = isinstance(entry, Mapping) and len(entry) == 1
        if not (isinstance(entry, str) or (named and isinstance(next(iter(entry.values())), Mapping | None))):
            raise ValueError(f"expected names, or names with options, [flip, {{crop: {{padding: 4}}}}]; got {entry!r}")
    return value


class PartPlan(Config):
    """What one part of a learner does differently; None: as the plan says."""

    optimizer: str | None = None
    """Its optimizer."""
    lr: float | None = Field(default=None, gt=0)
    """Its learning rate, the peak of the schedule."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """SGD and RMSprop: share of the last step kept, 0 to 1."""
    betas: tuple[float, float] | None = None
    """Adam family: decay of the first and second moment, each 0 to 1."""
    weight_decay: float | None = Field(default=None, ge=0)
    """L2 pull towards zero on its weight matrices."""
    rates: dict[str, Factor] | None = None
    """Its factors on the learning rate, as in the plan."""


class Plan(Config):
    """How to train. Training ends at the first of `epochs`, `steps` and `time` that is reached."""

    epochs: int | None = Field(default=None, ge=1)
    """Passes over the training rows; for streams without an end, unused."""
    steps: int | None = Field(default=None, ge=1)
    """Optimizer steps."""
    time: Seconds | None = Field(default=None, gt=0)
    """Wall-clock budget in seconds, or "60s", "5m", "1h"."""

    batch: int | Literal["full"] = 256
    """Rows in one batch, from 1; "full" is all training rows (batch gradient descent)."""
    accumulate: int = Field(default=1, ge=1)
    """Micro-batches in one optimizer step; the step equals one of `accumulate * batch` rows."""
    shuffle: bool = True
    """Draw a new order each epoch from (seed, epoch)."""

    optimizer: str = "adamw"
    """Name of an optimizer of PyTorch, as `deepwright list optimizers` shows: sgd, adam, adamw, rmsprop, …"""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate, the peak of the schedule; 1e-4 to 1e-1 is usual."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """SGD and RMSprop: share of the last step kept, 0 to 1."""
    nesterov: bool = False
    """SGD: look ahead along the momentum."""
    betas: tuple[float, float] | None = None
    """Adam family: decay of the first and second moment, each 0 to 1; None is the optimizer's own default."""
    eps: float | None = Field(default=None, gt=0)
    """Adam family, RMSprop and Adagrad: guard against division by zero; None is the optimizer's own default."""
    weight_decay: float = Field(default=0.0, ge=0)
    """L2 pull towards zero on weight matrices, never on biases and norms; decoupled for AdamW."""

    rates: dict[str, Factor] = {}
    """Beginning of parameters' names, up to a dot → factor on the learning rate there, of several the longest:
    {stages: 0.1, stages.3: 0.3}; parameters not named learn at the full rate. For fine-tuning: a small rate for what
    another task has taught, the full one for the new output layer."""

    schedule: str = "constant"
    """Name of a learning-rate schedule: constant, step, exponential, cosine, one_cycle, linear, plateau."""
    warmup: float = Field(default=0.0, ge=0, lt=1)
    """Share of the training during which the rate rises from 0."""
    gamma: float = Field(default=0.1, gt=0, le=1)
    """Schedules step, exponential and plateau: factor on the rate at each drop (exponential: over the whole run)."""
    floor: float = Field(default=0.0, ge=0, le=1)
    """Schedules cosine and linear: share of the rate that they end at."""
    every: int = Field(default=30, ge=1)
    """Schedule step: epochs between drops. Schedule plateau: reports without improvement before a drop."""

    clip: float | None = Field(default=None, gt=0)
    """Largest gradient norm of a step; longer gradients are scaled down. None: no clipping."""
    l1: float = Field(default=0.0, ge=0)
    """Weight of the sum of absolute weights, added to the loss (sparsity)."""
    max_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the incoming weights of a unit, enforced after each step. None: no limit."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay of a moving average of the weights (0.99 to 0.9999), used for validation and prediction."""
    mixup: float = Field(default=0.0, ge=0)
    """Alpha of the Beta distribution that mixes pairs of rows and their targets; 0 is off (numbers and pictures)."""
    cutmix: float = Field(default=0.0, ge=0)
    """Alpha likewise of the share of a picture that is left when a box of another row's picture is pasted into it, the
    targets mixed by areas; 0 is off. Beside mixup each batch takes one of the two."""
    augment: Annotated[tuple[Step, ...], BeforeValidator(_listed)] | None = None
    """How pictures are changed at random while training, in order: names (`deepwright list augmentations`) or names
    with options, [flip, {crop: {padding: 4}}]; none for not at all. Left out: what cannot change the name of what they
    show. Validation, test and prediction see pictures as they are."""
    noise: float = Field(default=0.0, ge=0)
    """Standard deviation of Gaussian noise on standardised number inputs while training; 0 is off."""

    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation score before training stops and the best weights come back; None: never."""
    seed: int = Field(default=0, ge=0)
    """Of initial weights, order, dropout and everything else random."""
    device: str = "auto"
    """ "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", "mps"."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the forward pass; "auto" is bfloat16 on GPUs that have it, else float32."""
    compile: bool = False
    """Compile the step with torch.compile: pays in long runs."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads; None: one for small networks, all cores for large ones."""

    report_every: int | None = Field(default=None, ge=1)
    """Steps between reports; None: one report an epoch (or every 100 steps where there are no epochs)."""
    checkpoint_every: Seconds = Field(default=30.0, ge=0)
    """Seconds between checkpoints; 0 saves at every report."""
    halt_after: int = Field(default=20, ge=1)
    """Steps in a row whose loss or gradient is not finite before training stops; none of them touches the weights."""

    parts: dict[str, PartPlan] = {}
    """Part of the learner → what is different for it: {critic: {lr: 4e-4}}; parts not named follow the plan."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.epochs is None and self.steps is None and self.time is None:
            raise ValueError("training needs an end: give epochs, steps or time")
        return self

    def for_part(self, name: str) -> Plan:
        """The plan as it holds for one part of a learner."""
        own = self.parts.get(name)
        return self.model_copy(update=own.model_dump(exclude_none=True)) if own else self
