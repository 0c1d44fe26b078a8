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
from typing import Any

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
        """Count one step for these parameters; gives their tensors, each ()."""
        if len(moving) < len(self._of):
            self._part_ways(frozenset(moving))
        counts = [self._of[i] for i in moving]
        for count in {id(count): count for count in counts}.values():
            count.add_(1.0)
            if bad is not None:
                count.sub_(bad)
        return counts

    def _part_ways(self, moving: frozenset[int]) -> None:
        """Give parameters that stay a tensor of their own, apart from those that move."""
        own: dict[int, Tensor] = {}
        moved = {id(self._of[i]) for i in moving}
        for i, count in enumerate(self._of):
            if i not in moving and id(count) in moved:
                self._of[i] = own.setdefault(id(count), count.clone())

    def state(self) -> Tensor:
        """(P,) counts."""
        return torch.stack(self._of).cpu()

    def restore(self, counts: Tensor) -> None:
        """(P,) counts; equal ones share a tensor again."""
        shared = {value: torch.tensor(value, device=self._device) for value in counts.tolist()}
        self._of = [shared[value] for value in counts.tolist()]


class _Kernel(Optimizer):
    """An optimizer that is one call of a kernel over lists of tensors, with buffers of the parameters' shapes.

    buffers: names of those buffers, all zero at first.
    takes:   the plan's options that it has.
    """

    buffers: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def __init__(self, parameters: Sequence[Tensor], plan: Plan) -> None:
        self.parameters = [parameter.detach() for parameter in parameters]  # the same memory, outside autograd
        self.plan = plan
        self.held = {name: [torch.zeros_like(p) for p in self.parameters] for name in self.buffers}
        self.clock = _Clock(self.parameters)
        self._everything = self._alike(range(len(self.parameters)))

    @abstractmethod
    def apply(self, chosen: _Chosen, lr: float, decay: float, scale: Tensor | None, bad: Tensor | None) -> None:
        """Call the kernel on parameters that share a type and a weight decay."""

    def step(self, lr: float, gradients: Gradients, scale: Tensor | None = None, bad: Tensor | None = None) -> None:
        moving = [i for i, gradient in enumerate(gradients) if gradient is not None]
        groups = self._everything if len(moving) == len(self.parameters) else self._alike(moving)
        counts = dict(zip(moving, self.clock.tick(moving, bad), strict=True))
        for decay, indices in groups:
            self.apply(_Chosen(self, indices, gradients, counts), lr, decay, scale, bad)

    def _alike(self, indices: Sequence[int]) -> list[tuple[float, list[int]]]:
        """(weight decay, parameters) groups that one call of a kernel can take."""
        groups: dict[tuple[float, torch.dtype], list[int]] = {}
        for i in indices:
            parameter = self.parameters[i]
            decay = self.plan.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((decay, parameter.dtype), []).append(i)
        return [(decay, members) for (decay, _), members in groups.items()]

    def state(self) -> dict[str, Any]:
        buffers = {name: {str(i): b.clone() for i, b in enumerate(held)} for name, held in self.held.items()}
        return {"steps": self.clock.state(), "buffers": buffers}

    def restore(self, state: dict[str, Any]) -> None:
        for name, held in self.held.items():
            saved = state["buffers"].get(name, {})
            if [tuple(saved[str(i)].shape) if str(i) in saved else None for i in range(len(held))] != [
                tuple(buffer.shape) for buffer in held
            ]:
                raise RunError(
                    "the checkpoint's optimizer belongs to other parameters.",
                    remedy="Resume with the network and plan the training was started with.",
                )
            for i, buffer in enumerate(held):
                buffer.copy_(saved[str(i)])
        self.clock.restore(state["steps"])


class _Chosen:
    """The lists a kernel takes, for some of the parameters."""

    def __init__(self, of: _Kernel, indices: list[int], gradients: Gradients, counts: dict[int, Tensor]) -> None:
        whole = len(indices) == len(of.parameters)
        self.parameters = of.parameters if whole else [of.parameters[i] for i in indices]
        self.gradients: Any = gradients if whole else [gradients[i] for i in indices]
        self.counts = [counts[i] for i in indices]
        self._buffers = of.held if whole else {n: [held[i] for i in indices] for n, held in of.held.items()}

    def buffer(self, name: str) -> list[Tensor]:
        return self._buffers[name]


class Sgd(_Kernel):
    """Stochastic gradient descent with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013)."""

    masks = True
    takes = ("momentum", "nesterov")

    def __init__(self, parameters: Sequence[Tensor], plan: Plan) -> None:
        self.buffers = ("momentum",) if plan.momentum else ()
        super().__init__(parameters, plan)

    def apply(self, chosen: _Chosen, lr: float, decay: float, scale: Tensor | None, bad: Tensor | None) -> None:
        # From zero buffers the first step with momentum is the gradient itself, so it needs no case of its own.
        torch._fused_sgd_(
            chosen.parameters, chosen.gradients, chosen.buffer("momentum") if self.buffers else [],
            weight_decay=decay, momentum=self.plan.momentum, lr=lr, dampening=0.0, nesterov=self.plan.nesterov,
            maximize=False, is_first_step=False, grad_scale=scale, found_inf=bad,
        )  # fmt: skip


class Adagrad(_Kernel):
    """Adagrad (Duchi, Hazan & Singer 2011)."""

    masks = True
    buffers = ("sum",)
    takes = ("eps",)

    def apply(self, chosen: _Chosen, lr: float, decay: float, scale: Tensor | None, bad: Tensor | None) -> None:
        torch._fused_adagrad_(
            chosen.parameters, chosen.gradients, chosen.buffer("sum"), chosen.counts, lr=lr, lr_decay=0.0,
            weight_decay=decay, eps=self.plan.eps or 1e-10, maximize=False, grad_scale=scale, found_inf=bad,
        )  # fmt: skip


class RmsProp(_Kernel):
    """RMSprop (Hinton 2012), with momentum where the plan has some."""

    takes = ("momentum", "eps")

    def __init__(self, parameters: Sequence[Tensor], plan: Plan) -> None:
        self.buffers = ("square", "momentum") if plan.momentum else ("square",)
        super().__init__(parameters, plan)

    def apply(self, chosen: _Chosen, lr: float, decay: float, scale: Tensor | None, bad: Tensor | None) -> None:
        gradients = chosen.gradients
        if scale is not None:
            gradients = torch._foreach_div(gradients, scale)
        if decay:
            gradients = torch._foreach_add(gradients, chosen.parameters, alpha=decay)
        square = chosen.buffer("square")
        torch._foreach_mul_(square, 0.99)
        torch._foreach_addcmul_(square, gradients, gradients, 0.01)
        length = torch._foreach_sqrt(square)
        torch._foreach_add_(length, self.plan.eps or 1e-8)
        if self.plan.momentum:
            momentum = chosen.buffer("momentum")
            torch._foreach_mul_(momentum, self.plan.momentum)
            torch._foreach_addcdiv_(momentum, gradients, length)
            torch._foreach_add_(chosen.parameters, momentum, alpha=-lr)
        else:
            torch._foreach_addcdiv_(chosen.parameters, gradients, length, -lr)


class Adam(_Kernel):
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""

    masks = True
    buffers = ("mean", "square")
    takes = ("betas", "eps")
    kernel: Any = staticmethod(torch._fused_adam_)

    def apply(self, chosen: _Chosen, lr: float, decay: float, scale: Tensor | None, bad: Tensor | None) -> None:
        beta1, beta2 = self.plan.betas or (0.9, 0.999)
        self.kernel(
            chosen.parameters, chosen.gradients, chosen.buffer("mean"), chosen.buffer("square"), [], chosen.counts,
            lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=self.plan.eps or 1e-8, amsgrad=False,
            maximize=False, grad_scale=scale, found_inf=bad,
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

    def __init__(self, name: str, parameters: Sequence[Tensor], plan: Plan) -> None:
        import inspect

        import torch.optim

        classes = {key.lower(): value for key, value in vars(torch.optim).items() if isinstance(value, type)}
        made = classes[name]
        takes = inspect.signature(made).parameters
        given = _given(name, plan, takes)
        self.parameters = list(parameters)
        groups = [
            {"params": [p for p in self.parameters if p.ndim >= 2], "weight_decay": plan.weight_decay},
            {"params": [p for p in self.parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        if "weight_decay" not in takes:
            groups = [{"params": self.parameters}]
        self._optimizer = made(groups, lr=plan.lr, **given)

    def step(self, lr: float, gradients: Gradients, scale: Tensor | None = None, bad: Tensor | None = None) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient if gradient is None or scale is None else gradient / scale
        for group in self._optimizer.param_groups:
            group["lr"] = lr
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


def build(name: str, parameters: Sequence[Tensor], plan: Plan) -> Optimizer:
    """The optimizer called `name` over `parameters`; raises NotFoundError with the nearest name."""
    if name not in names_of_optimizers():
        raise not_found("optimizer", name, names_of_optimizers(), where="training.optimizer")
    if name in _OURS and parameters[0].device.type in ("cpu", "cuda"):
        _given(name, plan, _OURS[name].takes)
        return _OURS[name](parameters, plan)
    return Classic(name, parameters, plan)
