"""Links to finished exports: signed, for an hour, and only while their owner may see what is in them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.core.signing import BadSignature, TimestampSigner
from django.db.models.functions import Length

from analytics.models import Export, ExportFormat, ExportPiece
from analytics.services.exporting import may_export
from tickets.querysets import hidden_department_ids
from workers.clock import present
from workers.errors import Gone

LINK_LASTS: Final = timedelta(hours=1)
TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}


class LinkRefused(Exception):
    """The link is wrong, too old, or its owner may no longer see what is in the file."""


def link_token(export: Export) -> str:
    return _signer().sign(str(export.pk))


def exports_of_link(token: str) -> Any:
    """The export that a link's token names, as a query.

    :raises LinkRefused: the token is not one of ours, or too old.
    """
    try:
        pk = _signer().unsign(token, max_age=LINK_LASTS)
    except BadSignature:
        raise LinkRefused("This link is not valid, or no longer: ask for a new one.") from None
    return Export.objects.filter(pk=int(pk))


def check_file(export: Export) -> None:
    """Check that there is a file and that its owner may still have it.

    :raises Gone: there is none, or no longer.
    :raises LinkRefused: its owner may see less by now than when it was made.
    """
    expires_at = export.expires_at
    if not export.has_file or expires_at is None or expires_at <= present():
        raise Gone(f"Export {export.pk} has no file: it is {export.status}.")
    owner: Any = export.owner
    hidden_now = set(hidden_department_ids(owner))
    if not may_export(owner) or hidden_now - set(export.hidden_departments):
        raise LinkRefused("Its owner may no longer see everything in this file: export again.")


def pieces_of(export: Export, part: range | None = None) -> Iterator[bytes]:
    """The file of a finished export, or those bytes of it, a piece at a time.

    :raises Gone: see `check_file`.
    :raises LinkRefused: see `check_file`.
    """
    check_file(export)
    return _read(export, part if part is not None else range(export.size))


def _read(export: Export, part: range) -> Iterator[bytes]:
    pieces = ExportPiece.objects.filter(export=export)
    number, skip, left = 0, 0, len(part)
    if part.start:
        whole = pieces.filter(number=0).values_list(Length("data"), flat=True).first()
        number, skip = divmod(part.start, whole or 1)
    while left:
        found = pieces.filter(number=number).values_list("data", flat=True).first()
        if not found:
            return  # removed meanwhile: fewer bytes than were promised tell the reader
        data = bytes(found)[skip : skip + left]
        yield data
        number, skip, left = number + 1, 0, left - len(data)


def file_name(export: Export) -> str:
    """Such as tickets_2026-03-03_120000.csv, by the time when it was asked for, in UTC."""
    return f"tickets_{export.created_at:%Y-%m-%d_%H%M%S}.{export.format}"


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="smartops.exports")
