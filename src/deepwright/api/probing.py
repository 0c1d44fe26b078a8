"""Probing: a network tried on the user's data before it is trained: rates, batches, eight rows by heart, gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepwright.api.entries import entries
from deepwright.api.ground import Ground, make_ground
from deepwright.api.recipes import apply_override, validate
from deepwright.api.telling import Teller
from deepwright.core.errors import RecipeError, not_found

if TYPE_CHECKING:
    from torch import Tensor

    from deepwright.contenders.network import NetworkContender
    from deepwright.learners.supervised import Supervised

_BY_HEART = 8
"""Rows that a sound network learns by heart."""
_HEART_STEPS = 300
_HEART_SHARE = 0.05
"""Of the first loss; what must be left of it."""


@dataclass(frozen=True)
class Found:
    """What a probe found: `content` as JSON-able data; `says` in words, with a picture in characters."""

    content: dict[str, Any]
    says: str

    def __str__(self) -> str:
        return self.says

    __rich__ = __str__


def probe(what: str, data: Any, target: str, *, network: str = "mlp", overrides: Sequence[str] = ()) -> Found:
    """Try a network: what is "lr", "batch", "overfit" or "gradient".

    overrides: recipe keys as for `fit`; `training.optimizer=sgd` and the like go to the network.
    Raises NotFoundError for another word or network, DataError for data that cannot be used.
    """
    probes: dict[str, Callable[[Tried], Found]] = {
        "lr": _lr, "batch": _batch, "overfit": _overfit, "gradient": _gradient,
    }  # fmt: skip
    if what not in probes:
        raise not_found("probe", what, probes)
    return probes[what](_tried(data, target, network, overrides))


@dataclass(frozen=True)
class Tried:
    """A network with its first weights, the training rows as tensors, and the plan it would be trained by."""

    contender: NetworkContender
    learner: Supervised
    columns: dict[str, Tensor]


def _tried(data: Any, target: str, network: str, overrides: Sequence[str]) -> Tried:
    import torch

    from deepwright.contenders._network_model import Blueprint
    from deepwright.contenders._network_rows import inputs
    from deepwright.contenders.network import NetworkContender
    from deepwright.learners.supervised import Supervised

    named = isinstance(data, str)
    content: dict[str, Any] = {
        "data": {"source": data if named else "frame"},
        "task": {"target": target},
        "contenders": [{"network": network}],
    }
    for override in overrides:
        content = apply_override(content, override)
    recipe = validate(content, where="probe")
    ground: Ground = make_ground(recipe, data, Teller())
    made = entries(recipe, ground.task, ground.forms)[0].made
    if not isinstance(made, NetworkContender):
        raise RecipeError("a probe needs a network.", where="contenders", remedy="Name one with --network.")
    chosen = made.chosen
    train = ground.rows("train")
    columns = inputs(train, ground.encoding)
    columns["target"] = torch.from_numpy(ground.target_task.encode(train.get_column(target)))
    torch.manual_seed(recipe.seed)
    net = Blueprint(
        network=chosen.network,
        config=chosen.config,
        signature=ground.encoding.signature,
        outputs=ground.target_task.outputs,
    ).build()
    net.prepare({name: column[:10_000] for name, column in columns.items()})
    return Tried(contender=made, learner=Supervised(net, ground.target_task.loss), columns=columns)


def _lr(tried: Tried) -> Found:
    from deepwright.improve.lr_finder import find_lr
    from deepwright.streams.rows import Rows

    plan = tried.contender.plan
    found = find_lr(tried.learner, lambda: Rows(tried.columns, batch=_size(tried, 64)), plan)
    content = {
        "suggestion": found.suggestion,
        "diverges": found.diverges,
        "rates": list(found.rates),
        "losses": list(found.losses),
    }
    ends = f"and leaves it far behind at {found.diverges:.2g}" if found.diverges else "and never diverges"
    says = (
        f"{_picture(list(found.losses))}  loss from rate {found.rates[0]:.0e} to {found.rates[-1]:.0e}\n"
        f"The loss falls fastest at {found.suggestion:.2g} {ends}.\n"
        f"Try it with: training.lr={found.suggestion:.1g}"
    )
    return Found(content, says)


def _batch(tried: Tried) -> Found:
    from deepwright.improve.batch_finder import find_batch
    from deepwright.streams.rows import Rows

    rows = len(tried.columns["target"])
    found = find_batch(
        tried.learner,
        lambda size: Rows(tried.columns, batch=size),
        tried.contender.plan,
        largest=min(16_384, max(16, rows)),
    )
    content = {
        "suggestion": found.suggestion,
        "largest": found.largest,
        "sizes": list(found.sizes),
        "rows_per_second": list(found.rows_per_second),
    }
    lines = [
        f"  {size:>6} rows a batch   {speed:>12,.0f} rows a second"
        for size, speed in zip(found.sizes, found.rows_per_second, strict=True)
    ]
    lines.append(f"Beyond {found.suggestion} little is gained. Try it with: training.batch={found.suggestion}")
    return Found(content, "\n".join(lines))


def _overfit(tried: Tried) -> Found:
    from deepwright.streams.rows import Rows
    from deepwright.training import train

    plan = tried.contender.plan.model_copy(
        update={
            "epochs": None,
            "steps": _HEART_STEPS,
            "time": None,
            "schedule": "constant",
            "weight_decay": 0.0,
            "patience": None,
            "report_every": 10,
        }
    )
    every = max(1, len(tried.columns["target"]) // _BY_HEART)
    rows = {name: column[::every][:_BY_HEART] for name, column in tried.columns.items()}
    losses = [sum(report.losses.values()) for report in train(tried.learner, Rows(rows, batch="full"), plan)]
    passed = losses[-1] < _HEART_SHARE * losses[0]
    content = {"first": losses[0], "last": losses[-1], "steps": _HEART_STEPS, "rows": _BY_HEART, "passed": passed}
    verdict = (
        "It can learn: look for the trouble elsewhere."
        if passed
        else "It cannot learn eight rows by heart. Look at the rate (probe lr), dropout, the loss, and the data."
    )
    says = (
        f"{_picture(losses)}  loss of {_BY_HEART} rows over {_HEART_STEPS} steps\n"
        f"From {losses[0]:.3g} to {losses[-1]:.3g}. {verdict}"
    )
    return Found(content, says)


def _gradient(tried: Tried) -> Found:
    from deepwright.improve.gradient_check import check_gradients

    batch = {name: column[:_BY_HEART] for name, column in tried.columns.items()}
    found = check_gradients(tried.learner, batch)
    content = {
        "error": found.error,
        "passed": found.passed,
        "parameter": found.parameter,
        "analytic": found.analytic,
        "numeric": found.numeric,
        "checked": found.checked,
    }
    says = (
        f"{found.checked} gradients compared with central differences in float64: "
        f"the largest relative difference is {found.error:.1e}, in {found.parameter} "
        f"({found.analytic:.6g} against {found.numeric:.6g}).\n"
        f"{'They agree.' if found.passed else 'They do not agree: look at the backward pass of that layer.'}"
    )
    return Found(content, says)


def _size(tried: Tried, default: int) -> int:
    batch = tried.contender.plan.batch
    return default if batch == "full" else min(batch, max(1, len(tried.columns["target"]) // 4))


def _picture(values: list[float], width: int = 40) -> str:
    """A line of block characters, high for high values."""
    bars = "▁▂▃▄▅▆▇█"
    picked = [values[i * (len(values) - 1) // max(1, width - 1)] for i in range(min(width, len(values)))]
    low, high = min(picked), max(picked)
    return "".join(bars[round((value - low) / ((high - low) or 1.0) * (len(bars) - 1))] for value in picked)
