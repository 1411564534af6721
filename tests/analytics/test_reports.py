"""Reports by mail: what they say, when they are planned, and to whom they go."""

import re
import smtplib
import threading
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db.models.functions import Now
from django.test import Client
from rest_framework.test import APIClient

from analytics.models import ReportDelivery, ReportSchedule, RollupState
from analytics.rhythms import Days
from analytics.scopes import Scope
from analytics.services import delivering, letters, refresh_figures, scheduling
from analytics.services.reporting import Figures, NotCounted, figures
from sla.models import SlaClock
from tests.analytics.files import read_csv
from tests.conftest import client_for
from tests.factories import make_escalation, make_ticket, make_user
from tests.racing import at_once
from tickets.lifecycle import Status
from tickets.models import Department, Ticket
from tickets.services import move_tickets
from workers.models import DeadLetter
from workers.names import TaskName

pytestmark = pytest.mark.django_db
SCHEDULES, DELIVERIES = "/api/v1/report-schedules/", "/api/v1/report-deliveries/"
#: A Monday, seven o'clock.
MONDAY = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)
WEEK = Days(date(2026, 3, 2), date(2026, 3, 9), "UTC")
INSIDE = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
EVERYTHING = Scope()


def person(name: str, role: str = "Viewer") -> User:
    made = make_user(name, role)
    User.objects.filter(pk=made.pk).update(email=f"{name}@example.com")
    return User.objects.get(pk=made.pk)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@example.com")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """The messages that are sent: task and ids."""
    sent: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(delivering, "enqueue_each", lambda task, ids: sent.append((task, ids)))
    return sent


def schedule_for(by: User, *people: User, **values: Any) -> ReportSchedule:
    given = {"name": "Week", "people": list(people), **values}
    made = scheduling.save_schedule(schedule=None, values=given, by=by)
    ReportSchedule.objects.filter(pk=made.pk).update(active_since=MONDAY - timedelta(days=1))
    made.refresh_from_db()
    return made


def plan_for(by: User, *people: User, **values: Any) -> None:
    schedule_for(by, *people, **values)
    scheduling.plan_reports(now=MONDAY)


def send_all(now: datetime = MONDAY) -> int:
    """Do what workers would do: count, then send everything that waits."""
    refresh_figures(seconds=None)
    waiting = ReportDelivery.objects.filter(state="pending").values_list("pk", flat=True)
    return delivering.send_reports(ids=list(waiting), now=now)


def resolved(opened: datetime, after: timedelta, **fields: Any) -> Ticket:
    ticket = make_ticket(at=opened, **fields)
    move_tickets(ids=[ticket.pk], status=Status.RESOLVED, actor="ana", now=opened + after)
    return ticket


def counted(scope: Scope = EVERYTHING) -> Figures:
    refresh_figures(seconds=None)
    return figures(scope, WEEK, WEEK.before())


def test_the_mail_leads_to_what_it_counted_and_to_the_report(root: User, client: Client) -> None:
    for at in (INSIDE, INSIDE, MONDAY):
        make_ticket(at=at, department="IT Support")
    make_ticket(at=INSIDE, department="HR")
    department = Department.objects.get(name="IT Support")
    schedule = schedule_for(root, root, department=department, time_zone="Europe/Berlin")
    client.force_login(root)
    refresh_figures(seconds=None)

    week = Days(WEEK.first, WEEK.end, "Europe/Berlin")
    letter = letters.Letters(schedule, week).for_eyes(frozenset())

    links = [urlsplit(link) for link in re.findall(r"http\S+", letter.text)]
    assert [link.path for link in links] == ["/tickets/", "/report/"]
    tickets, report = (client.get(f"{link.path}?{link.query}") for link in links)
    assert tickets.context["rows"].count("<tr") == 2
    assert report.context["problem"] == ""
    assert report.context["chosen"] == {
        "days": 7,
        "by": "department",
        "department": "IT Support",
        "tz": "Europe/Berlin",
    }
    assert "/admin/tickets/ticket/" not in letter.html


def test_figures_are_those_of_the_period_beside_the_one_before() -> None:
    resolved(INSIDE, timedelta(hours=1), priority=1)
    resolved(INSIDE, timedelta(hours=3), priority=2)
    resolved(INSIDE - timedelta(days=7), timedelta(hours=5), priority=1)
    make_ticket(at=INSIDE, priority=2)
    make_ticket(at=WEEK.ends_at, priority=2)

    found = counted()

    assert (found.now["created"], found.now["resolved"], found.backlog) == (3, 2, 2)
    assert (found.before["created"], found.before["resolved"]) == (1, 1)
    assert [one["resolution"]["wall"]["median"] for one in (found.now, found.before)] == [
        7200,
        18000,
    ]
    assert found.now["first_response"]["wall"]["median"] is None
    first, second = found.by_priority
    assert (first.name, second.name) == ("P1", "P2")
    assert (first.created, first.created_before, first.resolved) == (1, 1, 1)
    assert (second.created, second.resolved, second.backlog) == (2, 1, 2)


def test_the_share_of_promises_kept_is_that_of_those_kept_or_missed_in_the_period() -> None:
    for state, count in (("met", 3), ("breached", 1), ("cancelled", 2)):
        for _ in range(count):
            clock = make_escalation(make_ticket(at=INSIDE)).clock
            end = {"state": state, "stopped_at": INSIDE, "running_since": None}
            if state == "breached":
                end["breached_at"] = INSIDE
            SlaClock.objects.filter(pk=clock.pk).update(**end, next_check_at=None)
    SlaClock.objects.filter(state="running").delete()

    found = counted()

    kept = [one["sla"]["total"]["attainment"] for one in (found.now, found.before)]
    assert kept == [75.0, None]


def test_figures_keep_to_a_department_and_hide_what_is_hidden() -> None:
    finance, hr = (Department.objects.get(name=name) for name in ("Finance", "HR"))
    make_ticket(at=INSIDE, department="Finance")
    make_ticket(at=INSIDE, department="HR")
    make_ticket(at=INSIDE)

    def created(scope: Scope) -> int:
        return int(counted(scope).now["created"])

    assert created(EVERYTHING) == 3
    assert created(Scope(department=finance.pk)) == 1
    assert created(Scope((hr.pk,))) == 2


def test_a_report_waits_until_its_period_is_counted(root: User) -> None:
    plan_for(root, person("ana"))
    [delivery] = ReportDelivery.objects.all()
    RollupState.objects.update(as_of=None)

    delivering.send_reports(ids=[delivery.pk], now=MONDAY)

    delivery.refresh_from_db()
    assert (delivery.state, mail.outbox) == ("pending", [])
    assert "not counted yet" in delivery.error
    assert send_all() == 1


def test_a_due_report_is_planned_once_and_goes_to_each(root: User) -> None:
    ana, bob = person("ana"), person("bob")
    schedule_for(root, ana, bob)
    make_ticket(at=INSIDE, priority=1)

    planned = [scheduling.plan_reports(now=MONDAY) for _ in range(3)]
    sent = [send_all(), send_all()]

    assert (planned, sent) == ([1, 0, 0], [2, 0])
    assert sorted(m.to[0] for m in mail.outbox) == ["ana@example.com", "bob@example.com"]
    message = mail.outbox[0]
    assert message.subject == "[SmartOps] Week: 2 March to 8 March 2026"
    assert "Created: 1 (before: 0, +1)" in message.body
    assert "P1: 1 created" in message.body
    html = message.alternatives[0][0]
    assert '<th align="left">Created</th><td align="right">1</td>' in html
    delivery = ReportDelivery.objects.get()
    assert (delivery.state, sorted(delivery.sent_to)) == (
        "done",
        [m.to[0] for m in sorted(mail.outbox, key=lambda m: m.to[0])],
    )


def test_nothing_is_due_before_its_time_or_before_the_schedule_was_made(root: User) -> None:
    schedule = schedule_for(root, person("ana"))

    assert scheduling.plan_reports(now=MONDAY - timedelta(seconds=1)) == 0
    ReportSchedule.objects.update(active_since=MONDAY + timedelta(seconds=1))
    assert scheduling.plan_reports(now=MONDAY + timedelta(hours=1)) == 0
    assert scheduling.plan_reports(now=MONDAY + timedelta(days=7)) == 1
    schedule.refresh_from_db()
    assert ReportDelivery.objects.get().first_day == date(2026, 3, 9)


def test_what_piled_up_collapses_to_the_newest(root: User) -> None:
    plan_for(root, person("ana"), frequency="day")

    scheduling.plan_reports(now=MONDAY + timedelta(days=5))
    send_all(MONDAY + timedelta(days=5))

    old, new = ReportDelivery.objects.order_by("first_day")
    assert (old.state, old.error, new.state) == ("failed", scheduling.OVERTAKEN, "done")
    assert [m.subject for m in mail.outbox] == ["[SmartOps] Week: Friday, 13 March 2026"]


def test_another_hour_sends_no_period_twice(root: User) -> None:
    schedule = schedule_for(root, person("ana"), frequency="day")
    scheduling.plan_reports(now=MONDAY)

    scheduling.save_schedule(schedule=schedule, values={"hour": 9}, by=root)
    ReportSchedule.objects.update(active_since=MONDAY + timedelta(hours=1))

    assert scheduling.plan_reports(now=MONDAY + timedelta(hours=3)) == 0
    assert scheduling.plan_reports(now=MONDAY + timedelta(hours=27)) == 1


def test_a_change_of_the_time_asks_for_nothing_that_was_due_before(root: User) -> None:
    schedule = schedule_for(root, person("ana"))
    before = schedule.active_since

    renamed = scheduling.save_schedule(schedule=schedule, values={"name": "Other"}, by=root)
    moved = scheduling.save_schedule(schedule=schedule, values={"hour": 6}, by=root)

    assert renamed.active_since == before < moved.active_since


@pytest.mark.django_db(transaction=True)
def test_two_who_plan_at_once_plan_one(root: User) -> None:
    schedule_for(root, person_without_role("ana"))

    at_once(*[lambda: scheduling.plan_reports(now=MONDAY)] * 4)

    assert ReportDelivery.objects.count() == 1


def person_without_role(name: str) -> User:
    return User.objects.create_superuser(name, f"{name}@example.com")


def test_each_reader_sees_what_they_may_see(root: User) -> None:
    hr = Department.objects.get(name="HR")
    Department.objects.filter(pk=hr.pk).update(restricted=True)
    member, stranger = person("mia"), person("sam")
    hr.members.add(member)
    make_ticket(at=INSIDE, department="HR")
    make_ticket(at=INSIDE)
    schedule_for(root, member, stranger, addresses=["boss@example.com"])

    scheduling.plan_reports(now=MONDAY)
    send_all()

    said = {m.to[0]: str(m.body) for m in mail.outbox}
    assert "Created: 2" in said["mia@example.com"]
    assert "Created: 2" in said["boss@example.com"]  # as root, who entered it
    assert "Created: 1" in said["sam@example.com"]
    assert "All departments that you may see" in said["sam@example.com"]
    assert "HR" not in said["sam@example.com"]


def test_who_may_not_see_it_is_left_out_with_the_reason(root: User) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    gone, quiet, stranger, nobody = (person(name) for name in ("gus", "quin", "sam", "nil"))
    User.objects.filter(pk=gone.pk).update(is_active=False)
    User.objects.filter(pk=quiet.pk).update(email="", is_superuser=True)
    nobody.groups.clear()
    hr = Department.objects.get(name="HR")
    schedule_for(root, gone, quiet, stranger, nobody, department=hr, addresses=["x@example.com"])

    scheduling.plan_reports(now=MONDAY)
    assert send_all() == 1

    delivery = ReportDelivery.objects.get()
    assert delivery.sent_to == ["x@example.com"]
    assert delivery.left_out == {
        "gus": "gus is not active.",
        "quin": "quin has no mail address.",
        "sam": "sam may not see HR.",
        "nil": "nil may not see tickets.",
    }


def test_an_address_falls_silent_with_the_person_who_entered_it(root: User) -> None:
    schedule_for(root, addresses=["boss@example.com"])
    User.objects.filter(pk=root.pk).update(is_active=False)

    scheduling.plan_reports(now=MONDAY)
    send_all()

    delivery = ReportDelivery.objects.get()
    assert mail.outbox == []
    assert delivery.state == "failed"
    assert "root, who entered it, is not active" in delivery.error
    assert DeadLetter.objects.filter(kind="analytics.reportdelivery").exists()


def test_a_mailbox_of_two_gets_one_mail(root: User) -> None:
    ana = person("ana")
    schedule_for(root, ana, addresses=["ANA@example.com"])

    scheduling.plan_reports(now=MONDAY)

    assert send_all() == 1


class Server:
    """A mail server that answers some addresses with an error."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors

    def send(self, message: Any, *args: Any, **kwargs: Any) -> int:
        name = message.to[0].partition("@")[0]
        if name in self.errors:
            raise self.errors[name]
        mail.outbox.append(message)
        return 1


def behave(monkeypatch: pytest.MonkeyPatch, **errors: Exception) -> None:
    server = Server(**errors)
    monkeypatch.setattr(
        "django.core.mail.EmailMultiAlternatives.send", lambda message: server.send(message)
    )


def test_a_mail_server_that_is_away_is_asked_again_and_nobody_gets_it_twice(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_for(root, person("ana"), person("bob"))
    behave(monkeypatch, bob=smtplib.SMTPServerDisconnected())

    assert send_all() == 1
    waiting = ReportDelivery.objects.get()
    assert (waiting.state, waiting.sent_to, waiting.attempts) == (
        *("pending", ["ana@example.com"]),
        0,
    )
    assert "SMTPServerDisconnected" in waiting.error
    behave(monkeypatch)
    ReportDelivery.objects.update(nudge_at=Now() - timedelta(seconds=1))
    assert scheduling.requeue_stale_reports() == 1

    assert send_all() == 1
    assert [m.to[0] for m in mail.outbox] == ["ana@example.com", "bob@example.com"]
    assert ReportDelivery.objects.get().state == "done"


def test_an_address_that_is_refused_for_ever_holds_nobody_up(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_for(root, person("ana"), person("bob"))
    behave(monkeypatch, ana=smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"no")}))

    send_all()

    delivery = ReportDelivery.objects.get()
    assert (delivery.state, delivery.sent_to) == ("done", ["bob@example.com"])
    said = "Refused for good. The mail server answered 550."
    assert delivery.left_out == {"ana@example.com": said}


def test_one_full_mailbox_holds_nobody_up_and_is_asked_again(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_for(root, person("ana"), person("bob"))
    behave(monkeypatch, ana=smtplib.SMTPRecipientsRefused({"ana@example.com": (452, b"full")}))

    assert send_all() == 1
    waiting = ReportDelivery.objects.get()
    assert (waiting.state, waiting.sent_to) == ("pending", ["bob@example.com"])
    behave(monkeypatch)

    assert send_all() == 1
    assert ReportDelivery.objects.get().state == "done"


def test_who_is_refused_for_ever_is_not_asked_again_until_a_person_says_so(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_for(root, person("ana"), person("bob"))
    refused = smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"no")})
    behave(monkeypatch, ana=refused, bob=OSError("no route"))
    assert send_all() == 0
    behave(monkeypatch)

    assert send_all() == 1
    delivery = ReportDelivery.objects.get()
    assert (delivery.state, delivery.sent_to) == ("done", ["bob@example.com"])
    ReportDelivery.objects.update(state="failed")
    ReportDelivery.revive([delivery.pk])
    assert send_all() == 1
    assert "ana@example.com" in ReportDelivery.objects.get().sent_to


def test_an_address_that_is_none_holds_nobody_up(root: User) -> None:
    ana, bob = person("ana"), person("bob")
    User.objects.filter(pk=ana.pk).update(email="a\n@example.com")
    plan_for(root, ana, bob, name="Two\nlines")

    assert send_all() == 1
    assert mail.outbox[0].subject.startswith("[SmartOps] Two lines: ")
    assert ReportDelivery.objects.get().state == "done"


def test_a_schedule_that_cannot_be_read_stops_no_other(root: User) -> None:
    schedule_for(root, name="Lost")
    ReportSchedule.objects.update(time_zone="Mars/Olympus")
    schedule_for(root, person("ana"))

    assert scheduling.plan_reports(now=MONDAY) == 1


def test_a_report_that_is_lost_while_it_is_put_off_stops_no_other(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("One", "Two"):
        plan_for(root, person(name), name=name)
    refresh_figures(seconds=None)
    first, second = ReportDelivery.objects.order_by("pk").values_list("pk", flat=True)
    write = letters.Letters.for_eyes

    def lose(self: Any, hidden: Any) -> Any:
        if self.schedule.name == "One":
            ReportDelivery.objects.filter(pk=first).update(lease_token=uuid4())
            raise NotCounted
        return write(self, hidden)

    monkeypatch.setattr(letters.Letters, "for_eyes", lose)

    assert delivering.send_reports(ids=[first], now=MONDAY) == 0
    assert delivering.send_reports(ids=[second], now=MONDAY) == 1


def test_who_may_not_see_all_changes_nothing_that_addresses_get(
    root: User, admin_person: User
) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    finance = Department.objects.get(name="Finance")
    row = schedule_for(root, department=finance, addresses=["boss@example.com"])
    where, admin = f"{SCHEDULES}{row.pk}/", client_for(admin_person)

    wider = admin.patch(where, {"department": None}, format="json")
    more = admin.patch(where, {"attach_tickets": True}, format="json")
    same = admin.patch(where, {"department": "Finance", "hour": 9}, format="json")
    without = admin.patch(where, {"department": None, "addresses": []}, format="json")

    assert [a.status_code for a in (wider, more, same, without)] == [400, 400, 200, 200]
    assert list(wider.json()["errors"]) == ["department"]
    assert list(more.json()["errors"]) == ["attach_tickets"]


def test_the_admins_filter_names_no_schedule_of_a_hidden_department(
    root: User, admin_person: User, client: Client
) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    schedule_for(root, name="Hidden plan", department=Department.objects.get(name="HR"))
    schedule_for(root, name="Open plan")
    schedule_for(root, name="Other plan")
    User.objects.filter(pk=admin_person.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=admin_person.pk))

    page = client.get("/admin/analytics/reportdelivery/").content.decode()

    assert "Open plan" in page
    assert "Hidden plan" not in page


def test_after_a_day_it_is_given_up(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_for(root, person("ana"))
    behave(monkeypatch, ana=OSError("no route"))

    send_all(datetime.now(UTC) + timedelta(hours=25))

    delivery = ReportDelivery.objects.get()
    assert delivery.state == "failed"
    assert "within a day" in delivery.error
    assert DeadLetter.objects.filter(kind="analytics.reportdelivery").exists()


def test_what_a_person_has_tried_again_has_a_day_again(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_for(root, person("ana"))
    behave(monkeypatch, ana=OSError("no route"))
    send_all(datetime.now(UTC) + timedelta(hours=25))
    delivery = ReportDelivery.objects.get()
    assert delivery.state == "failed"
    ReportDelivery.objects.update(created_at=Now() - timedelta(days=3))

    ReportDelivery.revive([delivery.pk])
    send_all(datetime.now(UTC))

    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("pending", 1)


def test_the_record_of_reports_goes_but_for_the_newest_of_each_schedule(
    root: User, settings: Any
) -> None:
    schedule = schedule_for(root, person("ana"))
    for when in (MONDAY, MONDAY + timedelta(days=7)):
        scheduling.plan_reports(now=when)
        send_all(when)
    scheduling.send_now(schedule=schedule, by="root", now=MONDAY)
    send_all(MONDAY)
    kept = ReportDelivery.objects.get(first_day=date(2026, 3, 9), requested_by="")
    later = datetime.now(UTC) + timedelta(days=settings.NOTIFICATION_DAYS, hours=1)

    assert scheduling.forget_old_reports(datetime.now(UTC)) == 0
    assert scheduling.forget_old_reports(later) == 2
    assert ReportDelivery.objects.get() == kept
    assert scheduling.plan_reports(now=MONDAY + timedelta(days=7, hours=1)) == 0


@pytest.mark.django_db(transaction=True)
def test_one_report_is_sent_at_a_time_and_none_is_forgotten(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        plan_for(root, root, name=f"Week {number}")
    refresh_figures(seconds=None)
    ids = list(ReportDelivery.objects.values_list("pk", flat=True))
    write, at_work, most = letters.Letters.for_eyes, threading.Semaphore(1), [0]

    def one_alone(self: Any, hidden: Any) -> Any:
        assert at_work.acquire(blocking=False), "two at once"
        most[0] += 1
        found = write(self, hidden)
        at_work.release()
        return found

    monkeypatch.setattr(letters.Letters, "for_eyes", one_alone)

    at_once(*[partial(delivering.send_reports, ids=[pk], now=MONDAY) for pk in ids])

    assert set(ReportDelivery.objects.values_list("state", flat=True)) == {"done"}
    assert (most, len(mail.outbox)) == ([4], 4)


def three_due(root: User) -> list[int]:
    for number in range(3):
        schedule_for(root, root, name=f"Week {number}")
    scheduling.plan_reports(now=MONDAY)
    refresh_figures(seconds=None)
    return list(ReportDelivery.objects.order_by("pk").values_list("pk", flat=True))


def test_what_is_left_when_a_threads_turn_is_over_gets_messages_again(
    root: User, monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, list[int]]]
) -> None:
    ids = three_due(root)
    clock = iter([0.0, 1.0, delivering.TURN_SECONDS + 1, delivering.TURN_SECONDS + 2])
    monkeypatch.setattr(delivering, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    assert delivering.send_reports(ids=ids, now=MONDAY) == 1

    assert asked == [(TaskName.ANALYTICS_SEND_REPORTS, [pk]) for pk in ids[1:]]
    assert set(ReportDelivery.objects.filter(pk__in=ids[1:]).values_list("state", "attempts")) == {
        ("pending", 0)
    }


def test_a_worker_that_is_being_stopped_begins_no_other_report(
    root: User, monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, list[int]]]
) -> None:
    ids = three_due(root)
    monkeypatch.setattr(delivering, "stopping_for", lambda: float(len(mail.outbox)))

    assert delivering.send_reports(ids=ids, now=MONDAY) == 1

    assert asked == [(TaskName.ANALYTICS_SEND_REPORTS, [pk]) for pk in ids[1:]]


def test_one_mail_after_the_other_is_written_for_who_see_the_same(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hr = Department.objects.get(name="HR")
    Department.objects.filter(pk=hr.pk).update(restricted=True)
    people = [person(name) for name in ("ana", "bob", "cid", "dan")]
    hr.members.add(people[0], people[2])
    plan_for(root, *people)
    written: list[Scope] = []
    write = letters.Letters._write
    monkeypatch.setattr(
        letters.Letters, "_write", lambda self, scope: written.append(scope) or write(self, scope)
    )

    assert send_all() == 4
    assert len(written) == 2


def test_the_same_mail_to_the_same_person_has_the_same_id(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may die between the mail server's yes and the note of it."""
    plan_for(root, person("ana"))
    send_all()
    ReportDelivery.objects.update(state="pending", finished_at=None, sent_to=[])
    send_all()

    first, again = (message.extra_headers["Message-ID"] for message in mail.outbox)
    assert first == again


def test_the_tickets_of_the_period_can_come_along(root: User) -> None:
    inside = make_ticket(at=INSIDE, title="=evil()")
    make_ticket(at=WEEK.ends_at)
    schedule_for(root, person("ana"), attach_tickets=True)

    scheduling.plan_reports(now=MONDAY)
    send_all()

    [(name, data, kind)] = mail.outbox[0].attachments
    assert (name, kind) == ("tickets_2026-03-02_2026-03-08.csv", "text/csv")
    raw = data if isinstance(data, bytes) else data.encode()
    [row] = read_csv(raw.removeprefix(b"\xef\xbb\xbf"))
    assert (row["id"], row["title"]) == (str(inside.pk), "'=evil()")


def test_tickets_that_are_too_many_for_a_mail_are_named_instead(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "MOST_FILE_BYTES", 10)
    make_ticket(at=INSIDE)
    schedule_for(root, person("ana"), attach_tickets=True)

    scheduling.plan_reports(now=MONDAY)
    send_all()

    assert mail.outbox[0].attachments == []
    assert "opened_after=2026-03-02T00:00:00Z" in mail.outbox[0].body


def test_only_who_sees_everything_can_enter_addresses(root: User, admin_person: User) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    wish = {"name": "Week", "addresses": ["boss@example.com"]}

    refused = client_for(admin_person).post(SCHEDULES, wish, format="json")
    taken = client_for(root).post(SCHEDULES, wish, format="json")

    assert refused.status_code == 400
    assert "may see every department" in refused.json()["errors"]["addresses"][0]
    assert taken.status_code == 201
    assert ReportSchedule.objects.get().addresses_by == root


def test_a_schedule_of_a_hidden_department_is_hidden(root: User, admin_person: User) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    schedule = schedule_for(root, department=Department.objects.get(name="HR"))
    scheduling.plan_reports(now=MONDAY)
    admin = client_for(admin_person)

    assert admin.get(SCHEDULES).data["results"] == []
    assert admin.get(f"{SCHEDULES}{schedule.pk}/").status_code == 404
    assert admin.get(DELIVERIES).data["results"] == []
    made = admin.post(SCHEDULES, {"name": "x", "department": "HR"}, format="json")
    assert made.status_code == 400


def test_schedules_through_the_api(admin_person: User) -> None:
    admin = client_for(admin_person)
    person("ana")
    wish = {
        "name": "Day",
        "frequency": "day",
        "hour": 6,
        "people": ["ana"],
        "department": "Finance",
    }

    made = admin.post(SCHEDULES, {**wish, "time_zone": "Europe/Berlin"}, format="json")
    pk = made.data["id"]
    changed = admin.patch(f"{SCHEDULES}{pk}/", {"hour": 8, "people": []}, format="json")
    sent = admin.post(f"{SCHEDULES}{pk}/send/")
    gone = admin.delete(f"{SCHEDULES}{pk}/")

    assert (made.status_code, made.data["people"], made.data["hour"]) == (201, ["ana"], 6)
    assert (changed.data["hour"], changed.data["people"]) == (8, [])
    assert (sent.status_code, sent.data["requested_by"]) == (202, "ada")
    assert gone.status_code == 200
    assert not ReportSchedule.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"hour": 24}, "hour"),
        ({"name": "two\nlines"}, "name"),
        ({"weekday": 7}, "weekday"),
        ({"frequency": "hour"}, "frequency"),
        ({"addresses": ["nobody"]}, "addresses"),
        ({"people": ["nobody"]}, "people"),
    ],
)
def test_a_wrong_schedule_is_refused(admin_person: User, wrong: Any, field: str) -> None:
    answer = client_for(admin_person).post(SCHEDULES, {"name": "Week", **wrong}, format="json")

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_send_now_sends_beside_the_schedule(root: User, api: APIClient) -> None:
    schedule = schedule_for(root, person("bob"))

    scheduling.send_now(schedule=schedule, by="root", now=MONDAY)
    scheduling.plan_reports(now=MONDAY)

    assert send_all() == 2
    assert [d.first_day for d in ReportDelivery.objects.all()] == [WEEK.first] * 2
