"""Inputs, number embeddings, dropout and ensemble layers against their definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.ensemble import BatchEnsembleLinear, SeparateLinear
from deepwright.blocks.inputs import TableInput
from deepwright.blocks.number_embeddings import NUMBER_EMBEDDINGS, PiecewiseLinear, number_embedding
from deepwright.core.errors import InternalError, NotFoundError
from deepwright.core.fields import Field, Signature

SIGNATURE = Signature(
    (
        Field(form="number", name="a"),
        Field(form="category", name="c", size=4),
        Field(form="number", name="b"),
        Field(form="tokens", name="t", size=20),
        Field(form="category", name="many", size=200),
    )
)


def batch() -> dict[str, torch.Tensor]:
    return {
        "number": torch.tensor([[1.5, -2.0], [0.0, 3.0]]),
        "category": torch.tensor([[0, 7], [3, 0]]),
        "tokens:t": torch.tensor([[5, 6, 0, 0], [0, 0, 0, 0]]),
    }


def test_inputs_are_laid_out_as_said() -> None:
    inputs = TableInput(TableInput.Config(token_width=3), SIGNATURE)
    out = inputs(batch())
    assert out.shape == (2, inputs.width) and sum(inputs.widths) == inputs.width
    assert inputs.widths[:3] == (1, 1, 3)
    assert out[0, :2].tolist() == [1.5, -2.0]
    assert out[0, 2:5].tolist() == [0, 0, 0]  # unknown
    assert out[1, 2:5].tolist() == [0, 0, 1]
    assert (out[1, 5:-3] == 0).all() and (out[0, 5:-3] != 0).any()  # an unknown among many is zeros too
    table = inputs.texts[0].embedding.weight
    assert torch.allclose(out[0, -3:], (table[5] + table[6]) / 2)
    assert (out[1, -3:] == 0).all()  # no token at all


def test_padding_does_not_count() -> None:
    inputs = TableInput(TableInput.Config(), SIGNATURE)
    longer = batch() | {"tokens:t": torch.tensor([[5, 6] + [0] * 9, [0] * 11])}
    assert torch.allclose(inputs(batch()), inputs(longer), atol=1e-7)


def test_inputs_refuse_nothing_and_the_unknown() -> None:
    with pytest.raises(InternalError):
        TableInput(TableInput.Config(), Signature(()))
    with pytest.raises(InternalError, match="image"):
        TableInput(TableInput.Config(), Signature((Field(form="image", name="x"),)))


def piecewise(borders: list[float], x: float) -> list[float]:
    """The definition, in Python: one value a bin."""
    values, last = [], len(borders) - 2
    for t, (low, high) in enumerate(pairwise(borders)):
        share = (x - low) / (high - low)
        share = share if t == 0 else max(share, 0.0)
        values.append(share if t == last else min(share, 1.0))
    return values


def test_piecewise_linear_is_its_definition() -> None:
    rows = torch.randn(1001, 1, generator=torch.Generator().manual_seed(0)).exp()
    layer = PiecewiseLinear(1, 5, bins=5).double()
    layer.fit(rows)
    with torch.no_grad():
        layer.linear.zero_()
        layer.bias.zero_()
        layer.weight.copy_(torch.eye(5))
    borders = np.sort(rows[:, 0].double().numpy())[[0, 200, 400, 600, 800, 1000]].tolist()
    for x in (-3.0, 0.2, 1.0, borders[2], 40.0, 1e6):
        given = layer(torch.tensor([[x]], dtype=torch.float64))[0, 0].tolist()
        assert given == pytest.approx(piecewise(borders, x), rel=1e-5, abs=1e-5)


def test_few_rows_get_few_bins() -> None:
    layer = PiecewiseLinear(1, 2, bins=48)
    for rows, expected in ((20, 1), (100, 3), (10_000, 48)):
        layer.fit(torch.randn(rows, 1))
        assert int((layer.scale > 0).sum()) == expected


def test_piecewise_linear_starts_out_linear_and_takes_odd_columns() -> None:
    layer = PiecewiseLinear(4, 3, bins=8)
    rows = torch.randn(300, 4)
    rows[:, 1] = 7.0  # constant
    rows[:, 2] = (rows[:, 2] > 0).float()  # two values
    rows[:, 3] *= 1e-9  # tiny
    layer.fit(rows)
    assert torch.allclose(layer(rows), rows.unsqueeze(-1) * layer.linear + layer.bias)
    with torch.no_grad():
        layer.weight.normal_()
    assert torch.isfinite(layer(torch.cat([rows, rows * 1e3]))).all()


@pytest.mark.parametrize("name", NUMBER_EMBEDDINGS[1:])
def test_number_embeddings_keep_columns_apart_and_pass_gradcheck(name: str) -> None:
    layer = number_embedding(name, 3, 4, 6)
    assert layer is not None
    layer.double()
    x = torch.randn(5, 3, dtype=torch.float64)
    layer.fit(x)
    for parameter in layer.parameters():
        parameter.data.normal_()
    other = x.clone()
    other[:, 1] += 0.3
    changed = (layer(x) != layer(other)).any(dim=2).any(dim=0)
    assert changed.tolist() == [False, True, False]
    inside = (torch.rand(5, 3, dtype=torch.float64) * 0.1 + x.median(0).values).requires_grad_()
    assert torch.autograd.gradcheck(layer, (inside,))


def test_unknown_number_embedding() -> None:
    assert number_embedding("none", 3, 4, 5) is None
    with pytest.raises(NotFoundError, match="Did you mean 'periodic'"):
        number_embedding("periodical", 3, 4, 5)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_silences_its_share_and_keeps_the_mean(share: float) -> None:
    layer, x = Dropout(share), torch.ones(1001, 999)
    torch.manual_seed(0)
    out = layer(x)
    assert (out == 0).double().mean().item() == pytest.approx(share, abs=0.003)
    assert out.mean().item() == pytest.approx(1.0, abs=0.003)
    assert len(out.unique()) == 2
    rows = (out == 0).double().mean(1)
    assert rows.std().item() == pytest.approx((share * (1 - share) / 999) ** 0.5, rel=0.1)  # independent draws
    torch.manual_seed(0)
    assert torch.equal(layer(x), out)
    assert layer.eval()(x) is x and Dropout(0.0)(x) is x


def test_batch_ensemble_is_its_formula() -> None:
    layer = BatchEnsembleLinear(4, 3, members=5)
    for parameter in layer.parameters():
        parameter.data.normal_()
    x = torch.randn(6, 5, 4)
    out = layer(x)
    for m in range(5):
        expected = ((x[:, m] * layer.in_scale[m]) @ layer.weight.T) * layer.out_scale[m] + layer.bias[m]
        assert torch.allclose(out[:, m], expected, atol=1e-5)
    shared = torch.randn(6, 1, 4)
    assert torch.allclose(layer(shared), layer(shared.expand(6, 5, 4)), atol=1e-6)


def test_separate_layers_share_nothing() -> None:
    layer, x = SeparateLinear(4, 3, members=5), torch.randn(6, 5, 4)
    out = layer(x)
    assert torch.allclose(out[:, 2], x[:, 2] @ layer.weight[2] + layer.bias[2], atol=1e-5)
    out[:, 2].sum().backward()
    touched = layer.weight.grad.abs().sum(dim=(1, 2)) > 0
    assert touched.tolist() == [False, False, True, False, False]
