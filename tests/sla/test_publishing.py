"""Publishing policies and changing calendars: what becomes a new version, and what is refused."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from sla import promises
from sla.configfile import ALWAYS
from sla.document import Calendar, Holiday, PolicyDocument
from sla.models import BusinessCalendar, SlaPolicy, SlaPolicyVersion, Source
from sla.services import calendars as calendar_service
from sla.services import policies as policy_service
from sla.services.calendars import CalendarInUse, delete_calendar, import_holidays, save_calendar
from sla.services.config import config_findings
from sla.services.policies import (
    KeptByFile,
    StaysAsItIs,
    disable_policy,
    publish,
    read_document,
)
from sla.services.storing import WrongFields
from tests.factories import NOON
from tickets.models import Department

pytestmark = pytest.mark.django_db

BERLIN = Calendar(name="Berlin", time_zone="Europe/Berlin", hours={"mon-fri": "09:00-17:00"})


def document(calendar: Calendar | None = None, **fields: Any) -> PolicyDocument:
    given = {"tiers": {"gold": {"P1": {"resolution": "4h"}}}, **fields}
    checked = PolicyDocument.model_validate(given)
    return checked.model_copy(update={"calendar": calendar}) if calendar else checked


def put(name: str = "Gold", doc: PolicyDocument | None = None, **more: Any) -> SlaPolicyVersion:
    return publish(name=name, document=doc or document(), actor="ada", now=NOON, **more)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who asked to move open tickets; the moving itself is tested with the clocks."""
    asked: list[str] = []

    def move(*, policies: promises.Policies, actor: str, now: datetime) -> int:
        asked.append(actor)
        return 0

    monkeypatch.setattr(calendar_service, "move_open_clocks", move)
    monkeypatch.setattr(policy_service, "move_open_clocks", move)
    return asked


def test_a_new_desk_has_a_default_policy_that_is_asked_last() -> None:
    put(position=32_000)

    assert [promise.policy for promise in promises.current().promises] == ["Gold", "Default"]
    held = promises.current().holding_for("", "standard", 4)
    assert held is not None
    assert held[0].policy == "Default"


def test_what_is_published_holds_at_once_and_keeps_who_said_it() -> None:
    version = put()

    assert (version.number, version.created_by) == (1, "ada")
    held = promises.current().holding_for("", "gold", 1)
    assert held is not None
    assert held[0].version == version.pk


def test_saying_the_same_again_makes_no_version() -> None:
    assert put().pk == put().pk
    assert put(doc=document(acknowledgement="1h")).number == 2


def test_the_database_refuses_to_change_a_version() -> None:
    version = put()

    with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
        SlaPolicyVersion.objects.filter(pk=version.pk).update(created_by="eve")


def test_lower_positions_are_asked_first() -> None:
    put("B", position=20)
    put("A", position=10)
    put("B", position=5)

    assert [p.policy for p in promises.current().promises] == ["B", "A", "Default"]


def test_a_renamed_policy_keeps_its_versions_and_a_taken_name_is_refused() -> None:
    version = put()
    renamed = put("Gold plus", policy_id=version.policy_id)

    assert (renamed.pk, renamed.policy.name) == (version.pk, "Gold plus")
    with pytest.raises(WrongFields) as caught:
        put("Default", policy_id=version.policy_id)
    assert "name" in caught.value.errors


def test_the_default_policy_can_be_edited_but_not_switched_off() -> None:
    default = SlaPolicy.objects.get(is_default=True)
    put("Default", document())

    with pytest.raises(StaysAsItIs):
        disable_policy(policy_id=default.pk, actor="ada", now=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        SlaPolicy.objects.filter(pk=default.pk).update(enabled=False)
    assert SlaPolicyVersion.objects.filter(policy=default).count() == 2


def test_a_disabled_policy_holds_for_no_ticket_and_keeps_its_versions() -> None:
    version = put()
    disable_policy(policy_id=version.policy_id, actor="ada", now=NOON)

    assert [p.policy for p in promises.current().promises] == ["Default"]
    assert promises.promise_of(version.pk).policy == "Gold"


def test_what_comes_from_the_file_is_not_changed_by_people() -> None:
    version = put()
    SlaPolicy.objects.update(source=Source.FILE)
    BusinessCalendar.objects.update(source=Source.FILE)

    with pytest.raises(KeptByFile, match="sla.yaml"):
        put(doc=document(acknowledgement="1h"))
    with pytest.raises(KeptByFile, match="sla.yaml"):
        disable_policy(policy_id=version.policy_id, actor="ada", now=NOON)
    kept = BusinessCalendar.objects.get(name="Business hours")
    with pytest.raises(KeptByFile, match="sla.yaml"):
        save_calendar(calendar=BERLIN, calendar_id=kept.pk, actor="ada", now=NOON)


def test_names_that_nobody_has_are_refused_with_their_places() -> None:
    with pytest.raises(WrongFields) as caught:
        put(doc=document(departments=["HR", "Moon"], levels=[{"at": 50, "assign_group": "Nobody"}]))

    assert set(caught.value.errors) == {
        "document.departments[1]",
        "document.levels[0].assign_group",
    }
    assert "Known: Facilities, Finance" in caught.value.errors["document.departments[1]"][0]


def test_a_renamed_department_is_reported_and_its_policy_can_still_be_disabled() -> None:
    version = put(doc=document(departments=["HR"]))
    Department.objects.filter(name="HR").update(name="People")

    [finding] = config_findings()
    assert finding.startswith("Policy 'Gold': There is no department 'HR'.")
    disable_policy(policy_id=version.policy_id, actor="ada", now=NOON)
    assert config_findings() == []


def test_open_tickets_move_only_when_asked(moved: list[str]) -> None:
    put()
    put(doc=document(acknowledgement="1h"))
    assert moved == []

    put(doc=document(acknowledgement="2h"), move_open=True)
    assert moved == ["ada"]


def test_a_document_names_its_calendar_or_holds_it_whole() -> None:
    save_calendar(calendar=BERLIN, actor="ada", now=NOON)
    tiers = {"gold": {"P1": {"resolution": "4h"}}}

    by_name = read_document({"tiers": tiers, "calendar": "Berlin"})
    assert by_name.calendar == BERLIN
    assert read_document(by_name.canonical()) == by_name


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"calendar": "Mars"}, "document.calendar"),
        ({"calendar": {"name": "Mars"}}, "document.calendar.name"),
        ({"calendar": {"name": "Business hours"}}, "document.calendar"),
        ({"tiers": {"gold": {"P9": {}}}}, "document.tiers.gold.P9"),
        ({"tiers": {"gold": {"P1": {"resolution": "x"}}}}, "document.tiers.gold.P1.resolution"),
        ({"levels": [{"at": 5, "after": "1h"}]}, "document.levels[0]"),
        ([], "document"),
    ],
)
def test_a_wrong_document_says_where(given: Any, field: str) -> None:
    base = {"tiers": {"gold": {"P1": {"resolution": "4h"}}}}
    with pytest.raises(WrongFields) as caught:
        read_document({**base, **given} if isinstance(given, dict) else given)

    assert field in caught.value.errors


def test_a_changed_calendar_publishes_the_policies_that_use_it_and_moves_open_tickets(
    moved: list[str],
) -> None:
    """Pain 1: the holiday that was entered late counts for the tickets that are open."""
    row = save_calendar(calendar=BERLIN, actor="ada", now=NOON)
    put("Uses it", document(BERLIN))
    put("Uses it too", document(BERLIN), enabled=False)
    other = put("Does not")
    closed = BERLIN.model_copy(update={"holidays": [Holiday(date="2026-12-24")]})

    save_calendar(calendar=closed, calendar_id=row.pk, actor="bob", now=NOON)

    newest = SlaPolicyVersion.objects.filter(number=2).order_by("policy__name")
    assert [v.policy.name for v in newest] == ["Uses it", "Uses it too"]
    assert all(v.read().calendar == closed and v.created_by == "bob" for v in newest)
    assert moved == ["bob"]
    assert not SlaPolicyVersion.objects.filter(policy=other.policy, number=2).exists()


def test_a_renamed_calendar_keeps_its_policies() -> None:
    row = save_calendar(calendar=BERLIN, actor="ada", now=NOON)
    put("Uses it", document(BERLIN))

    renamed = BERLIN.model_copy(update={"name": "Office"})
    save_calendar(calendar=renamed, calendar_id=row.pk, actor="ada", now=NOON)

    assert SlaPolicyVersion.objects.get(number=2).read().calendar.name == "Office"
    with pytest.raises(CalendarInUse, match="Uses it"):
        delete_calendar(calendar_id=row.pk, actor="ada")


def test_open_tickets_stay_when_a_calendar_changes_that_no_policy_uses(moved: list[str]) -> None:
    row = save_calendar(calendar=BERLIN, actor="ada", now=NOON)
    later = BERLIN.model_copy(update={"time_zone": "Europe/Lisbon"})

    save_calendar(calendar=later, calendar_id=row.pk, actor="ada", now=NOON)
    assert moved == []

    delete_calendar(calendar_id=row.pk, actor="ada")
    assert not BusinessCalendar.objects.filter(name="Berlin").exists()


def test_the_calendar_that_is_always_open_stays_so() -> None:
    always = BusinessCalendar.objects.get(name=ALWAYS)

    with pytest.raises(StaysAsItIs):
        save_calendar(calendar=BERLIN, calendar_id=always.pk, actor="ada", now=NOON)


def test_imported_holidays_are_added_and_those_that_are_there_stay() -> None:
    known = BERLIN.model_copy(update={"holidays": [Holiday(date="2026-12-25", name="Ours")]})
    row = save_calendar(calendar=known, actor="ada", now=NOON)
    text = "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
        + [
            line
            for day in ("20261225", "20261226")
            for line in ("BEGIN:VEVENT", f"DTSTART;VALUE=DATE:{day}", "SUMMARY:X", "END:VEVENT")
        ]
        + ["END:VCALENDAR", ""]
    )

    added, skipped = import_holidays(calendar_id=row.pk, text=text, actor="ada", now=NOON)

    row.refresh_from_db()
    assert (added, skipped) == (1, [])
    assert [(d["date"], d["name"]) for d in row.holidays] == [
        ("2026-12-25", "Ours"),
        ("2026-12-26", "X"),
    ]


def test_publishing_and_reading_do_not_ask_more_with_more_policies() -> None:
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            put(doc=document(acknowledgement=f"{SlaPolicy.objects.count()}h"))
        return len(captured)

    put()
    few = queries()
    for number in range(8):
        put(f"P{number}")

    assert queries() == few
