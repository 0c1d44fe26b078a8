"""Real tables: the traps that their notes name are stepped around."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from deepwright.core.errors import DataError
from deepwright.sources import open_table

_DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = pytest.mark.skipif(not _DATA.exists(), reason="the shared data sets are not here")


def test_sms_spam_has_no_header_and_quotes_are_text() -> None:
    table = open_table(_DATA / "text_classification/sms_spam/sms.tsv")
    assert table.frame.shape == (5574, 2) and set(table.frame["column_1"]) == {"ham", "spam"}


def test_ag_news_is_quoted_without_header() -> None:
    frame = open_table(_DATA / "text_classification/ag_news_test/test.csv").frame
    assert frame.shape == (7600, 3) and sorted(frame["column_1"].unique()) == [1, 2, 3, 4]
    assert frame["column_3"].str.contains("\\", literal=True).any()


@pytest.mark.parametrize(("name", "rows"), [("red", 1599), ("white", 4898)])
def test_wine_has_no_header(name: str, rows: int) -> None:
    frame = open_table(_DATA / f"tabular_regression/wine_quality/winequality-{name}.csv").frame
    assert frame.shape == (rows, 12) and frame["column_12"].dtype == pl.Int64


def test_telco_charges_are_numbers_with_eleven_blanks() -> None:
    table = open_table(_DATA / "tabular_classification/telco_churn/Telco-Customer-Churn.csv")
    assert table.frame["TotalCharges"].dtype == pl.Float64 and table.frame["TotalCharges"].null_count() == 11
    assert "blanks (TotalCharges: 11)" in " ".join(table.origin.notes)


def test_titanic_and_penguins_miss_what_they_miss() -> None:
    frame = open_table(_DATA / "tabular_classification/titanic/titanic.csv").frame
    assert frame.height == 891
    assert [frame[name].null_count() for name in ("Age", "Cabin", "Embarked")] == [177, 687, 2]
    penguins = open_table(_DATA / "tabular_classification/penguins/penguins.csv").frame
    assert penguins["sex"].null_count() == 11 and penguins["body_mass_g"].null_count() == 2


def test_creditcard_has_an_unnamed_first_column() -> None:
    frame = open_table(_DATA / "imbalanced/creditcard_fraud_sample/creditcard_sample.csv").frame
    assert frame.shape == (1722, 32) and frame.columns[:2] == ["column_1", "Time"] and frame["Class"].sum() == 492


def test_bike_sharing_days_are_dates() -> None:
    frame = open_table(_DATA / "tabular_regression/bike_sharing/day.csv").frame
    assert frame.shape == (731, 16) and frame["dteday"].dtype == pl.Date


def test_doubled_carriage_returns_and_a_cut_gzip() -> None:
    folder = _DATA / "bad_inputs/real_broken_a"
    frame = open_table(folder / "ratings_crcrlf_tail.csv").frame
    assert frame.shape[1] == 4 and frame.dtypes == [pl.Int64, pl.Int64, pl.Float64, pl.Int64]
    lines = [line for line in (folder / "ratings_crcrlf_tail.csv").read_bytes().split(b"\n") if line.strip()]
    assert frame.height == len(lines)
    with pytest.raises(DataError, match="cut off"):
        open_table(folder / "truncated_idx3.gz")


def test_baskets_are_ragged_and_said_so() -> None:
    with pytest.raises(DataError, match=r"row 2 .*cells"):
        open_table(_DATA / "association_rules/groceries/groceries.csv")


def test_a_byte_order_mark_and_zeros_before_identifiers() -> None:
    assert open_table(_DATA / "association_rules/online_retail_france/france.csv").columns[0] == "InvoiceNo"
    assert open_table(_DATA / "recommendation/movielens_latest_small/links.csv").frame["imdbId"][0] == "0114709"
