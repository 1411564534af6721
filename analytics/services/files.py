"""The files of exports: written a row at a time to disk, whatever their format."""

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
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
#: Characters of text in them after which a group ends earlier.
GROUP_CHARACTERS: Final = 16_000_000
#: How the names of folders begin in which sheets wait.
FOLDER: Final = "smartops-sheets-"
#: No export takes so long: a folder that nobody has touched since is of a dead one.
LEFT_OVER_SECONDS: Final = 3600.0
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
        """All of `data`: a disk that is nearly full takes less of it at first, then says so."""
        self.may_go_on()
        left = memoryview(data).cast("B")
        size = left.nbytes
        if self.tell() + size > self.most_mb * 1024 * 1024:
            raise TooLarge(
                f"The file would be larger than {self.most_mb} MB: choose fewer tickets or columns."
            )
        while left:
            left = left[super().write(left) :]
        return size


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
        with closing(
            blocks
        ):  # an error on the way ends the query: its row could not be written else
            for block in blocks:
                output.write(block.data)
                written += block.rows
                tell(written)


def _write_xlsx(tickets: Any, columns: Sequence[Column], output: Output, tell: Tell) -> None:
    """Sheets of text, numbers and times (UTC). No text is a formula or a link."""
    remove_left_over()
    with (
        tempfile.TemporaryDirectory(prefix=FOLDER) as folder,
        closing(value_rows(tickets, columns)) as rows,
    ):
        _write_book(rows, columns, output, tell, Path(folder))


def remove_left_over() -> None:
    """Remove what spreadsheets left here whose worker was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        try:
            if time.time() - newest_change(folder) > LEFT_OVER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue  # its export ends just now


def newest_change(folder: Path) -> float:
    """As seconds since the epoch."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))


def _write_book(
    found: Iterator[tuple[Any, ...]],
    columns: Sequence[Column],
    output: Output,
    tell: Tell,
    folder: Path,
) -> None:
    import xlsxwriter  # only here: an idle process does without

    book = xlsxwriter.Workbook(
        output,
        {
            "constant_memory": True,
            "tmpdir": str(folder),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
        },
    )
    book.use_zip64()
    try:
        written = _write_sheets(book, found, columns, output, tell, folder)
    except BaseException:
        for sheet in book.worksheets():
            sheet.row_data_fh.close()
        raise
    book.close()
    tell(written)


def _write_sheets(
    book: Any,
    found: Iterator[tuple[Any, ...]],
    columns: Sequence[Column],
    output: Output,
    tell: Tell,
    folder: Path,
) -> int:
    bold = book.add_format({"bold": True})
    written = 0
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
                _check_room(folder, output.most_mb)
                tell(written)
        if ahead is None:
            break
    return written


def _check_room(folder: Path, most_mb: int) -> None:
    """Sheets wait unpacked until the end.

    :raises TooLarge: they take more than the file may have.
    """
    if sum(path.stat().st_size for path in folder.iterdir()) > most_mb * 1024 * 1024:
        raise TooLarge(
            f"Its sheets have more than {most_mb} MB before they are packed: "
            "choose fewer tickets or columns, or another format."
        )


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
    with (
        closing(value_rows(tickets, columns)) as found,
        parquet.ParquetWriter(output, schema, compression="zstd") as writer,
    ):
        for rows in groups(found):
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            written += len(rows)
            tell(written)


def groups(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Cut `rows` into what is held in memory together."""
    group: list[tuple[Any, ...]] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += sum(len(value) for value in row if isinstance(value, str))
        if len(group) >= GROUP_ROWS or characters >= GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group
