"""Part: the weights of a learner that one kind of move follows, with their optimizer and their moving average."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Variable

from deepwright.core.errors import RunError, TrainingError
from deepwright.core.plan import Plan
from deepwright.training._rates import factors
from deepwright.training.optimizers import Optimizer, build


class Part:
    """What an attribute of the learner holds that can be trained; frozen parameters are left out."""

    def __init__(self, learner: nn.Module, name: str, plan: Plan) -> None:
        self.name = name
        self.plan = plan.for_part(name)
        named = _named(learner, name)
        trained = _trained(named, name)
        self.names = list(trained)
        self.parameters: list[Tensor] = list(trained.values())
        self.values = [parameter.detach() for parameter in self.parameters]  # the same memory, outside autograd
        self._inputs = tuple(self.parameters)
        self._seeds: dict[tuple[float, torch.dtype], Tensor] = {}
        rates = factors(self.names, self.plan.rates, list(named))
        self.optimizer: Optimizer = build(self.plan.optimizer, self.parameters, self.plan, rates)
        self._matrices = [i for i, parameter in enumerate(self.parameters) if parameter.ndim >= 2]
        self._average = [value.clone() for value in self.values] if plan.ema else []

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def descend(self, loss: Tensor, share: float) -> None:
        """Add `share` of the gradient of the loss () to this part's weights, and to nothing else.

        Tensor.backward would do; called directly, autograd costs a fifth less where networks are small.
        """
        if loss.ndim or not loss.requires_grad:
            raise TrainingError(f"the loss of '{self.name}' must be one number that depends on its weights.")
        seed = self._seeds.get((share, loss.dtype))
        if seed is None:
            seed = self._seeds[share, loss.dtype] = torch.tensor(share, dtype=loss.dtype, device=loss.device)
        Variable._execution_engine.run_backward(
            (loss,), (seed,), False, False, self._inputs, allow_unreachable=True, accumulate_grad=True
        )

    def add(self, gradients: Sequence[Tensor | None], share: float) -> None:
        """Add `share` of gradients that were computed elsewhere, as `descend` adds those that it computes."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if gradient is not None:
                own = gradient if share == 1.0 else gradient * share
                parameter.grad = own if parameter.grad is None else parameter.grad + own

    def gradients(self) -> list[Tensor | None]:
        """Of the whole objective: the loss and, where the plan has one, the L1 penalty of the weight matrices."""
        gradients = [parameter.grad for parameter in self.parameters]
        if self.plan.l1:
            for i in self._matrices:
                gradient = gradients[i]
                if gradient is not None:
                    gradient.add_(self.values[i].sign(), alpha=self.plan.l1)
        return gradients

    def after_step(self) -> None:
        """Enforce the largest norm of a unit's incoming weights where they moved; let the moving average follow."""
        if self.plan.max_norm is not None:
            for i in self._matrices:
                if self.parameters[i].grad is not None:
                    self.values[i].renorm_(2, 0, self.plan.max_norm)
        if self._average and self.plan.ema:
            torch._foreach_lerp_(self._average, self.values, 1.0 - self.plan.ema)

    def exchange(self) -> None:
        """Weights and their moving average change places; a second call puts them back."""
        for value, average in zip(self.values, self._average, strict=False):
            kept = value.clone()
            value.copy_(average)
            average.copy_(kept)

    def state(self) -> dict[str, Any]:
        """Optimizer and moving average; the weights are the learner's."""
        average = {name: tensor.clone() for name, tensor in zip(self.names, self._average, strict=False)}
        return {"optimizer": self.optimizer.state(), "average": average}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave; raises RunError when it belongs to other weights."""
        self.optimizer.restore(state["optimizer"])
        if self._average and self.names != list(state["average"]):
            raise RunError(f"the checkpoint's moving average of '{self.name}' belongs to other weights.")
        for average, name in zip(self._average, self.names, strict=False):
            average.copy_(state["average"][name])


def _named(learner: nn.Module, name: str) -> dict[str, nn.Parameter]:
    """Name → parameter of the part."""
    try:
        held = attrgetter(name)(learner)
    except AttributeError as error:
        raise TrainingError(
            f"the learner yields a move for '{name}', but has no such attribute.",
            remedy=f"Its parts are: {', '.join(key for key, _ in learner.named_children())}.",
        ) from error
    return {name: held} if isinstance(held, nn.Parameter) else dict(held.named_parameters())


def _trained(named: dict[str, nn.Parameter], name: str) -> dict[str, nn.Parameter]:
    """Those that ask for a gradient."""
    trained = {key: parameter for key, parameter in named.items() if parameter.requires_grad}
    if not trained:
        raise TrainingError(f"the part '{name}' has no parameters that may be trained.")
    return trained


def norm_of(tensors: Sequence[Tensor | None]) -> Tensor:
    """() norm of all of them together; raises TrainingError when there is none."""
    return torch.linalg.vector_norm(torch.stack(norms_of(tensors)))


def norms_of(tensors: Sequence[Tensor | None]) -> list[Tensor]:
    """() norm of each that is there; raises TrainingError when there is none."""
    there = [tensor for tensor in tensors if tensor is not None]
    if not there:
        raise TrainingError("the loss does not depend on the weights it is to move.")
    return list(torch._foreach_norm(there))
