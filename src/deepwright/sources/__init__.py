"""Sources: files, databases and frames become tables; the two ways in are `open_table` and `stream_table`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepwright.sources._bundled import bundled
from deepwright.sources._download import Progress, quiet
from deepwright.sources._published import is_here, published

if TYPE_CHECKING:
    import polars as pl

    from deepwright.core.table import Table

__all__ = ["bundled", "is_here", "open_table", "published", "stream_table"]


def open_table(
    source: Any, *, query: str | None = None, reading: Mapping[str, Any] | None = None, progress: Progress = quiet
) -> Table:
    """The whole of `source` as a Table.

    source:   a path, a bundled or published data set's name, a polars or pandas frame, a dict of arrays, or a NumPy
              array.
    query:    SQLite: a table's name or a SELECT; Excel: a sheet's name.
    reading:  how to read, as found in `Table.origin.reading` of an earlier table or said by the user; None: detect.
    progress: is told of a download: the share done, and what is going on.

    Raises DataError or NotFoundError naming the file, row and column, and what to do.
    """
    from deepwright.sources._frames import is_frame, table_of
    from deepwright.sources._opening import is_published, locate
    from deepwright.sources._whole_paths import picture_columns, with_whole_paths

    if is_frame(source):
        return table_of(source)
    place = locate(source, query, reading, progress)
    table = place.source.read(place.path, place.reading)
    frame, found = with_whole_paths(table.frame, place.path, picture_columns(table.frame) if place.holds_rows else ())
    origin = replace(table.origin, notes=(*place.notes, *table.origin.notes, *found))
    table = replace(table, frame=frame, origin=origin)
    if is_published(source):
        return replace(table, frame=_classes(table.frame, source), origin=replace(origin, source=source))
    if str(source) in bundled() and str(source) != place.path:  # known by its name, wherever it is installed
        known = bundled()[str(source)]
        return replace(table, origin=replace(origin, source=str(source), target=known["target"]))
    return table


def stream_table(
    source: Any, *, query: str | None = None, reading: Mapping[str, Any] | None = None, rows: int = 65_536
) -> Iterator[pl.DataFrame]:
    """The same rows as `open_table`, in order, as frames of at most `rows` rows, all with the same columns and types.

    Memory stays bounded by a few frames. A text file whose column types are not in `reading` is read twice:
    once to settle the types over the whole of every column, once to give them out. Raises as `open_table` does.
    """
    from deepwright.sources._frames import is_frame, table_of
    from deepwright.sources._opening import is_published, locate
    from deepwright.sources._whole_paths import picture_columns, with_whole_paths

    if is_frame(source):
        yield from table_of(source).frame.iter_slices(rows)
        return
    place = locate(source, query, reading)
    frames, columns = place.source.stream(place.path, place.reading, rows), None
    for frame in frames:
        if columns is None:  # the first rows say which columns name pictures
            columns = picture_columns(frame) if place.holds_rows else []
        whole = with_whole_paths(frame, place.path, columns)[0]
        yield _classes(whole, source) if is_published(source) else whole


def _classes(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Numbers of classes become their names, where the published set has names for them."""
    import polars as pl

    classes = published()[name].get("classes")
    if classes is None or "label" not in frame.columns or not frame.schema["label"].is_integer():
        return frame
    return frame.with_columns(pl.col("label").replace_strict(dict(enumerate(classes)), return_dtype=pl.String))
