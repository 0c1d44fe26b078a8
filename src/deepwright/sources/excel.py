"""Excel workbooks (.xlsx): one sheet, read with fastexcel."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError, MissingExtraError, not_found
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._content import fingerprint
from deepwright.sources._tidy import tidy, unique_names
from deepwright.sources._typed import one_boundary

_LARGEST = 1 << 30
"""Bytes that a workbook may unpack to."""


class Excel(Source):
    """`reading` holds `query`: a sheet's name; the first sheet without it. The first row holds the names."""

    name: ClassVar[str] = "excel"
    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        try:
            import fastexcel
        except ImportError as error:
            raise MissingExtraError("fastexcel", "excel", "Reading Excel workbooks") from error

        with one_boundary(path, "Excel"):
            _check_size(path)
            workbook = fastexcel.read_excel(path)
            sheet = reading.get("query") or workbook.sheet_names[0]
            if sheet not in workbook.sheet_names:
                raise not_found("sheet", sheet, workbook.sheet_names, where=path)
            frame = workbook.load_sheet(sheet).to_polars()
            if not frame.height or not frame.width:
                raise DataError(f"the sheet '{sheet}' has no rows.", where=path, remedy="Name another sheet (query).")
            names, renamed = unique_names(frame.columns)
            frame, tidied = tidy(_whole_numbers(frame.rename(dict(zip(frame.columns, names, strict=True)))))
        others = [name for name in workbook.sheet_names if name != sheet]
        notes = [f"Sheet '{sheet}' is read; there is also: {', '.join(others)}."] if others else []
        return Table(
            frame=frame,
            origin=Origin(
                source=f"{path} ({sheet})",
                format=self.name,
                reading={"query": sheet},
                fingerprint=fingerprint(Path(path)),
                notes=(*notes, *renamed, *tidied),
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        yield from self.read(path, reading).frame.iter_slices(rows)


def _whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Excel knows no integers: columns of whole numbers become integers again."""
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Float64]
    whole = [name for name in floats if bool((frame[name] == frame[name].round(0)).all()) and frame[name].count()]
    return frame.with_columns(pl.col(whole).cast(pl.Int64, strict=False)) if whole else frame


def _check_size(path: str) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _LARGEST:
        raise DataError(
            f"the workbook unpacks to {unpacked >> 20:,} MiB, more than the {_LARGEST >> 20:,} MiB allowed.",
            where=path,
            remedy="Save the sheet as CSV.",
        )
