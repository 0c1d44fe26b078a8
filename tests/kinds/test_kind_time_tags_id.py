"""Times, tags and identifiers: formats found once, points on the circle, tags in every writing, ids left out."""

from __future__ import annotations

from datetime import date, datetime, time

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import DataError, RunError
from deepwright.kinds._dates import FORMATS, detect_format, parse
from deepwright.kinds._tags import parse_tags, tag_form
from deepwright.kinds.id import Id
from deepwright.kinds.tags import Tags
from deepwright.kinds.time import Time

MOMENTS = [datetime(2019 + i // 12, 1 + i % 12, 1 + (7 * i) % 28, (5 * i) % 24, (11 * i) % 60) for i in range(40)]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read_as_python_reads_it(form: str) -> None:
    written = [moment.strftime(form.replace("%.f", "").replace("%#z", "+0000")) for moment in MOMENTS]
    layout = detect_format(pl.Series("when", written))
    assert layout is not None
    assert layout.share == 1.0
    plain = form.replace("%.f", "").replace("%#z", "%z")
    expected = [datetime.strptime(text, plain.replace("%z", "+0000") if "%z" in plain else plain) for text in written]
    read = parse(pl.Series("when", written), layout.format)
    if read.dtype == pl.Time:
        assert read.to_list() == [moment.time() for moment in expected]
    elif read.dtype == pl.Date:
        assert read.to_list() == [moment.date() for moment in expected]
    else:
        assert read.to_list() == expected


def test_day_and_month_are_told_apart_where_the_values_allow_it() -> None:
    assert detect_format(pl.Series("d", ["01/02/2020", "03/25/2020"])).format == "%m/%d/%Y"  # type: ignore[union-attr]
    assert detect_format(pl.Series("d", ["01/02/2020", "25/03/2020"])).format == "%d/%m/%Y"  # type: ignore[union-attr]
    either = detect_format(pl.Series("d", ["01/02/2020", "03/04/2020"]))
    assert either is not None and either.format == "%d/%m/%Y" and either.rival == "%m/%d/%Y"
    assert "would read them too" in Time().recognise(pl.Series("d", ["01/02/2020", "03/04/2020"])).reason


@pytest.mark.parametrize(
    "values", [["1", "22", "333"], ["a-b", "c-d"], ["12.5", "13.7"], ["10-11", "12-13"], ["", " "]]
)
def test_other_texts_are_no_dates(values: list[str]) -> None:
    assert detect_format(pl.Series("x", values * 10)) is None


def test_calendar_parts_stand_on_the_circle() -> None:
    encoder = Time().fit(pl.Series("when", MOMENTS))
    batch = encoder.encode(pl.Series("when", MOMENTS))
    assert list(batch) == [
        "when.elapsed",
        *(f"when.{p}.{s}" for p in ("month", "weekday", "hour") for s in ("sin", "cos")),
    ]
    month = np.array([moment.month for moment in MOMENTS]) * 2 * np.pi / 12
    weekday = np.array([moment.isoweekday() for moment in MOMENTS]) * 2 * np.pi / 7
    hour = np.array([moment.hour + moment.minute / 60 for moment in MOMENTS]) * 2 * np.pi / 24
    for part, angle in (("month", month), ("weekday", weekday), ("hour", hour)):
        np.testing.assert_allclose(batch[f"when.{part}.sin"], np.sin(angle), atol=1e-6)
        np.testing.assert_allclose(batch[f"when.{part}.cos"], np.cos(angle), atol=1e-6)
    np.testing.assert_allclose([batch["when.elapsed"].mean(), batch["when.elapsed"].std()], [0, 1], atol=1e-6)


def test_parts_that_do_not_vary_are_left_out() -> None:
    days = pl.Series("d", [date(2024, 3, day) for day in (4, 11, 18, 25)])  # Mondays in March
    assert [field.name for field in Time().fit(days).fields] == ["d.elapsed"]


def test_the_same_moment_in_every_writing() -> None:
    stored = pl.Series("when", MOMENTS)
    reference = Time().fit(stored).encode(stored)
    for column in (
        stored.dt.strftime("%Y-%m-%d %H:%M:%S"),
        stored.dt.strftime("%d.%m.%Y %H:%M"),
        stored.dt.replace_time_zone("Asia/Tokyo"),
        stored.cast(pl.Datetime("ns")),
        stored.cast(pl.Datetime("ms")),
    ):
        batch = Time().fit(column).encode(column)
        assert list(batch) == list(reference)
        for name, values in batch.items():
            np.testing.assert_allclose(values, reference[name], atol=1e-6)


def test_times_of_day() -> None:
    clock = pl.Series("at", [time(6), time(12), time(18, 30), None])
    encoder = Time().fit(clock)
    assert [field.name for field in encoder.fields] == ["at.elapsed", "at.hour.sin", "at.hour.cos", "at.missing"]
    np.testing.assert_allclose(encoder.encode(clock)["at.hour.sin"], [1, 0, np.sin(18.5 / 12 * np.pi), 0], atol=1e-6)
    assert "06:00 to 18:30" in encoder.describe()


def test_later_times_are_flagged_and_clipped_and_unreadable_ones_missing() -> None:
    days = pl.Series("d", ["2024-01-01", "2024-01-11", "2024-01-06", None])
    encoder = Time().fit(days)
    new = pl.Series("d", ["2024-01-03", "2024-02-01", "2034-02-01", "soon", None])
    assert encoder.unseen(new).to_list() == [False, True, True, True, False]
    batch = encoder.encode(new)
    assert batch["d.elapsed"][2] == encoder.encode(pl.Series("d", ["2024-01-21"]))["d.elapsed"][0]
    np.testing.assert_array_equal(batch["d.missing"], [0, 0, 0, 1, 1])
    assert encoder.matrix(new)[0][2, 0] > 3000 and np.isnan(encoder.matrix(new)[0][3]).all()


def test_a_time_column_without_times_is_an_error_with_a_remedy() -> None:
    with pytest.raises(DataError, match="--kind d=category"):
        Time().fit(pl.Series("d", ["soon", "later"]))


def test_a_stored_format_of_someone_else_is_refused() -> None:
    state = Time().fit(pl.Series("d", ["2024-01-01", "2024-01-11"])).state()
    with pytest.raises(RunError, match="none of ours"):
        Time().load(state | {"format": "%Q%Q"}, {})


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("t", ["a;b", "b", None, " ", "a; c;a"]),
        pl.Series("t", ["a|b", "b", None, "", "a | c|a"]),
        pl.Series("t", ["a, b", "b", None, "", "a,c,a"]),
        pl.Series("t", ["['a', 'b']", '["b"]', None, "", "['a','c','a']"]),
        pl.Series("t", [["a", "b"], ["b"], None, None, ["a ", "c", "a", ""]]),
    ],
)
def test_tags_in_every_writing(column: pl.Series) -> None:
    assert parse_tags(column, tag_form(column)).to_list() == [["a", "b"], ["b"], None, None, ["a", "c"]]


def test_tags_keep_separators_inside_quotes_and_plain_values() -> None:
    column = pl.Series("t", ["['x, y', 'don t']", "[1, 2]", "[]"])
    assert parse_tags(column).to_list() == [["x, y", "don t"], ["1", "2"], []]
    assert parse_tags(pl.Series("t", ["one", "two"])).to_list() == [["one"], ["two"]]


def test_tags_are_numbers_side_by_side() -> None:
    encoder = Tags().fit(pl.Series("t", ["a;b", "b", None, "c;b"]))
    assert [field.name for field in encoder.fields] == ["t=b", "t=a", "t=c"]
    new = pl.Series("t", ["c;a", "b;z", None, ""])
    batch = encoder.encode(new)
    np.testing.assert_array_equal(np.stack(list(batch.values()), 1), [[0, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert encoder.unseen(new).to_list() == [False, True, False, False]


def test_prose_with_commas_is_no_tags() -> None:
    prose = [f"well, this is sentence {i}, which has commas, as prose does" for i in range(60)]
    assert Tags().recognise(pl.Series("t", prose)).confidence < 0.5
    names = [f"Family{i}, Mr. Name{i}" for i in range(60)]
    assert Tags().recognise(pl.Series("t", names)).confidence < 0.5


@pytest.mark.parametrize(
    ("column", "likely"),
    [
        (pl.Series("PassengerId", range(1, 101)), True),
        (pl.Series("", range(100)), True),
        (pl.Series("customer_id", [9000 + 13 * i for i in range(100)]), True),
        (pl.Series("code", [f"{i:04}-XKCD" for i in range(100)]), True),
        (pl.Series("income", [9000 + 13 * i for i in range(100)]), False),
        (pl.Series("customer_id", [1, 2, 3, 4] * 25), False),
        (pl.Series("title", [f"a film about {i} people" for i in range(100)]), False),
        (pl.Series("x", [float(i) for i in range(100)]), False),
    ],
)
def test_recognises_identifiers_honestly(column: pl.Series, likely: bool) -> None:
    assert (Id().recognise(column).confidence > 0.8) == likely


def test_identifiers_contribute_nothing() -> None:
    encoder = Id().fit(pl.Series("id", ["a", "b"]))
    assert encoder.fields == () and encoder.encode(pl.Series("id", ["c"])) == {}
    assert encoder.matrix(pl.Series("id", ["c"]))[0].shape == (1, 0)
    assert not encoder.unseen(pl.Series("id", ["c"])).any()
