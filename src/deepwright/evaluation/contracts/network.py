"""The contract of networks: right shapes, every weight learns, rows do not meet, states come back, and it can learn.

Axes: B rows, K outputs, M members.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from deepwright.core.config import Config
from deepwright.core.fields import Field, Signature
from deepwright.evaluation.contracts import _causal
from deepwright.evaluation.contracts._promise import promise

if TYPE_CHECKING:
    from torch import Tensor

    from deepwright.blocks.network import Network

_ROWS, _OUTPUTS, _POSITIONS, _TOKENS = 8, 3, 7, 50
_EXAMPLES = {
    "number": tuple(Field(form="number", name=f"n{i}") for i in range(8)),
    "category": (Field(form="category", name="few", size=5), Field(form="category", name="many", size=300)),
    "tokens": (Field(form="tokens", name="text", size=_TOKENS),),
    "image": (Field(form="image", name="picture", shape=(3, 32, 32)),),
}
"""Form → fields of it in the table that networks are tried on."""


def check_network(cls: type[Network]) -> Iterator[tuple[str, str | None]]:
    """Each promise of a network with its `trial` settings, with what is wrong about it, or None."""
    yield promise("says its paper, what it takes, and what each setting means", partial(_says, cls))
    yield promise("builds alike from the same seed, and without memory", partial(_builds, cls))
    yield promise("gives outputs (B, K), (B, M, K) for members, (B, T, K) for positions", partial(_shapes, cls))
    yield promise("has a head that alone depends on the number of outputs", partial(_head, cls))
    yield promise("every parameter gets a gradient", partial(_gradients, cls))
    yield promise("rows do not depend on each other when nothing is learned", partial(_rows, cls))
    yield promise("a saved state gives the same outputs, bit for bit", partial(_state, cls))
    yield promise("has the published number of parameters", partial(_published, cls))
    yield promise("learns eight rows by heart", partial(_overfits, cls))
    yield promise("exports through torch.export with equal outputs", partial(_exports, cls))
    yield from _check_causal(cls)


def _check_causal(cls: type[Network]) -> Iterator[tuple[str, str | None]]:
    from deepwright.blocks.network import CausalNetwork

    tests = {
        "answers at a position never depend on later tokens": _causal.never_looks_ahead,
        "padding behind a text changes nothing in it": _causal.ignores_padding_behind,
        "going on from memory is reading anew": _causal.goes_on_from_memory,
    }
    for says, test in tests.items() if issubclass(cls, CausalNetwork) else ():
        yield promise(says, lambda test=test: test(_trained(cls), _batch(cls, _ROWS)))  # type: ignore[misc]


def _says(cls: type[Network]) -> None:
    assert isinstance(getattr(cls, "paper", None), str) and cls.paper, "paper is not said"
    assert isinstance(getattr(cls, "takes", None), frozenset) and cls.takes, "takes is not said"
    assert issubclass(cls.Config, Config), "its Config is no deepwright.core.config.Config"
    silent = [name for name, field in cls.Config.model_fields.items() if not field.description]
    assert not silent, f"no sentence under {', '.join(silent)}"
    unknown = cls.takes - _EXAMPLES.keys()
    assert not unknown, f"there are no example columns of the form {', '.join(sorted(unknown))} to try it on"


def _builds(cls: type[Network]) -> None:
    import torch

    first, second, other = _net(cls), _net(cls), _net(cls, seed=1)
    assert _equal(first.state_dict(), second.state_dict()), "the same seed gave other weights"
    random = any(p.unique().numel() > 1 for p in first.parameters())
    assert not random or not _equal(first.state_dict(), other.state_dict()), "another seed gave the same weights"
    with torch.device("meta"):
        empty = cls(_config(cls), _signature(cls), _outputs(cls))
    assert all(tensor.is_meta for tensor in empty.state_dict().values()), "it takes memory on the meta device"


def _shapes(cls: type[Network]) -> None:
    for rows in (1, _ROWS):
        given = tuple(_net(cls).eval()(_batch(cls, rows)).shape)
        outputs = _outputs(cls)
        assert len(given) in (2, 3) and (given[0], given[-1]) == (rows, outputs), (
            f"{rows} rows and {outputs} outputs gave the shape {given}"
        )
        assert not cls.per_position or given == (rows, _POSITIONS, outputs), (
            f"{rows} rows of {_POSITIONS} positions and {outputs} outputs gave the shape {given}"
        )
    _net(cls).train()(_batch(cls, 1))  # the last batch of an epoch may be a single row


def _head(cls: type[Network]) -> None:
    net = cls(_config(cls), _signature(cls), _OUTPUTS)
    head = {id(tensor) for tensor in [*net.head.parameters(), *net.head.buffers()]}
    named = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    assert head and head <= {id(tensor) for tensor in named.values()}, "the head is no part of the network"
    other = cls(_config(cls), _signature(cls), _OUTPUTS + 2)
    wider = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    moved = [name for name, tensor in named.items() if tensor.shape != wider[name].shape]
    outside = [name for name in moved if id(named[name]) not in head]
    assert moved and not outside, f"outside the head: {', '.join(outside) or 'nothing changed with the outputs'}"


def _gradients(cls: type[Network]) -> None:
    net = _net(cls)
    batch = _batch(cls, 64)
    _learn(net, batch, steps=3)
    net.eval()
    net.zero_grad()
    _loss(net(batch), _labels(64)).backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still, f"no gradient reaches {', '.join(still)}"


def _rows(cls: type[Network]) -> None:
    import torch

    net = _trained(cls)
    batch = _batch(cls, _ROWS)
    whole = net(batch)
    single = torch.cat([net({name: column[i : i + 1] for name, column in batch.items()}) for i in range(_ROWS)])
    gap = (whole - single).abs().max().item() / max(1.0, whole.abs().max().item())
    assert gap < 1e-5, f"alone and in a batch outputs differ by {gap:.2g}"
    changed = {name: torch.cat([column[-1:], column[1:]]) for name, column in batch.items()}
    assert torch.equal(net(changed)[1:], whole[1:]), "another first row changed the outputs of the rest"


def _state(cls: type[Network]) -> None:
    import torch

    net, other = _trained(cls), _net(cls, seed=5).eval()
    other.load_state_dict(net.state_dict(), strict=True)
    batch = _batch(cls, _ROWS)
    assert torch.equal(net(batch), other(batch)), "the outputs differ"


def _published(cls: type[Network]) -> None:
    from deepwright.blocks.shapes import shapes_only

    for known in cls.published:
        with shapes_only():
            net = cls(cls.Config.model_validate(dict(known.config)), known.signature, known.outputs)
        count = sum(parameter.numel() for parameter in net.parameters())
        assert count == known.parameters, f"{known.what}: expected {known.parameters:,}, it has {count:,}"


def _overfits(cls: type[Network]) -> None:
    net = _net(cls)
    batch, labels = _batch(cls, _ROWS), _labels(_ROWS)
    net.prepare(batch)
    for _ in range(6):
        _learn(net, batch, steps=50)
        given = net.eval()(batch).softmax(-1)
        if bool((_mean(given).argmax(-1) == labels).all()):
            return
    raise AssertionError("after 300 steps it does not name the classes of eight rows")


def _exports(cls: type[Network]) -> None:
    import torch

    net = _trained(cls)
    batch = _batch(cls, _ROWS)
    program = torch.export.export(net, (batch,), strict=False).module()
    gap = (program(batch) - net(batch)).abs().max().item()
    assert gap < 1e-5, f"the exported program's outputs differ by {gap:.2g}"


# What the promises are tried on.


def _config(cls: type[Network]) -> Config:
    return cls.Config.model_validate(dict(cls.trial))


def _signature(cls: type[Network]) -> Signature:
    return Signature(tuple(field for form in sorted(cls.takes) for field in _EXAMPLES.get(form, ())))


def _outputs(cls: type[Network]) -> int:
    """As many as there are tokens where the network says what follows each of them."""
    return _TOKENS if cls.per_position else _OUTPUTS


def _net(cls: type[Network], seed: int = 0) -> Network:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(_config(cls), _signature(cls), _outputs(cls))


def _batch(cls: type[Network], rows: int) -> dict[str, Tensor]:
    """Random columns of every form that the network takes."""
    import torch

    generator = torch.Generator().manual_seed(rows)
    signature = _signature(cls)
    batch = {}
    if signature.numbers:
        batch["number"] = torch.randn(rows, signature.numbers, generator=generator)  # (B, N)
    if signature.categories:
        codes = [torch.randint(0, size, (rows,), generator=generator) for size in signature.categories]
        batch["category"] = torch.stack(codes, dim=1)  # (B, C)
    for text in signature.of("tokens"):
        batch[f"tokens:{text.name}"] = torch.randint(0, text.size, (rows, _POSITIONS), generator=generator)  # (B, T)
    for picture in signature.of("image"):
        batch[f"image:{picture.name}"] = torch.randn(rows, *picture.shape, generator=generator)  # (B, C, H, W)
    return batch


def _labels(rows: int) -> Tensor:
    import torch

    return torch.arange(rows) % _OUTPUTS  # (B,)


def _loss(given: Tensor, labels: Tensor) -> Tensor:
    """() mean cross-entropy, of each member (or position) by itself."""
    from torch.nn import functional

    members = given if given.ndim == 3 else given.unsqueeze(1)  # (B, M, K)
    return functional.cross_entropy(members.flatten(0, 1), labels.repeat_interleave(members.shape[1]))


def _mean(probability: Tensor) -> Tensor:
    return probability.mean(1) if probability.ndim == 3 else probability  # (B, K)


def _learn(net: Network, batch: dict[str, Tensor], steps: int) -> None:
    """A few steps of Adam, written out: its class would bring a second of start-up with it."""
    import torch

    net.train()
    parameters = [p for p in net.parameters() if p.requires_grad]
    means, squares = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    labels = _labels(len(next(iter(batch.values()))))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for t in range(1, steps + 1):
            net.zero_grad()
            _loss(net(batch), labels).backward()
            with torch.no_grad():
                for p, mean, square in zip(parameters, means, squares, strict=True):
                    if p.grad is None:
                        continue
                    mean.lerp_(p.grad, 0.1)
                    square.lerp_(p.grad.square(), 0.01)
                    p.addcdiv_(mean / (1 - 0.9**t), (square / (1 - 0.99**t)).sqrt() + 1e-8, value=-0.01)


def _trained(cls: type[Network]) -> Network:
    """In eval mode, with weights and statistics that are not the first ones."""
    net = _net(cls)
    net.prepare(_batch(cls, 64))
    _learn(net, _batch(cls, 64), steps=3)
    return net.eval()


def _equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    import torch

    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
