"""The contract of kinds: learned from training rows only, a pure function of each row, nothing lost on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.errors import RunError
from deepwright.core.fields import Field
from deepwright.core.kind import Encoder, Kind
from deepwright.evaluation.contracts._promise import promise

Values = list[tuple[str, np.ndarray]]
"""Everything an encoder gives for a column: field or column name, and its array."""


def check_kind(cls: type[Kind]) -> Iterator[tuple[str, str | None]]:
    """Each promise of a kind, with what is wrong about it, or None where it is kept; `mylab.kinds:Mine` too."""
    yield promise("says its name and brings an example that it recognises", partial(_says, cls))
    yield promise("recognises anything without raising", partial(_never_raises, cls))
    for says, test in _PROMISES.items():
        yield promise(says, partial(_on_example, cls, test))


def _on_example(cls: type[Kind], test: Callable[[Kind, Encoder, pl.Series], None]) -> None:
    column = cls.example()
    test(cls(), cls().fit(column), column)


def _says(cls: type[Kind]) -> None:
    assert cls.name.isidentifier(), f"'{cls.name}' is no identifier"
    column = cls.example()
    assert len(column) >= 16, f"its example has {len(column)} rows, expected 16 or more"
    assert column.has_nulls(), "its example has no missing value"
    guess = cls().recognise(column)
    assert guess.confidence > 0.5, f"it is only {guess.confidence} sure of its own example"
    assert guess.reason.strip(), "it gives no reason"


def _never_raises(cls: type[Kind]) -> None:
    for column in _STRANGERS:
        guess = cls().recognise(column)
        assert 0 <= guess.confidence <= 1, f"a confidence of {guess.confidence} for {column.dtype}"
        assert guess.reason.strip(), f"no reason given for {column.dtype}"


def _fields_are_given(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    assert encoder.column == column.name, f"it calls the column '{encoder.column}', its name is '{column.name}'"
    assert encoder.kind == kind.name, f"its encoder says '{encoder.kind}', the kind is '{kind.name}'"
    encoded = encoder.encode(column)
    assert list(encoded) == [field.name for field in encoder.fields], f"encode gives {list(encoded)}"
    for field in encoder.fields:
        array = encoded[field.name]
        assert len(array) == len(column), f"{len(array)} values for {len(column)} rows in {field.name}"
        dtype = np.float32 if field.form == "number" else np.int64
        if field.form in ("number", "category", "tokens"):
            assert array.dtype == dtype, f"{field.form} field {field.name} is {array.dtype}, expected {dtype.__name__}"
            assert array.ndim == (2 if field.form == "tokens" else 1), f"{field.name} has shape {array.shape}"
        if field.form == "number":
            assert field.size == 1, f"number field {field.name} has size {field.size}"
            assert np.isfinite(array).all(), f"{field.name} holds values that are not finite"
        elif field.form == "image":
            _pictures_are_given(field, array)
        elif len(array):
            assert array.min() >= 0 and array.max() < field.size, f"codes of {field.name} leave 0 … {field.size - 1}"


def _pictures_are_given(field: Field, array: np.ndarray) -> None:
    assert len(field.shape) == 3, f"image field {field.name} has the shape {field.shape}, expected (C, H, W)"
    assert array.dtype == np.uint8, f"image field {field.name} is {array.dtype}, expected uint8"
    assert array.shape[1:] == field.shape, f"{field.name} gives pictures of {array.shape[1:]}, says {field.shape}"


def _matrix_is_given(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    block, names = encoder.matrix(column)
    assert block.shape == (len(column), len(names)), f"a matrix of {block.shape} with {len(names)} names"
    assert block.dtype == np.float64, f"a matrix of {block.dtype}, expected float64"
    assert len(set(names)) == len(names), "names of the matrix repeat"
    assert all(name.startswith(column.name) for name in names), f"names such as {names[:3]} do not name the column"
    assert not np.isinf(_dense(block)).any(), "the matrix holds infinite values"


def _training_rows_only(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    """What later rows hold must not change what training rows teach or how they are encoded."""
    half = column.head(len(column) // 2)
    before = kind.fit(half)
    remembered = json.dumps(before.state()), {name: array.copy() for name, array in before.arrays().items()}
    encoded = _everything(before, half)
    for other in (column, column.reverse(), _missing_like(column)):
        before.encode(other), before.matrix(other), before.unseen(other)
    assert json.dumps(before.state()) == remembered[0], "encoding other rows changed its state"
    assert all(np.array_equal(array, remembered[1][name]) for name, array in before.arrays().items())
    _assert_equal(_everything(before, half), encoded, "encoding other rows changed how training rows are encoded")


def _same_twice(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    again = kind.fit(column)
    assert again.state() == encoder.state(), "the same rows taught it something else"
    _assert_equal(_everything(again, column), _everything(encoder, column), "fitted twice, encoded in two ways")


def _round_trip(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    state = json.loads(json.dumps(encoder.state(), allow_nan=False))
    again = kind.load(state, {name: array.copy() for name, array in encoder.arrays().items()})
    assert again.state() == encoder.state(), "its state changed on the way"
    assert again.fields == encoder.fields, "its fields changed on the way"
    assert again.describe() == encoder.describe(), "it describes itself otherwise"
    _assert_equal(_everything(again, column), _everything(encoder, column), "it encodes otherwise after a round trip")


def _damage(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    state = encoder.state()
    for key in state:
        for broken in ({k: v for k, v in state.items() if k != key}, {**state, key: object}):
            _refuses(partial(kind.load, broken, encoder.arrays()), f"a state without a sound '{key}'")
    _refuses(partial(kind.load, {**state, "no such key": 1}, encoder.arrays()), "a state with an unknown key")
    for name in encoder.arrays():
        without = {other: array for other, array in encoder.arrays().items() if other != name}
        _refuses(partial(kind.load, state, without), f"a state without the array '{name}'")


def _row_by_row(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    whole = _everything(encoder, column)
    rows = [_everything(encoder, column.slice(row, 1)) for row in range(len(column))]
    single = [(name, np.concatenate([row[i][1] for row in rows])) for i, (name, _) in enumerate(whole)]
    _assert_equal(single, whole, "a row alone is encoded otherwise than among others")
    order = np.random.default_rng(0).permutation(len(column))
    turned = _everything(encoder, column.gather(order))
    _assert_equal(turned, [(name, array[order]) for name, array in whole], "the order of rows counts")


def _no_rows(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    for name, array in _everything(encoder, column.clear()):
        assert len(array) == 0, f"{name}: {len(array)} values for no rows"


def _missing_values(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    holes = _missing_like(column)
    _fields_are_given(kind, encoder, holes)
    _matrix_is_given(kind, encoder, holes)
    assert not encoder.unseen(holes).any(), "missing counts as unseen"
    for dtype in (pl.String, pl.Float64, pl.Null):
        _fields_are_given(kind, encoder, pl.Series(column.name, [None, None], dtype=dtype))
    only_holes = pl.concat([_missing_like(column)] * 4)
    try:
        blind = kind.fit(only_holes)
    except Exception as error:
        assert type(error).__name__ == "DataError", f"fitted on missing values only: {type(error).__name__}: {error}"
        return
    _fields_are_given(kind, blind, column)


def _unseen_values(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    assert not encoder.unseen(column).any(), "values of the training rows count as unseen"
    for stranger in _STRANGERS:
        stranger = stranger.alias(column.name)
        _fields_are_given(kind, encoder, stranger)
        _matrix_is_given(kind, encoder, stranger)
        flags = encoder.unseen(stranger)
        assert flags.dtype == pl.Boolean and len(flags) == len(stranger) and not flags.has_nulls(), (
            "unseen is no (B,) bool"
        )


def _describes(kind: Kind, encoder: Encoder, column: pl.Series) -> None:
    line = encoder.describe()
    assert line.strip() and "\n" not in line, f"it describes itself as {line!r}"


_PROMISES: dict[str, Callable[[Kind, Encoder, pl.Series], None]] = {
    "encode gives its fields, of the right type and within their size": _fields_are_given,
    "matrix gives float64 with a name for each column, nothing infinite": _matrix_is_given,
    "learns from the training rows only: encoding other rows changes nothing": _training_rows_only,
    "the same rows teach it the same": _same_twice,
    "state survives JSON and arrays, bit for bit": _round_trip,
    "a damaged state is refused with a RunError": _damage,
    "rows do not meet: one by one, or in another order, equals all at once": _row_by_row,
    "no rows give empty arrays": _no_rows,
    "missing values are encoded, and are not unseen": _missing_values,
    "values never seen, of any type, are encoded the documented way and flagged": _unseen_values,
    "describes what it learned in one line": _describes,
}

_STRANGERS = (
    pl.Series("x", [1.5, float("nan"), float("inf"), -float("inf"), 1e308, -1e-308, None]),
    pl.Series("x", [0, -1, 2**62, -(2**62), None]),
    pl.Series("x", [True, False, None]),
    pl.Series("x", ["", " ", "never seen before", "ÄÖÜ ß 你好 🙂", "1e999", "2020-02-30", "a;b|c,d", "x" * 5000, None]),
    pl.Series("x", [["a", None], [], None, ["never seen"]]),
    pl.Series("x", [None, None], dtype=pl.Null),
    pl.Series("x", ["2024-02-29", "1066-10-14", None]).str.to_date(),
    pl.Series("x", ["2024-02-29 10:11:12", None]).str.to_datetime().dt.replace_time_zone("Europe/Berlin"),
    pl.Series("x", [1, None]).cast(pl.Duration("ms")),
    pl.Series("x", ["a", "b", None], dtype=pl.Categorical),
    pl.Series("x", [b"\x00\xff", None]),
    pl.Series("x", [{"a": 1}, None]),
    pl.Series("x", [], dtype=pl.Float64),
    pl.Series("x", [], dtype=pl.String),
)
"""Columns of every type, with the values that break things."""


def _missing_like(column: pl.Series) -> pl.Series:
    return pl.Series(column.name, [None, None, None], dtype=column.dtype)


def _everything(encoder: Encoder, column: pl.Series) -> Values:
    block, _ = encoder.matrix(column)
    return [*encoder.encode(column).items(), ("matrix", _dense(block)), ("unseen", encoder.unseen(column).to_numpy())]


def _dense(block: Any) -> np.ndarray:
    return block if isinstance(block, np.ndarray) else block.toarray()


def _assert_equal(one: Values, two: Values, what: str) -> None:
    assert [name for name, _ in one] == [name for name, _ in two], what
    for (name, a), (_, b) in zip(one, two, strict=True):
        assert a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), f"{what} ({name})"


def _refuses(action: Callable[[], Any], what: str) -> None:
    try:
        action()
    except RunError:
        return
    raise AssertionError(f"{what} was taken, expected a RunError")
