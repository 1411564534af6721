"""Desks with a past, played through the services: the same for the same seed, whenever it is played."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from sla.services import check_clocks
from tests.factories import item, make_user
from tests.sla.policies import OFFICE, publish_policy
from tickets.lifecycle import MOVES, Status
from tickets.models import Department, SupportGroup, Ticket
from tickets.services import (
    attach_tickets,
    change_tickets,
    comment_on,
    delete_tickets,
    detach_tickets,
    merge_tickets,
    move_tickets,
    open_tickets,
)
from triage.models import TriageDecision, TriageJob
from triage.services import retriage_one, review_tickets, run_jobs, undo_review
from workers.errors import PermanentError

DAYS = 12
#: When a history ends: a Friday afternoon of the office.
END = datetime(2026, 3, 13, 15, 20, tzinfo=UTC)
TITLES = (
    "VPN down for the whole office",
    "Please refund the invoice of March",
    "The printer is on strike",
    "Payroll shows the wrong number of hours",
    "My chair squeaks",
)
CATEGORIES = ("network", "billing", "hardware", "hr")


class History:
    """Plays `steps` of a desk's life, `DAYS` days up to `END`. `between` is called now and then."""

    def __init__(self, seed: int, between: Callable[[], object] = lambda: None) -> None:
        self.chance = random.Random(seed)
        self.between = between
        self.now = END - timedelta(days=DAYS)
        known = User.objects.filter(username__startswith="agent")
        self.people = [*known] or [make_user(f"agent{n}", "Agent") for n in range(3)]
        self.groups = list(SupportGroup.objects.order_by("pk"))
        self.undo: list[str] = []

    def play(self, steps: int = 90) -> None:
        publish_policy(calendar=OFFICE)
        pace = timedelta(days=DAYS) / steps
        doing = (
            *[self._open] * 5,
            *[self._move] * 9,
            *[self._change] * 3,
            *[self._comment] * 2,
            *[self._triage] * 4,
            *[self._review] * 4,
            *(self._take_back, self._retriage, self._merge, self._delete, self._attach),
            *[self._serve_well] * 2,
            *(self._detach, self._arrive_resolved, self._lose_agent, check_clocks),
        )
        for _ in range(steps):
            self.now = min(self.now + pace * self.chance.uniform(0.2, 1.6), END)
            with suppress(PermanentError):  # that cannot be done now: as in life
                self.chance.choice(doing)()
            if self.chance.random() < 0.2:
                self.between()
        self._triage()
        check_clocks()
        self.between()

    def _some(self) -> Ticket | None:
        tickets = list(Ticket.objects.order_by("pk"))
        return self.chance.choice(tickets) if tickets else None

    def _open(self) -> None:
        count = self.chance.choice((1, 1, 2, 5))
        open_tickets(items=[self._item() for _ in range(count)], actor="test", now=self.now)

    def _item(self, **fields: Any) -> Any:
        given: dict[str, Any] = {
            "title": self.chance.choice(TITLES),
            "customer_tier": self.chance.choice(("gold", "silver", "standard")),
        }
        if self.chance.random() < 0.4:
            given["priority"] = self.chance.randint(1, 4)
        if self.chance.random() < 0.2:
            given["opened_at"] = self.now - timedelta(hours=self.chance.uniform(0, 60))
        return item(at=self.now, **{**given, **fields})

    def _arrive_resolved(self) -> None:
        opened = self.now - timedelta(hours=self.chance.uniform(20, 90))
        status = self.chance.choice(("resolved", "closed", "cancelled"))
        sent = self._item(
            external_id=str(self.chance.random()),
            status=status,
            opened_at=opened,
            updated_at=opened + timedelta(hours=self.chance.uniform(0, 19)),
        )
        open_tickets(items=[sent], actor="test", now=self.now)

    def _move(self) -> None:
        if ticket := self._some():
            status = self.chance.choice(MOVES[Status(ticket.status)])
            move_tickets(ids=[ticket.pk], status=status, actor="agent0", now=self.now)

    def _change(self) -> None:
        if ticket := self._some():
            values = self.chance.choice(
                (
                    {"priority": self.chance.randint(1, 4)},
                    {"assignee": self.chance.choice(self.people).username},
                    {"assignee": "agent0"},
                    {"group": self.chance.choice(self.groups).name},
                    {"department": self.chance.choice(list(Department.objects.all())).name},
                    {"category": self.chance.choice(CATEGORIES)},
                    {"category": None},
                    {"title": self.chance.choice(TITLES)},
                )
            )
            change_tickets(ids=[ticket.pk], values=values, actor="agent1", now=self.now)

    def _comment(self) -> None:
        if ticket := self._some():
            comment_on(
                ticket=ticket,
                body="Have you tried it again?",
                public=self.chance.random() < 0.8,
                from_requester=self.chance.random() < 0.3,
                actor="agent2",
                now=self.now,
            )

    def _serve_well(self) -> None:
        """A ticket that keeps all its promises: answered at once, told again, resolved."""
        [outcome] = open_tickets(items=[self._item(opened_at=None)], actor="test", now=self.now)
        assert outcome.ticket is not None
        for _ in range(2):
            comment_on(
                ticket=outcome.ticket, body="Done.", public=True, actor="agent2", now=self.now
            )
        move_tickets(ids=[outcome.ticket.pk], status=Status.RESOLVED, actor="agent2", now=self.now)

    def _triage(self) -> None:
        waiting = TriageJob.objects.filter(state="pending").order_by("pk")
        for job in waiting:  # the database knows no time but the present
            asked_at = self.now - timedelta(seconds=self.chance.uniform(0, 90))
            TriageJob.objects.filter(pk=job.pk).update(created_at=asked_at)
        ids = list(waiting.values_list("pk", flat=True)[:100])
        run_jobs(ids=ids, now=self.now)
        with (
            connection.cursor() as cursor
        ):  # decisions are never changed: not even their triggers may see it
            cursor.execute("SET LOCAL session_replication_role = replica")
            TriageDecision.objects.filter(job__in=ids).update(created_at=self.now)
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")

    def _retriage(self) -> None:
        if ticket := self._some():
            retriage_one(ticket=ticket)

    def _review(self) -> None:
        if ticket := self._some():
            values = {"category": self.chance.choice(CATEGORIES)}
            done = review_tickets(
                ids=[ticket.pk],
                values=values if self.chance.random() < 0.5 else {},
                by="agent1",
                now=self.now,
                via="ticket",
            )
            self.undo += [one.token for one in done]

    def _take_back(self) -> None:
        if self.undo:
            undo_review(token=self.undo.pop(), by="agent1", now=self.now)

    def _merge(self) -> None:
        one, other = self._some(), self._some()
        if one and other and one != other:
            merge_tickets(source=one.pk, into=other.pk, actor="agent0", now=self.now)

    def _delete(self) -> None:
        if (ticket := self._some()) and self.chance.random() < 0.7:
            delete_tickets(ids=[ticket.pk], actor="agent0", now=self.now)

    def _attach(self) -> None:
        one, other = self._some(), self._some()
        if one and other and one != other:
            attach_tickets(ids=[one.pk], to=other.pk, actor="agent0", now=self.now)

    def _detach(self) -> None:
        if ticket := Ticket.objects.filter(parent__isnull=False).first():
            detach_tickets(ids=[ticket.pk], actor="agent0", now=self.now)

    def _lose_agent(self) -> None:
        """An account is removed: the database clears who its tickets were assigned to, and no event tells."""
        if len(self.people) > 1 and self.chance.random() < 0.3:
            User.objects.get(pk=self.people.pop().pk).delete()
