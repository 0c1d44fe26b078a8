"""Kinds inferred, facts told, tables looked at, encoders fitted: on made data and on the files of the shared folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from deepwright.core.errors import DataError, NotFoundError, RecipeError
from deepwright.core.recipe import DataRecipe
from deepwright.core.table import Origin, Table
from deepwright.prepare.encoding import Fitted, fit_encoding
from deepwright.prepare.facts import facts
from deepwright.prepare.infer import infer_kinds
from deepwright.prepare.look import bars_of, look, render

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="shared data not beside the checkout")


def houses(rows: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "house_id": np.arange(rows) + 5000,
            "area": rng.normal(100, 20, rows),
            "zip": rng.choice([10115, 20095, 80331], rows),
            "built": [f"{1950 + i % 60}-0{1 + i % 9}-11" for i in range(rows)],
            "extras": rng.choice(["garden;pool", "pool", "garage;garden"], rows),
            "about": [
                f"a quiet house near the {w} with {i} trees" for i, w in enumerate(rng.choice(["sea", "wood"], rows))
            ],
            "rent": [str(v) if v % 7 else " " for v in rng.integers(1, 400, rows)],
            "country": ["DE"] * rows,
            "heated": rng.random(rows) < 0.5,
            "hardly": [None] * (rows - 3) + [1.0, 2.0, 3.0],
            "price": rng.normal(300, 50, rows),
        }
    )


EXPECTED = {
    "house_id": "id", "area": "number", "zip": "number", "built": "time", "extras": "tags", "about": "text",
    "rent": "number", "country": "category", "heated": "category", "hardly": "number", "price": "number",
}  # fmt: skip


def table_of(frame: pl.DataFrame) -> Table:
    return Table(frame=frame, origin=Origin(source="houses.csv", format="csv", notes=("3 empty rows skipped",)))


def fitted(frame: pl.DataFrame, **keys: object) -> Fitted:
    recipe = DataRecipe(source="houses.csv", **keys)  # type: ignore[arg-type]
    return fit_encoding(frame, infer_kinds(frame, recipe.kinds), "price", recipe)


def test_kinds_are_inferred_with_reasons() -> None:
    views = infer_kinds(houses())
    assert {name: view.kind for name, view in views.items()} == EXPECTED
    assert all(view.why for view in views.values())
    assert "120 distinct values" in views["house_id"].why


def test_kinds_can_be_said() -> None:
    views = infer_kinds(houses(), {"zip": "category"})
    assert views["zip"].kind == "category" and views["zip"].why == "said so"
    with pytest.raises(NotFoundError, match="Did you mean 'zip'"):
        infer_kinds(houses(), {"zipp": "category"})
    with pytest.raises(NotFoundError, match="Did you mean 'category'"):
        infer_kinds(houses(), {"zip": "categry"})


def test_inputs_and_what_is_left_out() -> None:
    frame = houses()
    columns = {column["name"]: column for column in fitted(frame).columns}
    assert [c["name"] for c in columns.values()] == frame.columns
    assert columns["price"]["role"] == "target"
    assert columns["house_id"]["role"] == "ignored" and "identifier" in columns["house_id"]["describe"]
    assert columns["country"]["role"] == "ignored" and "always DE" in columns["country"]["describe"]
    assert columns["area"]["role"] == "input" and "mean" in columns["area"]["describe"]
    assert columns["hardly"]["missing"] == 117 and columns["hardly"]["distinct"] == 3
    assert fitted(frame).encoding.columns == [n for n in frame.columns if n not in ("house_id", "country", "price")]
    json.dumps(fitted(frame).columns, allow_nan=False)


def test_recipe_ignores_uses_and_scales() -> None:
    frame = houses()
    assert "area" not in fitted(frame, ignore=("area",)).encoding.columns
    assert fitted(frame, use=("zip", "house_id")).encoding.columns == ["house_id", "zip"]
    plain = fitted(frame, use=("area",), scale="none").encoding.tensors(frame)["number"][:, 0]
    np.testing.assert_array_equal(plain, frame["area"].to_numpy().astype(np.float32))
    with pytest.raises(NotFoundError, match="Did you mean 'area'"):
        fitted(frame, ignore=("aera",))
    with pytest.raises(RecipeError, match="target"):
        fitted(frame, use=("price", "area"))


def test_row_numbers_are_used_where_nothing_else_is_left() -> None:
    frame = pl.DataFrame({"x": range(1, 101), "price": [2.0 * i for i in range(100)]})
    assert infer_kinds(frame)["x"].kind == "id"
    result = fitted(frame)
    assert result.encoding.columns == ["x"] and result.columns[0]["kind"] == "number"
    with pytest.raises(DataError, match="no input column is left"):
        fitted(pl.DataFrame({"x": [1] * 30, "price": [1.0 * i for i in range(30)]}))


def test_only_training_rows_are_learned_from() -> None:
    frame = houses()
    train = frame.head(60)
    poisoned = pl.concat([train, frame.tail(60).with_columns(area=pl.lit(1e9), extras=pl.lit("poison"))])
    one, two = fitted(train).encoding, fitted(poisoned.head(60)).encoding
    assert one.state() == two.state() and "poison" not in json.dumps(one.state())


def test_facts_count_exactly() -> None:
    frame = houses()
    found = facts(table_of(frame), EXPECTED)
    json.dumps(found, allow_nan=False)
    columns = {column["name"]: column for column in found["columns"]}
    area = columns["area"]
    values = frame["area"].to_numpy()
    told = [area["minimum"], area["maximum"], area["mean"], area["median"]]
    np.testing.assert_allclose(told, [values.min(), values.max(), values.mean(), np.median(values)])
    assert sum(area["histogram"]["counts"]) == 120 and len(area["histogram"]["edges"]) == 11
    assert columns["built"]["minimum"].startswith("1950-") and sum(columns["built"]["histogram"]["counts"]) == 120
    assert dict(columns["extras"]["top"]).keys() == {"garden", "pool", "garage"}
    assert sum(rows for _, rows in columns["heated"]["top"]) == 120
    assert columns["rent"]["missing"] == (frame["rent"] == " ").sum()


def test_suspicious_things_are_found() -> None:
    frame_area = houses()["area"]
    frame = houses().with_columns(
        mixed=pl.Series(["12", "n/a", "7", "unknown"] * 30), city=pl.Series(["Berlin", "berlin ", "Bonn"] * 40),
        hole=pl.Series([None] * 120, dtype=pl.Float64), wild=pl.Series([1.0, np.inf] * 60), label=frame_area,
    )  # fmt: skip
    frame = pl.concat([frame, frame.head(5)])
    kinds = {name: view.kind for name, view in infer_kinds(frame).items()}
    found = {(one["column"], one["what"]) for one in facts(table_of(frame), kinds)["suspicious"]}
    assert {
        ("country", "constant"), ("hole", "empty"), ("hardly", "nearly empty"),
        ("built", "dates as text"),
        ("rent", "numbers as text"), ("rent", "blank texts"), ("mixed", "mixed types"), ("city", "spellings"),
        ("wild", "infinite values"), ("label", "named like a target"), ("", "duplicated rows"),
    } <= found  # fmt: skip
    assert not {one for one in found if one[0] in ("area", "zip", "price", "heated", "extras")}


def test_look_is_readable_at_80_columns() -> None:
    content = look(table_of(houses()), {"zip": "category"})
    json.dumps(content, allow_nan=False)
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(render(content))
    text = console.export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    for word in (*EXPECTED, "120 rows", "3 empty rows skipped", "said so", "--kind", "Worth a look"):
        assert word in text.replace("\n", " "), word
    assert any(bar in text for bar in "▃▄▅")


def test_look_at_odd_tables() -> None:
    odd = pl.DataFrame({"a": pl.Series([], dtype=pl.Float64), "b": pl.Series([], dtype=pl.String)})
    for frame in (odd, pl.DataFrame({"x": [None]}), pl.DataFrame({"x": [np.nan]}), pl.DataFrame({"[red]": ["[/x]"]}),
                  pl.DataFrame({"s": [{"a": 1}], "l": [[1.5]], "b": [b"\x00"], "d": [1e308]}),
                  pl.DataFrame({f"c{i}": [i] for i in range(300)})):  # fmt: skip
        content = look(table_of(frame))
        json.dumps(content, allow_nan=False)
        Console(width=80, file=open("/dev/null", "w")).print(render(content))  # noqa: PTH123, SIM115


def test_bars() -> None:
    assert bars_of([0, 1, 4, 8]) == " ▁▄█" and bars_of([]) == "" and bars_of([0, 0]) == "  "


@needs_shared
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tabular_classification/titanic/titanic.csv", {"PassengerId": "id", "Survived": "category", "Age": "number",
                                                        "Name": "text", "Sex": "category", "Fare": "number"}),
        ("tabular_classification/telco_churn/Telco-Customer-Churn.csv", {"customerID": "id", "TotalCharges": "number",
                                                                         "SeniorCitizen": "category"}),
        ("tabular_regression/bike_sharing/hour.csv", {"instant": "id", "dteday": "time", "cnt": "number"}),
        ("recommendation/movielens_latest_small/movies.csv", {"movieId": "id", "title": "text", "genres": "tags"}),
        ("recommendation/movielens_latest_small/ratings.csv", {"userId": "category", "rating": "number"}),
        ("forecasting/airline_passengers/airline-passengers.csv", {"Month": "time", "Passengers": "number"}),
        ("uplift/hillstrom_email_a/hillstrom.csv.gz", {"history": "number", "zip_code": "category"}),
    ],
)  # fmt: skip
def test_kinds_of_real_tables(path: str, expected: dict[str, str]) -> None:
    frame = pl.read_csv(SHARED / path, infer_schema_length=10_000)
    views = infer_kinds(frame)
    assert {name: views[name].kind for name in expected} == expected
