"""Predicting: any source in, predictions out, a frame at a time, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import RecipeError

if TYPE_CHECKING:
    import polars as pl

    from deepwright.api.run import Run
    from deepwright.core.contender import Model


def predict(
    run: Run,
    data: Any,
    *,
    contender: str | None = None,
    query: str | None = None,
    why: bool = False,
    rows: int = 65_536,
) -> Iterator[pl.DataFrame]:
    """Predictions of a run for `data`; see Run.predict."""
    import polars as pl

    from deepwright.sources import stream_table

    model = run.model(contender)
    schema = run.record.schema
    where = data if isinstance(data, str) else type(data).__name__
    reading = dict(schema.reading) if schema and _same_format(data, schema.format) else None
    done = 0
    for frame in stream_table(data, query=query, reading=reading, rows=rows):
        run.encoding.check(frame, str(where))
        inputs = frame.select(run.encoding.columns)
        made = model.predict(inputs).with_row_index("row", offset=done + 1).with_columns(_unseen(run, inputs))
        if why:
            made = made.with_columns(pl.Series("why", _reasons(model, inputs, contender or run.winner)))
        yield made
        done += frame.height


def _reasons(model: Model, inputs: pl.DataFrame, name: str | None) -> list[str]:
    reasons = model.explain_rows(inputs)
    if reasons is None:
        raise RecipeError(
            f"'{name}' cannot say why it predicts what it does.",
            where="--why",
            remedy="Rules can (majority, one_rule, rule_base): choose one with --contender.",
        )
    return reasons


def _unseen(run: Run, inputs: pl.DataFrame) -> pl.Series:
    """Names of the columns of each row whose value training never showed, "" for most rows."""
    import polars as pl

    flags = {e.column: e.unseen(inputs.get_column(e.column)) for e in run.encoding.encoders}
    marks = [
        pl.when(pl.lit(flag)).then(pl.lit(column)).otherwise(None).alias(column)
        for column, flag in flags.items()
        if flag.any()
    ]
    if not marks:
        return pl.Series("unseen", [""] * inputs.height, dtype=pl.String)
    return inputs.select(pl.concat_str(marks, separator=", ", ignore_nulls=True).alias("unseen")).to_series()


def _same_format(data: Any, format: str) -> bool:
    """How the training file was read is used again for files of the same format only."""
    from pathlib import Path

    from deepwright.core.find import find, names

    if not isinstance(data, (str, Path)) or format not in names("source"):
        return False
    suffixes = [s for s in Path(data).suffixes if s not in (".gz", ".zst")]
    return bool(suffixes) and suffixes[-1].lower() in find("source", format).suffixes
