"""Optimizers: PyTorch's fused kernels called directly, and any other optimizer of torch.optim through its class.

Importing torch.optim pulls in torch._dynamo, a second of start-up, so the common optimizers do without it. They
compute what torch.optim computes (tests compare trajectories). Weight decay is for weight matrices only: biases and
the scales of norms (fewer than two axes) are left out.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from deepwright.core.errors import RecipeError, RunError, not_found
from deepwright.core.plan import Plan
from deepwright.training._weights import copied

Gradients = Sequence[Tensor | None]


class Optimizer(ABC):
    """Moves one part's parameters; one that had no gradient in this step stays where it is, moments included.

    masks: whether `step` can be told on the device to do nothing (`bad`), without the host looking at it.
    """

    masks = False

    @abstractmethod
    def step(self, lr: float, gradients: Gradients, scale: Tensor | None = None, bad: Tensor | None = None) -> None:
        """One step at rate `lr`. scale: () divides the gradients. bad: () of 1.0 leaves everything as it was."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """A tree of tensors and JSON-able values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave; raises RunError when it belongs to other parameters."""


class _Clock:
    """How many steps each parameter has taken; parameters that always moved together share one tensor."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._device = parameters[0].device
        self.restore(torch.zeros(len(parameters)))

    def tick(self, moving: Sequence[int], bad: Tensor | None) -> list[Tensor]:
        """Count one step for these parameters; gives every parameter's tensor, each ()."""
        if len(moving) < len(self._of):
            self._part_ways(frozenset(moving))
            ticking = list({id(self._of[i]): self._of[i] for i in moving}.values())
        else:
            ticking = self._distinct
        for count in ticking:
            count.add_(1.0)
            if bad is not None:
                count.sub_(bad)
        return self._of

    def _part_ways(self, moving: frozenset[int]) -> None:
        """Give parameters that stay a tensor of their own, apart from those that move."""
        own: dict[int, Tensor] = {}
        moved = {id(self._of[i]) for i in moving}
        for i, count in enumerate(self._of):
            if i not in moving and id(count) in moved:
                self._of[i] = own.setdefault(id(count), count.clone())
        self._distinct = list({id(count): count for count in self._of}.values())

    def state(self) -> Tensor:
        """(P,) counts."""
        return torch.stack(self._of).cpu()

    def restore(self, counts: Tensor) -> None:
        """(P,) counts; equal ones share a tensor again."""
        shared = {value: torch.tensor(value, device=self._device) for value in counts.tolist()}
        self._of = [shared[value] for value in counts.tolist()]
        self._distinct = list(shared.values())


class _Group:
    """Parameters that one call of a kernel can take: of one type, weight decay and factor on the rate; with their
    buffers."""

    def __init__(self, kernel: _Kernel, indices: list[int], decay: float, factor: float) -> None:
        self.indices = indices
        self.decay = decay
        self.factor = factor
        self.parameters = [kernel.parameters[i] for i in indices]
        self.buffers = {name: [held[i] for i in indices] for name, held in kernel.held.items()}


class _Call(NamedTuple):
    """What else a kernel is told in one step."""

    gradients: list[Tensor]
    counts: list[Tensor]
    lr: float
    scale: Tensor | None
    bad: Tensor | None


class _Kernel(Optimizer):
    """An optimizer that is one call of a kernel over lists of tensors, with buffers of the parameters' shapes.

    buffers: names of those buffers, all zero at first.
    takes:   the plan's options that it has.
    """

    buffers: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def __init__(self, parameters: Sequence[Tensor], plan: Plan, factors: Sequence[float]) -> None:
        self.parameters = [parameter.detach() for parameter in parameters]  # the same memory, outside autograd
        self.plan = plan
        self.factors = factors
        self.held = {name: [torch.zeros_like(p) for p in self.parameters] for name in self.buffers}
        self.clock = _Clock(self.parameters)
        self._all = list(range(len(self.parameters)))
        self._groups = self._grouped(self._all)

    @abstractmethod
    def apply(self, group: _Group, call: _Call) -> None:
        """Call the kernel."""

    def step(self, lr: float, gradients: Gradients, scale: Tensor | None = None, bad: Tensor | None = None) -> None:
        moving, groups = self._all, self._groups
        if any(gradient is None for gradient in gradients):
            moving = [i for i, gradient in enumerate(gradients) if gradient is not None]
            groups = self._grouped(moving)
        counts = self.clock.tick(moving, bad)
        for group in groups:
            own: Any = [gradients[i] for i in group.indices]
            self.apply(group, _Call(own, [counts[i] for i in group.indices], lr * group.factor, scale, bad))

    def _grouped(self, indices: list[int]) -> list[_Group]:
        groups: dict[tuple[float, float, torch.dtype], list[int]] = {}
        for i in indices:
            parameter = self.parameters[i]
            decay = self.plan.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((decay, self.factors[i], parameter.dtype), []).append(i)
        return [_Group(self, members, decay, factor) for (decay, factor, _), members in groups.items()]

    def state(self) -> dict[str, Any]:
        buffers = {name: {str(i): b.clone() for i, b in enumerate(held)} for name, held in self.held.items()}
        return {"steps": self.clock.state(), "buffers": buffers}

    def restore(self, state: dict[str, Any]) -> None:
        for name, held in self.held.items():
            saved = list(state["buffers"].get(name, {}).values())
            if [tuple(buffer.shape) for buffer in saved] != [tuple(buffer.shape) for buffer in held]:
                raise RunError(
                    "the checkpoint's optimizer belongs to other parameters.",
                    remedy="Resume with the network and plan the training was started with.",
                )
            for buffer, value in zip(held, saved, strict=True):
                buffer.copy_(value)
        self.clock.restore(state["steps"])


class Sgd(_Kernel):
    """Stochastic gradient descent with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013)."""

    masks = True
    takes = ("momentum", "nesterov")

    def __init__(self, parameters: Sequence[Tensor], plan: Plan, factors: Sequence[float]) -> None:
        self.buffers = ("momentum",) if plan.momentum else ()
        super().__init__(parameters, plan, factors)

    def apply(self, group: _Group, call: _Call) -> None:
        # From zero buffers the first step with momentum is the gradient itself, so it needs no case of its own.
        torch._fused_sgd_(
            group.parameters, call.gradients, group.buffers["momentum"] if self.buffers else [],
            weight_decay=group.decay, momentum=self.plan.momentum, lr=call.lr, dampening=0.0,
            nesterov=self.plan.nesterov, maximize=False, is_first_step=False, grad_scale=call.scale, found_inf=call.bad,
        )  # fmt: skip


class Adagrad(_Kernel):
    """Adagrad (Duchi, Hazan & Singer 2011)."""

    masks = True
    buffers = ("sum",)
    takes = ("eps",)

    def apply(self, group: _Group, call: _Call) -> None:
        torch._fused_adagrad_(
            group.parameters, call.gradients, group.buffers["sum"], call.counts, lr=call.lr, lr_decay=0.0,
            weight_decay=group.decay, eps=self.plan.eps or 1e-10, maximize=False, grad_scale=call.scale,
            found_inf=call.bad,
        )  # fmt: skip


class RmsProp(_Kernel):
    """RMSprop (Hinton 2012), with momentum where the plan has some."""

    takes = ("momentum", "eps")

    def __init__(self, parameters: Sequence[Tensor], plan: Plan, factors: Sequence[float]) -> None:
        self.buffers = ("square", "momentum") if plan.momentum else ("square",)
        super().__init__(parameters, plan, factors)

    def apply(self, group: _Group, call: _Call) -> None:
        gradients = call.gradients
        if call.scale is not None:
            gradients = list(torch._foreach_div(gradients, call.scale))
        if group.decay:
            gradients = list(torch._foreach_add(gradients, group.parameters, alpha=group.decay))
        square = group.buffers["square"]
        torch._foreach_mul_(square, 0.99)
        torch._foreach_addcmul_(square, gradients, gradients, 0.01)
        length = torch._foreach_sqrt(square)
        torch._foreach_add_(length, self.plan.eps or 1e-8)
        if self.plan.momentum:
            momentum = group.buffers["momentum"]
            torch._foreach_mul_(momentum, self.plan.momentum)
            torch._foreach_addcdiv_(momentum, gradients, length)
            torch._foreach_add_(group.parameters, momentum, alpha=-call.lr)
        else:
            torch._foreach_addcdiv_(group.parameters, gradients, length, -call.lr)


class Adam(_Kernel):
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""

    masks = True
    buffers = ("mean", "square")
    takes = ("betas", "eps")
    kernel: Any = staticmethod(torch._fused_adam_)

    def apply(self, group: _Group, call: _Call) -> None:
        beta1, beta2 = self.plan.betas or (0.9, 0.999)
        self.kernel(
            group.parameters, call.gradients, group.buffers["mean"], group.buffers["square"], [], call.counts,
            lr=call.lr, beta1=beta1, beta2=beta2, weight_decay=group.decay, eps=self.plan.eps or 1e-8, amsgrad=False,
            maximize=False, grad_scale=call.scale, found_inf=call.bad,
        )  # fmt: skip


class AdamW(Adam):
    """AdamW (Loshchilov & Hutter 2019); weight decay is apart from the gradient."""

    kernel: Any = staticmethod(torch._fused_adamw_)


def _given(name: str, plan: Plan, takes: Collection[str]) -> dict[str, Any]:
    """The plan's options that are not at their default; raises RecipeError for one the optimizer does not take."""
    given = {key: getattr(plan, key) for key in ("betas", "eps", "momentum", "nesterov") if getattr(plan, key)}
    extra = sorted(given.keys() - set(takes))
    if extra:
        raise RecipeError(
            f"the optimizer '{name}' has no {' and no '.join(extra)}.",
            where="training.optimizer",
            remedy="Leave it out of the plan, or choose an optimizer that has it.",
        )
    if plan.nesterov and not plan.momentum:
        raise RecipeError("Nesterov's look ahead needs momentum above 0.", where="training.nesterov")
    return given


class Classic(Optimizer):
    """Any optimizer of torch.optim, by its class. Takes from the plan what the class has an argument for."""

    def __init__(self, name: str, parameters: Sequence[Tensor], plan: Plan, factors: Sequence[float]) -> None:
        import inspect

        import torch.optim

        classes = {key.lower(): value for key, value in vars(torch.optim).items() if isinstance(value, type)}
        made = classes[name]
        takes = inspect.signature(made).parameters
        given = _given(name, plan, takes)
        self.parameters = list(parameters)
        decays = "weight_decay" in takes
        groups: dict[tuple[bool, float], list[Tensor]] = {}
        for parameter, factor in zip(self.parameters, factors, strict=True):
            groups.setdefault((decays and parameter.ndim < 2, factor), []).append(parameter)
        ordered = sorted(groups)  # weight matrices first
        self._factors = [factor for _, factor in ordered]
        held: list[dict[str, Any]] = [{"params": groups[spared, factor]} for spared, factor in ordered]
        if decays:
            held = [
                {**group, "weight_decay": 0.0 if spared else plan.weight_decay}
                for group, (spared, _) in zip(held, ordered, strict=True)
            ]
        self._optimizer = made(held, lr=plan.lr, **given)

    def step(self, lr: float, gradients: Gradients, scale: Tensor | None = None, bad: Tensor | None = None) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient if gradient is None or scale is None else gradient / scale
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = lr * factor
        self._optimizer.step()

    def state(self) -> dict[str, Any]:
        state = self._optimizer.state_dict()["state"]
        return {str(i): copied(own) for i, own in state.items()}

    def restore(self, state: dict[str, Any]) -> None:
        whole = self._optimizer.state_dict()
        whole["state"] = {int(i): dict(own) for i, own in state.items()}
        try:
            self._optimizer.load_state_dict(whole)
        except (ValueError, RuntimeError) as error:
            raise RunError(f"the checkpoint's optimizer does not fit: {error}") from error


_OURS: dict[str, type[_Kernel]] = {
    "sgd": Sgd, "adagrad": Adagrad, "rmsprop": RmsProp, "adam": Adam, "adamw": AdamW,
}  # fmt: skip

_NOT_STEPPED = {"optimizer", "lbfgs", "sparseadam", "muon"}
"""Classes of torch.optim that are no optimizer, or one that does not take a dense gradient of any shape once a step."""


def names_of_optimizers() -> dict[str, str]:
    """Name → one line, sorted; those of torch.optim are read from its source, without importing it."""
    text = (Path(torch.__file__).parent / "optim" / "__init__.py").read_text(encoding="utf-8")
    others = {name.lower() for name in re.findall(r"^from torch\.optim\.\w+ import (\w+) as \1$", text, re.MULTILINE)}
    others -= _NOT_STEPPED
    lines = dict.fromkeys(others, "As torch.optim has it; its first use loads that, about a second.")
    lines |= {name: (made.__doc__ or "").partition("\n")[0] for name, made in _OURS.items()}
    return dict(sorted(lines.items()))


def build(name: str, parameters: Sequence[Tensor], plan: Plan, factors: Sequence[float] | None = None) -> Optimizer:
    """The optimizer called `name` over `parameters`; raises NotFoundError with the nearest name.

    factors: what the rate is multiplied by for each parameter; None: 1 for all.
    """
    if name not in names_of_optimizers():
        raise not_found("optimizer", name, names_of_optimizers(), where="training.optimizer")
    factors = [1.0] * len(parameters) if factors is None else factors
    if name in _OURS and parameters[0].device.type in ("cpu", "cuda"):
        _given(name, plan, _OURS[name].takes)
        return _OURS[name](parameters, plan, factors)
    return Classic(name, parameters, plan, factors)
