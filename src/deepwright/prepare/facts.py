"""Facts: what a table holds, one summary a column, and what looks suspicious; the content of facts.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.table import Table
from deepwright.kinds._dates import days_of, detect_format, has_date
from deepwright.kinds._moments import moments
from deepwright.kinds._shared import count, count_blank, distinct, floats, is_blank, texts
from deepwright.kinds._tags import parse_tags
from deepwright.kinds.time import said
from deepwright.prepare._picture_facts import picture_facts

_SAMPLE = 100_000
"""Rows that distinct values, medians, histograms and frequent values are taken from; more are thinned out evenly."""
_PICTURES, _PICTURE_BYTES = 1_500, 100 << 20
"""Pictures, and bytes of encoded pictures, that are looked at; a run reads them once more to learn from."""
_BINS = 10
_TOP = 10
_LONGEST = 60
"""Characters of a frequent value that are shown."""
_TARGET_NAME = re.compile(r"^(target|label|class|y|outcome|response|churn(ed)?|survived|fraud|default(ed)?)$", re.I)


def facts(
    table: Table, kinds: Mapping[str, str], *, pictures: int = _PICTURES, picture_bytes: int = _PICTURE_BYTES
) -> dict[str, Any]:
    """{"columns": […], "suspicious": […]} as docs/run-folder.md says, JSON-able.

    Missing, minimum, maximum and mean are exact; distinct, median, histogram and top come from at most 100,000 rows
    spread evenly ("sampled": true says so); what is said of pictures from at most `pictures`, or `picture_bytes` of
    them ("looked_at" says how many).
    """
    step = -(-len(table) // _SAMPLE) if len(table) > _SAMPLE else 1
    columns = [_column(table.frame.get_column(name), kinds[name], step) for name in table.columns]
    suspicious = [found for column in columns for found in _suspicious(table.frame.get_column(column["name"]), column)]
    for column in columns:
        if column["kind"] == "image":
            labels, values = labels_of(table, kinds), table.frame.get_column(column["name"])
            column["pictures"], found = picture_facts(values, labels, most=pictures, most_bytes=picture_bytes)
            suspicious += found
    meant = {"column": table.origin.target, "what": "named like a target"}  # it is one
    suspicious = [found for found in suspicious if not meant.items() <= found.items()]
    return {"columns": columns, "suspicious": suspicious + _repeated_rows(table.frame, kinds)}


def labels_of(table: Table, kinds: Mapping[str, str]) -> pl.Series | None:
    """The classes of the rows: the column that the data is there to predict, or one named like a target."""
    likely = [table.origin.target, *(name for name in table.columns if _TARGET_NAME.search(name))]
    name = next((name for name in likely if name is not None and kinds.get(name) == "category"), None)
    return None if name is None else table.frame.get_column(name)


def _column(column: pl.Series, kind: str, step: int) -> dict[str, Any]:
    sample = column.gather_every(step) if step > 1 else column
    fact: dict[str, Any] = {"name": column.name, "kind": kind, "missing": count_blank(column)}
    fact["distinct"] = distinct_values(sample)
    if step > 1:
        fact["sampled"] = True
    if kind == "number":
        return fact | _number(floats(column), floats(sample))
    if kind == "time":
        layout = detect_format(sample)
        form = layout.format if layout else None
        dated = has_date(column, form)
        days = _number(days_of(column, form), days_of(sample, form))
        return fact | {
            key: said(value, dated) if key in _ENDS else value for key, value in days.items() if key != "mean"
        }
    told = column.dtype != pl.Binary and kind != "image"  # neither bytes nor long paths, each once, say anything
    return fact | {"top": _top(sample, kind) if told else []}


_ENDS = ("minimum", "maximum", "median")


def distinct_values(column: pl.Series) -> int:
    """Distinct values, missing apart."""
    if column.dtype.is_nested() or column.dtype == pl.Object:
        return len({str(value) for value in column if value is not None})
    return distinct(column)


def _number(values: np.ndarray, sample: np.ndarray) -> dict[str, Any]:
    """Range, mean, median and histogram of the finite values; nothing where there are none."""
    whole = moments(values)
    if not whole.count:
        return {}
    usable = sample[np.isfinite(sample)]
    usable = usable if len(usable) else values[np.isfinite(values)]
    return {
        "minimum": whole.minimum,
        "maximum": whole.maximum,
        "mean": whole.mean,
        "median": float(np.median(usable)),
        "histogram": _histogram(usable, whole.minimum, whole.maximum),
    }


def _histogram(values: np.ndarray, low: float, high: float) -> dict[str, list[float] | list[int]]:
    if not np.isfinite(high - low):  # the range itself is too wide for float64
        values, low, high = values / 4, low / 4, high / 4
        counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
        return {"edges": [float(edge) * 4 for edge in edges], "counts": counts.tolist()}
    try:
        counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    except ValueError:  # numbers so close that ten bins have no room between them
        return {"edges": np.linspace(low, high, _BINS + 1).tolist(), "counts": [len(values)] + [0] * (_BINS - 1)}
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _top(sample: pl.Series, kind: str) -> list[list[Any]]:
    """The most frequent values with their counts; of tags each tag by itself."""
    known = sample.filter(~is_blank(sample))
    values = parse_tags(known).explode().drop_nulls() if kind == "tags" else texts(known)
    counted = values.alias("value").to_frame().group_by("value").len("count")
    counted = counted.sort("count", "value", descending=[True, False]).head(_TOP)
    return [[_short(value), rows] for value, rows in counted.iter_rows()]


def _short(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _suspicious(column: pl.Series, fact: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a person would want to know about a column before trusting it."""
    rows, kind, missing, distinct = len(column), fact["kind"], fact["missing"], fact["distinct"]
    found: list[tuple[str, str]] = []
    if rows and missing == rows:
        found.append(("empty", f"no value in {count(rows, 'row')}"))
    elif rows > 1 and distinct == 1 and not missing:
        found.append(("constant", f"one value in all {count(rows, 'row')}"))
    elif rows >= 20 and missing > 0.9 * rows:
        found.append(("nearly empty", f"{missing:,} of {count(rows, 'row')} have no value ({missing / rows:.0%})"))
    if kind == "id" and distinct > 1:
        found.append(("identifier-like", f"{distinct:,} distinct values in {count(rows - missing, 'row')}; not used"))
    if rows >= 20 and _TARGET_NAME.search(column.name):
        found.append(("named like a target", "leave it out where it is not known at prediction time"))
    found += _suspicious_text(column, kind) if column.dtype == pl.String else _suspicious_numbers(column, fact)
    return [{"column": column.name, "what": what, "evidence": evidence} for what, evidence in found]


def _suspicious_numbers(column: pl.Series, fact: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not column.dtype.is_float():
        return []
    infinite = int(column.is_infinite().sum())
    return [("infinite values", f"{count(infinite, 'value')}, treated as missing")] if infinite else []


def _suspicious_text(column: pl.Series, kind: str) -> list[tuple[str, str]]:
    """Numbers and dates kept as texts, blanks that mean missing, texts among numbers, spellings that differ in case."""
    found: list[tuple[str, str]] = []
    known = column.filter(~is_blank(column))
    if len(known) > _SAMPLE:
        known = known.gather_every(-(-len(known) // _SAMPLE))
    if not len(known):
        return found
    blanks = int(is_blank(column).sum()) - column.null_count()
    if blanks:
        found.append(("blank texts", f"{count(blanks, 'cell')} with nothing but white space, treated as missing"))
    numbers = np.isfinite(floats(known))
    share = float(numbers.mean())
    if kind == "number":
        evidence = f"{share:.1%} of {count(len(known), 'text')} read as numbers"
        found.append(("numbers as text", evidence))
    elif kind == "time":
        layout = detect_format(known)
        twin = f"; {layout.rival} reads just as many" if layout and layout.rival else ""
        found.append(("dates as text", f"read as {layout.format}{twin}" if layout else "in no single format"))
    if (0.05 < share < 1 and kind != "text") or (kind == "number" and share < 1):
        strange = known.filter(pl.Series(~numbers)).unique(maintain_order=True).head(3).to_list()
        shown = ", ".join(repr(_short(value)) for value in strange)
        found.append(("mixed types", f"{share:.0%} numbers, the rest texts such as {shown}"))
    if kind == "category":
        found += _spellings(known)
    return found


def _spellings(known: pl.Series) -> list[tuple[str, str]]:
    values = (
        known.unique()
        .to_frame("value")
        .with_columns(pl.col("value").str.strip_chars().str.to_lowercase().alias("plain"))
    )
    twins = values.group_by("plain").agg(pl.col("value").sort()).filter(pl.col("value").list.len() > 1).sort("plain")
    if not twins.height or twins.height > 0.5 * values.height + 1:
        return []
    shown = " and ".join(repr(value) for value in twins["value"][0].to_list()[:3])
    evidence = f"{shown} differ only in capitals or blanks; they count as different values"
    return [("spellings", evidence + (f" ({twins.height:,} such cases)" if twins.height > 1 else ""))]


def _repeated_rows(frame: pl.DataFrame, kinds: Mapping[str, str]) -> list[dict[str, str]]:
    """Rows that repeat an earlier one, identifiers apart."""
    names = [name for name in frame.columns if kinds[name] != "id" and not frame.schema[name].is_nested()]
    names = [name for name in names if frame.schema[name] != pl.Object]
    if not names or frame.height < 2:
        return []
    repeats = frame.height - frame.select(names).hash_rows(seed=0).n_unique()
    if not repeats:
        return []
    evidence = f"{count(repeats, 'row')} of {frame.height:,} repeat an earlier one ({repeats / frame.height:.1%})"
    return [{"column": "", "what": "duplicated rows", "evidence": evidence}]
