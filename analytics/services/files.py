"""The files of exports: written a row at a time to disk, whatever their format."""

import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from analytics.columns import Column, Kind
from analytics.models import Export, ExportFormat
from analytics.services.copying import csv_blocks, json_blocks, value_rows
from workers.errors import PermanentError

#: Of a sheet, its header included.
SHEET_ROWS: Final = 1_048_576
#: Characters that a cell of Excel holds.
CELL_MAX: Final = 32_767
#: Rows of Parquet that are held in memory and compressed together.
GROUP_ROWS: Final = 20_000
#: Rows after which the progress is told.
TOLD_ROWS: Final = 1000
#: Excel knows no earlier year.
_FIRST_YEAR: Final = 1900

Tell = Callable[[int], None]


class TooLarge(PermanentError):
    """The message says what helps."""


class Output(io.FileIO):
    """A file without a name, gone with its process. Each write first asks whether it may go on."""

    def __init__(self, *, most_mb: int, may_go_on: Callable[[], None]) -> None:
        descriptor, path = tempfile.mkstemp(prefix="smartops-export-")
        os.unlink(path)
        super().__init__(descriptor, "w+b")
        self.most_mb = most_mb
        self.may_go_on = may_go_on

    def write(self, data: Any) -> int:
        self.may_go_on()
        if self.tell() + len(data) > self.most_mb * 1024 * 1024:
            raise TooLarge(
                f"The file would be larger than {self.most_mb} MB: choose fewer tickets or columns."
            )
        return super().write(data)


def write_file(
    export: Export, tickets: Any, columns: Sequence[Column], output: Output, tell: Tell
) -> None:
    """Write `tickets` in the export's format, and `tell` how many rows there are so far.

    :raises TooLarge: more bytes than an export may have.
    """
    if export.format == ExportFormat.XLSX:
        _write_xlsx(tickets, columns, output, tell)
    elif export.format == ExportFormat.PARQUET:
        _write_parquet(tickets, columns, output, tell)
    else:
        is_csv = export.format == ExportFormat.CSV
        blocks = (
            csv_blocks(tickets, columns, bom=export.bom)
            if is_csv
            else json_blocks(tickets, columns)
        )
        written = 0
        for block in blocks:
            output.write(block.data)
            written += block.rows
            tell(written)


def _write_xlsx(tickets: Any, columns: Sequence[Column], output: Output, tell: Tell) -> None:
    """Sheets of text, numbers and times (UTC). No text is a formula or a link."""
    import xlsxwriter  # only here: an idle process does without

    book = xlsxwriter.Workbook(
        output,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
        },
    )
    book.use_zip64()
    bold = book.add_format({"bold": True})
    found, written = value_rows(tickets, columns), 0
    ahead = next(found, None)
    while True:
        sheet = book.add_worksheet(f"Tickets {len(book.worksheets()) + 1}")
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column.name, bold)
        for number in range(1, SHEET_ROWS):
            if ahead is None:
                break
            for place, value in enumerate(ahead):
                _write_cell(sheet, number, place, value)
            ahead = next(found, None)
            written += 1
            if written % TOLD_ROWS == 0:
                output.may_go_on()
                tell(written)
        if ahead is None:
            break
    book.close()
    tell(written)


def _write_cell(sheet: Any, row: int, place: int, value: Any) -> None:
    if value is None or value == "" or value == []:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, place, value)
    elif isinstance(value, datetime) and value.year >= _FIRST_YEAR:
        sheet.write_datetime(row, place, value.replace(tzinfo=None))
    else:
        sheet.write_string(row, place, shortened(in_a_cell(value)))


def in_a_cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return ",".join(value) if isinstance(value, list) else str(value)


def shortened(text: str) -> str:
    """What Excel holds of a text."""
    return text if len(text) <= CELL_MAX else text[: CELL_MAX - 1] + "…"


def _write_parquet(tickets: Any, columns: Sequence[Column], output: Output, tell: Tell) -> None:
    import pyarrow as pa  # only here: 40 MB that no other work needs
    from pyarrow import parquet

    kinds = {
        Kind.INTEGER: pa.int64(),
        Kind.FLOAT: pa.float64(),
        Kind.FLAG: pa.bool_(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.LIST: pa.list_(pa.string()),
    }
    schema = pa.schema([(column.name, kinds.get(column.kind, pa.string())) for column in columns])
    written = 0
    with parquet.ParquetWriter(output, schema, compression="zstd") as writer:
        for rows in _groups(value_rows(tickets, columns)):
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            written += len(rows)
            tell(written)


def _groups(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while group := list(islice(rows, GROUP_ROWS)):
        yield group
