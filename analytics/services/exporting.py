"""Background exports: asked for by a row, made by a worker of queue `reports`, kept for some days.

    claim (lease) ─► COPY to a file on this machine ─► T: its pieces, and the export is done, if it is still ours
                     (from the replica, if it knows of the export)

A worker that dies leaves a row whose lease runs out and no piece: the next one begins again. One that is being
stopped gives the export back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, ExpressionWrapper, OuterRef, Value
from django.db.models.fields import DateTimeField
from django.db.models.functions import Now

from analytics.columns import choose_columns
from analytics.models import Export, ExportPiece
from analytics.models.export import PIECE_BYTES
from analytics.services.files import Output, write_file
from analytics.services.progress import Progress, Stopped
from analytics.services.room import check_room
from tickets.filters import WrongFilters, choose
from tickets.models import Ticket
from tickets.querysets import hidden_department_ids
from workers import leases
from workers import services as work
from workers.context import current_request_id
from workers.dispatch import CHUNK, enqueue_each
from workers.errors import PermanentError
from workers.leases import ACTIVE, Claim, State
from workers.names import TaskName
from workers.replica import Behind, read

log = structlog.get_logger("analytics.export")

#: Exports of one person that may wait or run at a time.
MOST_UNFINISHED: Final = 5
#: Days for which the rows of exports are kept after their files.
ROW_DAYS: Final = 30


@transaction.atomic  # with an Idempotency-Key inside that one's
def request_export(
    *,
    owner: Any,
    export_format: str,
    filters: Mapping[str, str],
    columns: Sequence[str] = (),
    bom: bool = False,
) -> Export:
    """Ask for a file of the tickets that the list would show to `owner` with `filters`.

    :raises WrongFilters: one of them is unknown, or has a value that names nothing.
    :raises UnknownColumns: see `choose_columns`.
    :raises PermanentError: the owner has too many that are not finished, or there is no room for more.
    """
    choose(filters, Ticket.objects.visible_to(owner))
    choose_columns(columns)
    # Those who ask at once count one after the other.
    people = get_user_model().objects.select_for_update(no_key=True)
    list(people.filter(pk=owner.pk).values_list("pk"))
    check_room(owner.pk)
    if Export.objects.filter(ACTIVE, owner=owner).count() >= MOST_UNFINISHED:
        raise PermanentError(
            f"{MOST_UNFINISHED} of your exports wait or run: let one of them end, or cancel it."
        )
    export = Export.objects.create(
        owner=owner,
        format=export_format,
        filters=dict(filters),
        columns=list(columns),
        bom=bom,
        request_id=current_request_id(),
    )
    enqueue_each(TaskName.ANALYTICS_EXPORT, [export.pk])
    return export


@transaction.atomic(durable=True)
def cancel_export(*, export: Export, actor: str) -> None:
    """End an export. A worker that makes it notices within a second or two.

    :raises PermanentError: it has ended.
    """
    running = Export.objects.filter(ACTIVE, pk=export.pk)
    ended = running.update(
        state=State.DONE,
        cancelled_at=Now(),
        finished_at=Now(),
        lease_token=None,
        lease_until=None,
        error=f"Cancelled by {actor}.",
    )
    if not ended:
        raise PermanentError(f"Export {export.pk} has ended: there is nothing to cancel.")


@transaction.atomic(durable=True)
def remove_export(*, export: Export) -> None:
    """Remove an export with its file, whatever its state."""
    row = Export.objects.select_for_update().filter(pk=export.pk)
    list(row)  # a worker that ends it just now has written all its pieces, or will write none
    row.delete()


def run_exports(*, ids: Sequence[int]) -> int:
    """Make those of `ids` that are free, one after the other. Returns how many were done."""
    return sum(_run(pk) for pk in ids)


def _run(pk: int) -> int:
    lease = timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
    held = leases.claim(Export, [pk], lease=lease)
    if not held.ids:
        return 0
    export = Export.objects.select_related("owner").get(pk=pk)
    try:
        with (
            Progress(export, held, lease) as progress,
            Output(most_mb=settings.EXPORT_MAX_MB, may_go_on=progress.may_go_on) as output,
        ):
            hidden = _write(export, output, progress)
            return _finish(export, held, output, progress, hidden)
    except (Stopped, Behind):
        log.info("export was cancelled, removed, given back or taken over", export=pk)
    except SoftTimeLimitExceeded:
        _fail(export, held, PermanentError("It took too long: choose fewer tickets or columns."))
    except Exception as error:  # whatever tickets do to a file: its row says it
        _fail(export, held, error)
    return 0


def _write(export: Export, output: Output, progress: Progress) -> list[int]:
    """Write the file with what the owner may see now. Returns the departments that are hidden from them."""
    owner: Any = export.owner
    if not may_export(owner):
        raise PermanentError(f"{owner.get_username()} may no longer see tickets.")
    hidden = hidden_department_ids(owner)
    tickets = choose(export.filters, Ticket.objects.visible_to(owner))
    read(partial(_copy, export, tickets, output, progress))
    return hidden


def _copy(export: Export, tickets: Any, output: Output, progress: Progress) -> None:
    """Write the file from its beginning, with all that there was when it was asked for.

    :raises Behind: the export is not there, so what was written before it may not be there either.
    """
    if not Export.objects.filter(pk=export.pk).exists():
        raise Behind
    output.seek(0)
    output.truncate()
    progress.total = tickets.count()
    write_file(export, tickets, choose_columns(export.columns), output, progress.tell)


def may_export(owner: Any) -> bool:
    return bool(owner.is_active and owner.has_perm("tickets.view_ticket"))


@transaction.atomic(durable=True)
def _finish(
    export: Export, held: Claim, output: Output, progress: Progress, hidden: list[int]
) -> int:
    """Keep the file and end the export, together and only if it is still ours."""
    size, number = output.seek(0, 2), 0
    check_room(export.owner_id or 0, size=size)
    output.seek(0)
    while piece := output.read(PIECE_BYTES):
        progress.may_go_on()
        ExportPiece.objects.create(export=export, number=number, data=piece)
        number += 1
    if not leases.finish(Export, held, [export.pk]):
        raise Stopped
    days = Value(timedelta(days=settings.EXPORT_DAYS))
    Export.objects.filter(pk=export.pk).update(
        rows=progress.rows,
        total=progress.rows,
        size=size,
        hidden_departments=hidden,
        expires_at=ExpressionWrapper(Now() + days, output_field=DateTimeField()),
    )
    return 1


@transaction.atomic(durable=True)
def _fail(export: Export, held: Claim, error: Exception) -> None:
    """Record a failed attempt. What would fail again has failed for good; its owner reads why."""
    hopeless = isinstance(error, PermanentError | WrongFilters)
    reason = str(error) if hopeless else f"{type(error).__name__}: {error}"
    log.warning("export failed", export=export.pk, error=reason[:2000], exc_info=error)
    if hopeless:
        leases.give_back(Export, held, export.pk, error=reason, max_attempts=1)
    elif leases.give_back(Export, held, export.pk, error=reason):
        _bury([export.pk])


@transaction.atomic(durable=True)
def requeue_stale_exports() -> int:
    """Send a message again for exports that nobody works on. Returns how many were found."""
    stale = work.requeue(Export, nudge=timedelta(seconds=settings.NUDGE_SECONDS), each_alone=True)
    _bury(stale.failed)
    return len(stale.together) + len(stale.alone) + len(stale.failed)


def _bury(ids: Sequence[int]) -> None:
    rows = Export.objects.filter(pk__in=ids) if ids else []
    work.bury(Export, [(row.pk, str(row), row.error, row.request_id) for row in rows])


def forget_old_exports(now: datetime) -> int:
    """Remove files whose time is over, and rows a month later, a few at a time. Returns how many of both."""
    gone = 0
    for forget in (_forget_file, _forget_rows):
        while count := forget(now):
            gone += count
    while _forget_stray_pieces():
        pass
    return gone


@transaction.atomic(durable=True)
def _forget_file(now: datetime) -> int:
    """One: it may have a gigabyte."""
    over = Export.objects.filter(expires_at__lt=now, removed_at__isnull=True).order_by("expires_at")
    ids = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:1])
    ExportPiece.objects.filter(export__in=ids).delete()
    return Export.objects.filter(pk__in=ids).update(removed_at=Now())


@transaction.atomic(durable=True)
def _forget_rows(now: datetime) -> int:
    kept = timedelta(days=settings.EXPORT_DAYS + ROW_DAYS)
    old = Export.objects.filter(finished_at__lt=now - kept).order_by("finished_at")
    ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:CHUNK])
    return Export.objects.filter(pk__in=ids).delete()[1].get(Export._meta.label, 0)


@transaction.atomic(durable=True)
def _forget_stray_pieces() -> int:
    """Of one export that is no more."""
    theirs = Export.objects.filter(pk=OuterRef("export"))
    stray = ExportPiece.objects.filter(~Exists(theirs)).values_list("export", flat=True)[:1]
    return ExportPiece.objects.filter(export__in=list(stray)).delete()[0]


@transaction.atomic(durable=True)
def expire_lost_files() -> int:
    """Say that files are gone whose pieces are not there: a backup holds none. Returns how many."""
    theirs = ExportPiece.objects.filter(export=OuterRef("pk"))
    kept = Export.objects.filter(expires_at__isnull=False, removed_at__isnull=True, size__gt=0)
    return kept.filter(~Exists(theirs)).update(removed_at=Now())
