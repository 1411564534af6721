"""Two weeks of a made-up company's tickets, the same on every machine, made by the usual services."""

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User

from tickets.intake import TicketIn
from tickets.lifecycle import Status
from tickets.models import Department, Ticket, TriageStatus
from tickets.services import change_tickets, comment_on, move_tickets, open_tickets, route_tickets
from tickets.services.access import give_role
from triage.classifier.dataset import load_corpus
from triage.models import TriageJob
from triage.services import measure_drift, run_jobs
from triage.services.reviewing import review_tickets
from workers.dispatch import silence

SEED: Final = 20
DAYS: Final = 14
TICKETS: Final = 240
SOURCE: Final = "demo"
TRIAGED_WITHIN: Final = timedelta(seconds=1)

#: Login name, full name, role, restricted departments.
PEOPLE: Final = (
    ("admin", "Ada Admin", "Admin", ("HR",)),
    ("ana", "Ana Petrova", "Agent", ()),
    ("bob", "Bob Okafor", "Agent", ()),
    ("chen", "Chen Wei", "Agent", ("HR",)),
    ("vera", "Vera Lindqvist", "Viewer", ()),
)
AGENTS: Final = ("ana", "bob", "chen")
REQUESTERS: Final = (
    *("Amelie Durand", "Kofi Mensah", "Priya Nair", "Jonas Weber", "Lucia Romano", "Tom Hughes"),
    *("Aisha Rahman", "Mateo Silva", "Yuki Tanaka", "Olga Ivanova", "Sam Carter", "Noor de Vries"),
    *(
        "Piotr Zielinski",
        "Grace Achieng",
        "Luca Bianchi",
        "Hanna Virtanen",
        "Diego Torres",
        "Mei Lin",
    ),
)
TIERS: Final = ("standard",) * 6 + ("bronze", "silver", "silver", "gold")
REPLIES: Final = (
    "Thanks for reporting this, I am looking into it now.",
    "I could reproduce it on my side. Give me an hour, please.",
    "Could you tell me since when this happens, and whether a colleague sees it too?",
    "We have found the cause and are rolling out a fix this afternoon.",
    "This needs a signature of your manager first; I have sent the form.",
)
NOTES: Final = (
    "Same pattern as last month, see the runbook.",
    "Called the requester, no answer. Trying again after lunch.",
    "Waiting for the supplier's answer; their reference is in the shared folder.",
)
SOLUTIONS: Final = (
    "Fixed and verified together with the requester.",
    "The change is live. Please tell us if you see it again.",
    "Delivered and handed over.",
)


#: Which tickets are closed when, many at once.
Closings = dict[datetime, list[int]]


@dataclass(frozen=True)
class Visit:
    """Something that an agent does to a ticket at some time."""

    at: datetime
    step: str
    text: str = ""


def people(*, password: str) -> None:
    """Create the demo's people, or give them this password again."""
    logins = [login for login, *_ in PEOPLE]
    kept = set(User.objects.filter(username__in=logins).values_list("password", flat=True))
    # They share one hash: hashing is slow on purpose, and this is done at each start.
    [hashed] = kept if len(kept) == 1 else {""}
    if not hashed or not check_password(password, hashed):
        hashed = make_password(password)
    for login, name, role, departments in PEOPLE:
        first, last = name.split()
        user, _ = User.objects.update_or_create(
            username=login,
            defaults={
                "first_name": first,
                "last_name": last,
                "email": f"{login}@demo.example",
                "password": hashed,
            },
        )
        give_role(user=user, role=role)
        for department in Department.objects.filter(name__in=departments):
            department.members.add(user)


def tickets(*, now: datetime) -> int:
    """Make the tickets of the last two weeks, unless they are there already. Returns how many were made."""
    if Ticket.objects.filter(source=SOURCE).exists():
        return 0
    chance = random.Random(SEED)
    arrivals: dict[datetime, list[TicketIn]] = defaultdict(list)
    truth: dict[str, str] = {}
    for number, example in enumerate(chance.sample(load_corpus(held_out=True), TICKETS), start=1):
        at = _arrival(chance, now)
        who = chance.choice(REQUESTERS)
        grave = chance.random() < 0.5  # so many senders say how grave it is
        item = {
            "external_id": f"D-{number:04}",
            "source": SOURCE,
            "title": example.title,
            "description": example.description,
            "requester_name": who,
            "requester_email": who.lower().replace(" ", ".") + "@demo.example",
            "customer_tier": chance.choice(TIERS),
            "impact": example.impact if grave else None,
            "urgency": example.urgency if grave else None,
            "opened_at": at.isoformat(),
        }
        truth[f"D-{number:04}"] = example.label
        filled = {name: value for name, value in item.items() if value}
        arrivals[at.replace(minute=0, second=0, microsecond=0)].append(
            TicketIn.model_validate(filled, context={"now": now})
        )
    closings: Closings = defaultdict(list)
    with silence():  # no worker may triage today what came last week
        for hour in sorted(arrivals):
            _one_hour(arrivals[hour], truth, closings, chance, now)
        for evening in sorted(closings):
            move_tickets(ids=closings[evening], status=Status.CLOSED, actor="admin", now=evening)
    measure_drift(days=[(now - timedelta(days=n)).date() for n in range(DAYS + 1)], now=now)
    return TICKETS


def _arrival(chance: random.Random, now: datetime) -> datetime:
    """Mostly during working hours of working days, some lately on any day, never in the future."""
    if chance.random() < 0.08:  # so that a weekend's desk has work, too
        return now - timedelta(minutes=chance.uniform(2, 600))
    while True:
        day = now - timedelta(days=chance.uniform(0, DAYS))
        at = day.replace(
            hour=min(23, max(0, round(chance.gauss(11.5, 3.2)))), minute=chance.randrange(60)
        )
        quiet = at.weekday() >= 5 and chance.random() < 0.8
        if at < now - timedelta(minutes=2) and not quiet:
            return at


def _one_hour(
    items: list[TicketIn],
    truth: dict[str, str],
    closings: Closings,
    chance: random.Random,
    now: datetime,
) -> None:
    came = max(item.opened_at for item in items if item.opened_at)
    known = came + TRIAGED_WITHIN
    outcomes = open_tickets(items=items, actor="demo", now=came)
    ids = [outcome.ticket.pk for outcome in outcomes if outcome.ticket]
    jobs = TriageJob.objects.filter(ticket__in=ids)
    run_jobs(ids=list(jobs.values_list("pk", flat=True)), now=known, decided_at=known)
    jobs.update(created_at=came, finished_at=known)  # these two are the database's
    for ticket in Ticket.objects.filter(pk__in=ids).order_by("pk"):
        ready = known
        at = known + timedelta(minutes=chance.uniform(2, 30))
        waits = ticket.triage_status == TriageStatus.NEEDS_REVIEW
        if waits and at < now and chance.random() < 0.9:
            _review(ticket, truth[ticket.external_id or ""], chance.choice(AGENTS), at)
            ticket.refresh_from_db()
            ready = at
        _work_on(ticket, ready, closings, chance, now)


def _review(ticket: Ticket, category: str, agent: str, at: datetime) -> None:
    """Say what it is about, where triage was unsure."""
    right = ticket.category is not None and ticket.category.slug == category
    values = {} if right else {"category": category}
    review_tickets(ids=[ticket.pk], values=values, by=agent, now=at)


def _work_on(
    ticket: Ticket, ready: datetime, closings: Closings, chance: random.Random, now: datetime
) -> None:
    agent = chance.choice(AGENTS)
    for visit in _plan(ticket, ready, chance):
        if visit.at >= now:
            return
        if visit.step == "closed":
            closings[visit.at].append(ticket.pk)
        elif visit.step == "comment":
            comment_on(ticket=ticket, body=visit.text, public=True, actor=agent, now=visit.at)
        elif visit.step == "note":
            comment_on(ticket=ticket, body=visit.text, public=False, actor=agent, now=visit.at)
        elif visit.step == "reroute":
            route_tickets(
                ids=[ticket.pk],
                department="General",
                group=None,
                confidence=1.0,
                actor=agent,
                now=visit.at,
                reason=visit.text,
            )
        else:
            if ticket.assignee is None:
                [ticket] = change_tickets(
                    ids=[ticket.pk], values={"assignee": agent}, actor=agent, now=visit.at
                )
            move_tickets(
                ids=[ticket.pk],
                status=Status(visit.step),
                actor=agent,
                now=visit.at,
                reason=visit.text,
            )


def _plan(ticket: Ticket, ready: datetime, chance: random.Random) -> list[Visit]:
    """What will happen to a ticket that is ready for work then: the more urgent, the sooner."""
    pace = {1: 0.5, 2: 2.0, 3: 8.0, 4: 20.0}[ticket.priority or 3]  # hours until somebody starts
    at = ready + timedelta(hours=chance.expovariate(1 / pace) + 0.05)
    plan = []
    if chance.random() < 0.04:
        plan.append(Visit(at, "reroute", "Not ours, please have a look."))
    plan.append(Visit(at, "in_progress"))
    at += timedelta(minutes=chance.randrange(1, 25))
    plan.append(Visit(at, "comment", chance.choice(REPLIES)))
    if chance.random() < 0.25:
        at += timedelta(hours=chance.uniform(0.5, pace * 2))
        plan.append(Visit(at, "note", chance.choice(NOTES)))
        plan.append(Visit(at, "on_hold", "Waiting for an answer."))
        at += timedelta(hours=chance.uniform(2, 48))
        plan.append(Visit(at, "in_progress"))
    at += timedelta(hours=chance.expovariate(1 / (pace * 2)) + 0.1)
    if chance.random() < 0.03:
        return [*plan, Visit(at, "cancelled", "A duplicate of an earlier ticket.")]
    plan.append(Visit(at, "comment", chance.choice(SOLUTIONS)))
    plan.append(Visit(at, "resolved"))
    if chance.random() < 0.06:
        at += timedelta(hours=chance.uniform(1, 30))
        plan += [
            Visit(at, "open", "It happens again."),
            Visit(at + timedelta(hours=3), "in_progress"),
        ]
        return [*plan, Visit(at + timedelta(hours=9), "resolved")]
    evening = (at + timedelta(days=chance.uniform(1, 4))).replace(hour=18, minute=0)
    return [*plan, Visit(evening.replace(second=0, microsecond=0), "closed")]
