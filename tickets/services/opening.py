"""New tickets, and news about old ones, as other systems send them: one list, one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.db import IntegrityError, transaction

from tickets.directory import LOOKED_UP, Directory
from tickets.intake import Errors, TicketIn
from tickets.lifecycle import Status, path
from tickets.models import Ticket
from tickets.services.changing import IllegalMove, check_move, moved
from tickets.services.recording import (
    LOCKABLE,
    Change,
    lock,
    record_changes,
)
from tickets.services.storing import insert_opened
from tickets.signals import tickets_opened, tickets_opening
from workers.context import current_request_id

_COLUMNS: Final = ["id", *(f.attname for f in Ticket._meta.concrete_fields if f.attname != "id")]
_DEFAULTS: Final[dict[str, Any]] = {
    f.attname: None
    if f.is_relation or (f.has_db_default() and not f.has_default())
    else f.get_default()
    for f in sorted(Ticket._meta.concrete_fields, key=lambda f: _COLUMNS.index(f.attname))
}
_RACES: Final = 3  # tries when somebody else sends the same external id at the same moment


class Result(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass
class Outcome:
    """What became of one item. `errors` when it failed: field -> messages; else the ticket."""

    result: Result
    ticket: Ticket | None = None
    errors: Errors = field(default_factory=dict)


def open_tickets(
    *, items: Sequence[TicketIn], actor: str, now: datetime, hidden_departments: Sequence[int] = ()
) -> list[Outcome]:
    """Record `items`, each as a new ticket or, when its (source, external id) is known, as news about the old one.

    One outcome per item, in order; a bad item fails alone. An item whose `updated_at` is not newer than the last
    one changes nothing. Tickets of `hidden_departments` are not touched: their items fail. Joins a transaction
    that is open already (`idempotency.once`).
    """
    for attempt in range(1, _RACES + 1):
        try:
            with transaction.atomic():
                return _Intake(actor, now, set(hidden_departments)).take(items)
        except IntegrityError:  # another request created one of the external ids since we looked
            if attempt == _RACES:
                raise
    raise AssertionError("unreachable")


class _Intake:
    """The steps of one `open_tickets`, which share the directory of names."""

    def __init__(self, actor: str, now: datetime, hidden: set[int]) -> None:
        self.actor, self.now, self.hidden = actor, now, hidden
        self.directory = Directory()

    def take(self, items: Sequence[TicketIn]) -> list[Outcome]:
        outcomes: list[Outcome | None] = [None] * len(items)
        waiting = list(range(len(items)))
        while waiting:
            # Items about one ticket follow each other; all others go together.
            now: list[int] = []
            later: list[int] = []
            seen: set[tuple[str, str | None]] = set()
            for index in waiting:
                key = (items[index].source, items[index].external_id)
                (later if key in seen else now).append(index)
                if key[1] is not None:
                    seen.add(key)
            for index, outcome in zip(
                now, self._take_distinct([items[i] for i in now]), strict=True
            ):
                outcomes[index] = outcome
            waiting = later
        return [outcome for outcome in outcomes if outcome]

    def _take_distinct(self, items: Sequence[TicketIn]) -> list[Outcome]:
        known = self._known(items)
        fresh: list[tuple[Outcome, Ticket]] = []
        changes: list[Change] = []
        outcomes = []
        for item in items:
            fields = item.given()
            errors = self.directory.resolve(fields)
            ticket = known.get((item.source, item.external_id)) if item.external_id else None
            if errors:
                outcome = Outcome(Result.FAILED, ticket, errors)
            elif ticket is None:
                outcome = Outcome(Result.CREATED, self._new(item, fields))
                fresh.append((outcome, outcome.ticket))  # type: ignore[arg-type]
            else:
                outcome = self._news(ticket, item, fields, changes)
            outcomes.append(outcome)
        self._insert([ticket for _, ticket in fresh])
        changed = {e.ticket.id for e in record_changes(changes, actor=self.actor, now=self.now)}
        for outcome in outcomes:
            if (
                outcome.result is Result.UPDATED
                and outcome.ticket
                and outcome.ticket.pk not in changed
            ):
                outcome.result = Result.UNCHANGED
        return outcomes

    def _known(self, items: Sequence[TicketIn]) -> dict[tuple[str, str | None], Ticket]:
        by_source: dict[str, list[str]] = {}
        for item in items:
            if item.external_id:
                by_source.setdefault(item.source, []).append(item.external_id)
        ids = [
            pk
            for source, external_ids in by_source.items()
            for pk in Ticket.objects.filter(
                source=source, external_id__in=external_ids
            ).values_list("pk", flat=True)
        ]
        return {(t.source, t.external_id): t for t in lock(ids)} if ids else {}

    def _new(self, item: TicketIn, fields: dict[str, Any]) -> Ticket:
        """A ticket that is not in the database yet. `from_db` spares what a model's constructor costs."""
        status = fields.pop("status", None) or Status.OPEN
        opened_at = fields.pop("opened_at", None) or self.now
        source_updated_at = fields.pop("updated_at", None)
        # A ticket that arrives resolved was resolved over there; when exactly, `updated_at` tells best.
        ended_at = max(opened_at, source_updated_at or self.now)
        columns = {
            **_DEFAULTS,
            "title": item.title,
            "locked_fields": _locked(fields, []),
            "status": status.value,
            "opened_at": opened_at,
            "resolved_at": ended_at if status in (Status.RESOLVED, Status.CLOSED) else None,
            "closed_at": ended_at if status is Status.CLOSED else None,
            "source_updated_at": source_updated_at,
            "created_at": self.now,
            "updated_at": self.now,
        }
        relations = {}
        for name, value in fields.items():
            if value is None:
                continue
            if name in LOOKED_UP:
                relations[name] = value
                columns[f"{name}_id"] = value.pk
            else:
                columns[name] = value
        ticket = Ticket.from_db(None, _COLUMNS, columns.values())
        for name in LOOKED_UP:
            ticket._state.fields_cache[name] = relations.get(name)
        return ticket

    def _insert(self, tickets: list[Ticket]) -> None:
        if not tickets:
            return
        tickets_opening.send(Ticket, tickets=tickets)
        rows = [{column: ticket.__dict__[column] for column in _COLUMNS[1:]} for ticket in tickets]
        ids = insert_opened(rows, actor=self.actor, request_id=current_request_id(), now=self.now)
        for ticket, pk in zip(tickets, ids, strict=True):
            ticket.pk = pk
        tickets_opened.send(Ticket, tickets=tickets)

    def _news(
        self, ticket: Ticket, item: TicketIn, fields: dict[str, Any], changes: list[Change]
    ) -> Outcome:
        if ticket.department_id in self.hidden:
            return Outcome(
                Result.FAILED, None, {"external_id": ["You may not change this ticket."]}
            )
        if (
            item.updated_at
            and ticket.source_updated_at
            and item.updated_at <= ticket.source_updated_at
        ):
            return Outcome(Result.UNCHANGED, ticket)
        status = fields.pop("status", None)
        if ticket.merged_into_id is not None:  # its news are kept, but another ticket lives on
            status = None
        for name in ("source", "external_id", "updated_at", "opened_at"):
            fields.pop(name, None)
        silent: dict[str, Any] = {"locked_fields": _locked(fields, ticket.locked_fields)}
        if item.updated_at:
            silent["source_updated_at"] = item.updated_at
        values = {name: value for name, value in fields.items() if value is not None}
        steps = []
        old = Status(ticket.status)
        for step in path(old, status) if status else ():
            try:
                check_move(ticket, old, step, self.now)
            except IllegalMove as error:
                return Outcome(Result.FAILED, ticket, {"status": [str(error)]})
            steps.append(moved(ticket, old, step, self.now))
            old = step
        changes += [Change(ticket, values, silent=silent), *steps]
        return Outcome(Result.UPDATED, ticket)


def _locked(fields: dict[str, Any], already: list[str]) -> list[str]:
    """Return the fields that triage must leave alone from now on; takes `priority_locked` out of `fields`."""
    wish = fields.pop("priority_locked", None)
    locked = {*already, *(name for name in LOCKABLE if fields.get(name) is not None)}
    if wish is not None:
        (locked.add if wish else locked.discard)("priority")
    return sorted(locked)
