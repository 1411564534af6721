"""manage.py import_tickets FILE: bring in an export of another system while the workers already triage it."""

import json
from collections import Counter
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from tickets.directory import Directory
from tickets.importing import GUESSES, ColumnMap, Reader, Row, guess_mapping, to_item
from tickets.intake import TicketIn
from tickets.services import open_tickets
from workers import dispatch
from workers.context import new_request_id, request_id

CHUNK = 1000  # rows in one transaction
SAMPLE = 500  # rows that the guesses are based on


class Command(BaseCommand):
    help = (
        "Import tickets from CSV or NDJSON (also .gz). Safe to run again: a row whose external id is known "
        "updates its ticket. Rows that cannot be used go to a side file with the reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--source", help="Name of the system it comes from (default: the file's name)"
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help=f"Column for a field; FIELD= alone leaves the field out. Fields: {', '.join(GUESSES)}",
        )
        parser.add_argument("--encoding", default="utf-8")
        parser.add_argument(
            "--rejects", type=Path, help="Side file (default: FILE.rejected.ndjson)"
        )
        parser.add_argument("--limit", type=int, help="Stop after so many rows")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            "".encode(options["encoding"])
        except LookupError:
            raise CommandError(f"Unknown encoding {options['encoding']!r}.") from None
        source = options["source"] or path.name.split(".")[0][:40]
        rejects = options["rejects"] or path.with_name(path.name + ".rejected.ndjson")
        with (
            request_id(f"import-{new_request_id()[:12]}"),
            path.open("rb") as raw,
            closing(Reader(raw, options["encoding"])) as reader,
        ):
            counts = self._import(reader, path, source, rejects, options)
        dispatch.flush(30)
        self.stdout.write(
            f"{counts['created']:,} created, {counts['updated']:,} updated, {counts['unchanged']:,} unchanged, "
            f"{counts['rejected']:,} rejected" + (f" (see {rejects})" if counts["rejected"] else "")
        )
        if counts["rejected"] and counts["rejected"] == counts.total():
            raise CommandError("No row could be used. Is the mapping right (--map)?")

    def _import(
        self, reader: Reader, path: Path, source: str, rejects: Path, options: dict[str, Any]
    ) -> Counter[str]:
        rows = islice(iter(reader), options["limit"])
        sample = list(islice(rows, SAMPLE))
        if not sample:
            raise CommandError(f"{path} holds no rows.")
        mapping = self._mapping(sample, options["map"])
        rejects.unlink(missing_ok=True)
        counts: Counter[str] = Counter()
        with tqdm(
            total=path.stat().st_size,
            unit="B",
            unit_scale=True,
            desc=path.name,
            mininterval=0.5,
            disable=None,
        ) as bar:
            chunk = sample
            while chunk:
                counts += self._take(chunk, mapping, source, rejects)
                bar.update(min(reader.position(), bar.total) - bar.n)
                rate = counts.total() / max(bar.format_dict["elapsed"], 0.001)
                bar.set_postfix_str(f"{counts.total():,} tickets, {rate:,.0f}/s")
                chunk = list(islice(rows, CHUNK))
            bar.update(bar.total - bar.n)
        return counts

    def _mapping(self, sample: list[Row], wishes: list[str]) -> ColumnMap:
        wanted: dict[str, str] = {}
        columns = {column for row in sample for column in row.data}
        for wish in wishes:
            name, equals, column = wish.partition("=")
            if not equals or name not in GUESSES:
                raise CommandError(
                    f"--map {wish}: write FIELD=COLUMN, FIELD one of {', '.join(GUESSES)}."
                )
            if column and column not in columns:
                raise CommandError(
                    f"--map {wish}: the file's columns are {', '.join(sorted(columns))}."
                )
            wanted[name] = column
        directory = Directory()
        mapping = guess_mapping(
            sample,
            wanted,
            now=timezone.now(),
            known=lambda name, value: not directory.resolve({name: value}),
        )
        pairs = ", ".join(f"{name} ← {column}" for name, column in mapping.columns.items())
        self.stdout.write(f"Columns: {pairs or 'none recognised'}")
        for note in mapping.notes:
            self.stdout.write(note)
        return mapping

    def _take(
        self, rows: list[Row], mapping: ColumnMap, source: str, rejects: Path
    ) -> Counter[str]:
        now = timezone.now()
        items = [to_item(row, mapping, source=source, now=now) for row in rows]
        good = [
            (row, item) for row, item in zip(rows, items, strict=True) if isinstance(item, TicketIn)
        ]
        bad = [(row, item) for row, item in zip(rows, items, strict=True) if isinstance(item, dict)]
        outcomes = open_tickets(items=[item for _, item in good], actor="import", now=now)
        counts: Counter[str] = Counter()
        for (row, _), outcome in zip(good, outcomes, strict=True):
            if outcome.errors:
                bad.append((row, outcome.errors))
            else:
                counts[outcome.result] += 1
        if bad:
            counts["rejected"] = len(bad)
            with rejects.open("a", encoding="utf-8", errors="backslashreplace") as side:
                for row, errors in sorted(bad, key=lambda pair: pair[0].number):
                    side.write(
                        json.dumps(
                            {"row": row.number, "errors": errors, "data": row.data}, default=str
                        )
                        + "\n"
                    )
        return counts
