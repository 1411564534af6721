"""Policies and calendars in the admin: what people type, what they see before it counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from sla.admin.calendars import next_days
from sla.document import Calendar
from sla.models import BusinessCalendar, ConfigFile, SlaPolicy, SlaPolicyVersion
from sla.services import planning
from sla.services.calendars import save_calendar
from sla.services.config import apply_file
from sla.services.retargeting import Move
from tests.factories import NOON, make_user

pytestmark = pytest.mark.django_db


def signed_in(role: str = "Admin") -> Client:
    client = Client()
    client.force_login(make_user("ada", role))
    return client


def url(what: str, page: str, *args: Any) -> str:
    return reverse(f"admin:sla_{what}_{page}", args=args)


@pytest.fixture
def from_file(tmp_path: Path, settings: Any) -> SlaPolicy:
    path = tmp_path / "sla.yaml"
    settings.SLA_CONFIG_FILE = str(path)
    path.write_text(
        "calendars: {Oslo: {country: 'NO', hours: {mon: 09:00-17:00}}}\n"
        "policies:\n- {name: Ours, calendar: Oslo, tiers: {gold: {P1: {resolution: 3h 7m}}}}\n"
    )
    apply_file(content=path.read_bytes(), path=path, actor="sla.yaml", now=NOON)
    return SlaPolicy.objects.get(name="Ours")


def policy(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Office",
        "position": "10",
        "enabled": "on",
        "calendar": "Business hours",
        "departments": ["HR"],
        "targets-gold-1-first_response": "15m",
        "targets-gold-1-resolution": "4h",
        "levels": "- at: 50 %\n- {at: 100 %, notify: {lead: true}}\n",
        "acknowledgement": "20m",
        **fields,
    }


def calendar(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Berlin",
        "time_zone": "Europe/Berlin",
        "mon": "09:00-12:30, 13:30-18:00",
        "country": "DE",
        "subdivision": "BE",
        "holidays": "2026-12-24 Christmas Eve\n\n12-31",
        "move_open": "on",
        **fields,
    }


def errors_of(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


def test_a_policy_is_published_as_it_was_typed() -> None:
    answer = signed_in().post(url("slapolicy", "add"), policy())

    assert answer.status_code == 302, errors_of(answer)
    version = SlaPolicyVersion.objects.get(policy__name="Office")
    document = version.read()
    assert (version.created_by, version.number, version.policy.position) == ("ada", 1, 10)
    assert document.tiers["gold"][1].resolution == timedelta(hours=4)
    assert document.calendar.hours["fri"] == [(540, 1020)]
    assert [level.at for level in document.levels] == [50, 100]
    assert (document.departments, document.acknowledgement) == (["HR"], timedelta(minutes=20))


def form_values(client: Client, where: str) -> dict[str, Any]:
    """What a browser would send back unchanged."""
    form = client.get(where).context["adminform"].form
    values: dict[str, Any] = {}
    for name in form.fields:
        value = form[name].value()
        if name == "targets":
            values |= {f"targets-{t}-{p}-{m}": text for (t, p, m), text in (value or {}).items()}
        elif value is True:
            values[name] = "on"
        elif value not in (None, False):
            values[name] = value
    return values


def test_saving_the_form_unchanged_publishes_nothing() -> None:
    client = signed_in()
    client.post(url("slapolicy", "add"), policy())
    for row in SlaPolicy.objects.all():
        where = url("slapolicy", "change", row.pk)
        answer = client.post(where, form_values(client, where))
        assert answer.status_code == 302, errors_of(answer)

    assert set(SlaPolicyVersion.objects.values_list("number", flat=True)) == {1}


def test_a_preview_saves_nothing_keeps_what_was_typed_and_counts_the_deadlines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = signed_in()
    client.post(url("slapolicy", "add"), policy())
    row = SlaPolicy.objects.get(name="Office")
    move = Move(1, "resolution", NOON, NOON - timedelta(hours=1))
    monkeypatch.setattr(planning, "preview_moves", lambda *, policies: iter([move]))

    typed = policy(**{"targets-gold-1-resolution": "2h", "_preview": "1"})
    page = client.post(url("slapolicy", "change", row.pk), typed).content.decode()

    assert "tiers.gold.P1.resolution: 4h → 2h" in page
    assert "1 open ticket&#x27;s deadlines would move: 1 earlier" in page
    assert 'name="targets-gold-1-resolution" value="2h"' in page
    assert SlaPolicyVersion.objects.filter(policy=row).count() == 1


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"targets-gold-1-resolution": "soon"}, "targets", "Gold P1, resolution: 'soon' is not"),
        ({"levels": "- at: 50 %\n- at: x\n"}, "levels", "line 2, column 7: [1].at"),
        ({"levels": "- {at: 50, assign_group: Nobody}"}, "levels", "There is no group 'Nobody'"),
        ({"levels": "at: 50"}, "levels", "It must be a list."),
        ({"levels": "- ["}, "levels", "This is not YAML"),
        ({"acknowledgement": "x"}, "acknowledgement", "is not a length of time"),
        ({"name": "Default"}, "name", "already exists"),
        ({"calendar": "Mars"}, "calendar", "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(fields: Any, field: str, words: str) -> None:
    answer = signed_in().post(url("slapolicy", "add"), policy(**fields))

    assert words in " ".join(errors_of(answer)[field])
    assert not SlaPolicy.objects.filter(name="Office").exists()


def test_a_policy_without_targets_is_refused() -> None:
    empty = {name: value for name, value in policy().items() if not name.startswith("targets")}

    assert "targets" in errors_of(signed_in().post(url("slapolicy", "add"), empty))


def test_the_page_tells_who_changed_what_and_when() -> None:
    client = signed_in()
    client.post(url("slapolicy", "add"), policy())
    row = SlaPolicy.objects.get(name="Office")
    client.post(url("slapolicy", "change", row.pk), policy(**{"targets-gold-1-resolution": "1h"}))

    page = client.get(url("slapolicy", "change", row.pk)).content.decode()
    assert "Version 2</strong>, ada, " in page
    assert "tiers.gold.P1.resolution: 4h → 1h" in page


def test_the_default_policy_cannot_be_switched_off_by_its_form() -> None:
    client = signed_in()
    where = url("slapolicy", "change", SlaPolicy.objects.get(is_default=True).pk)

    client.post(where, {**form_values(client, where), "enabled": ""})

    assert SlaPolicy.objects.get(is_default=True).enabled


@pytest.mark.parametrize("role", ["Viewer", "Agent", "Admin"])
def test_what_comes_from_the_file_can_be_read_and_not_changed(
    role: str, from_file: SlaPolicy
) -> None:
    client = signed_in(role)
    oslo = BusinessCalendar.objects.get(name="Oslo")

    for what, pk in (("slapolicy", from_file.pk), ("businesscalendar", oslo.pk)):
        page = client.get(url(what, "change", pk)).content.decode()
        assert "sla.yaml. Change it there." in page
        assert "_preview" not in page
        assert client.post(url(what, "change", pk), policy()).status_code == 403
    page = client.get(url("slapolicy", "change", from_file.pk)).content.decode()
    assert "3h 7m" in page


def test_viewers_read_every_policy_and_calendar() -> None:
    client = signed_in("Viewer")

    for what, model in (("slapolicy", SlaPolicy), ("businesscalendar", BusinessCalendar)):
        assert client.get(url(what, "changelist")).status_code == 200
        for row in model.objects.all():
            assert client.get(url(what, "change", row.pk)).status_code == 200
        assert client.get(url(what, "add")).status_code == 403
    assert client.get(url("configfile", "changelist")).status_code == 403


def test_a_refused_file_is_told_on_the_list_of_policies_and_on_its_page() -> None:
    ConfigFile.objects.create(
        pk=1, path="/x/sla.yaml", digest="x", error="line 3, column 1: a: <b>\nline 4: c", line=3
    )
    client = signed_in()

    page = client.get(url("slapolicy", "changelist")).content.decode()
    assert "/x/sla.yaml is not applied: line 3, column 1: a: &lt;b&gt; And 1 more." in page
    page = client.get(url("configfile", "change", 1)).content.decode()
    assert "line 3, column 1: a: &lt;b&gt;" in page
    assert "line 4: c" in page
    assert client.get(url("configfile", "changelist")).status_code == 200


def test_a_calendar_is_stored_as_it_was_typed() -> None:
    answer = signed_in().post(url("businesscalendar", "add"), calendar())

    assert answer.status_code == 302, errors_of(answer)
    stored = BusinessCalendar.objects.get(name="Berlin").document()
    assert stored.hours == {"mon": [(540, 750), (810, 1080)]}
    assert [(day.date, day.name) for day in stored.holidays] == [
        ("2026-12-24", "Christmas Eve"),
        ("12-31", "holiday"),
    ]
    assert (stored.country, stored.subdivision) == ("DE", "BE")


def test_saving_a_calendar_unchanged_changes_nothing() -> None:
    client = signed_in()
    client.post(url("businesscalendar", "add"), calendar())
    row = BusinessCalendar.objects.get(name="Berlin")
    where = url("businesscalendar", "change", row.pk)

    answer = client.post(where, form_values(client, where))
    assert answer.status_code == 302, errors_of(answer)

    again = BusinessCalendar.objects.get(name="Berlin")
    assert (again.document(), again.updated_at) == (row.document(), row.updated_at)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"mon": "9-17"}, "mon", "'9' is not a time of day"),
        ({"fri": "12:00-09:00"}, "fri", "a slot must end after it starts"),
        ({"holidays": "12-24\n\nsoon"}, "holidays", "Line 3: 'soon' is not a day"),
        ({"subdivision": "Mars"}, "subdivision", "is unknown in DE"),
        ({"time_zone": "Mars/Base"}, "time_zone", "Select a valid choice"),
        ({"name": "24x7"}, "name", "Another calendar is named"),
        (
            {"ical": SimpleUploadedFile("x.ics", b"hello")},
            "ical",
            "This is no iCalendar file",
        ),
        ({"ical": SimpleUploadedFile("x.ics", b"\xff\xfe")}, "ical", "not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_calendar_is_told_at_its_field(
    fields: Any, field: str, words: str
) -> None:
    answer = signed_in().post(url("businesscalendar", "add"), calendar(**fields))

    assert words in " ".join(errors_of(answer)[field])
    assert not BusinessCalendar.objects.filter(name="Berlin").exists()


def test_an_uploaded_file_adds_holidays_and_says_how_many() -> None:
    text = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
        b"BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\nSUMMARY:Eve\r\nEND:VEVENT\r\n"
        b"BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\nSUMMARY:New Year\r\nEND:VEVENT\r\n"
        b"END:VCALENDAR\r\n"
    )
    answer = signed_in().post(
        url("businesscalendar", "add"),
        calendar(ical=SimpleUploadedFile("x.ics", text)),
        follow=True,
    )

    assert "1 days added." in answer.content.decode()
    stored = BusinessCalendar.objects.get(name="Berlin").document()
    assert [day.date for day in stored.holidays] == ["12-31", "2026-12-24", "2027-01-01"]


def test_a_calendars_preview_shows_the_next_days_and_saves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sla.admin.calendars.timezone.now", lambda: NOON)  # a Tuesday
    typed = calendar(tue="10:00-24:00", holidays="2026-03-04 Outing", _preview="1")

    page = signed_in().post(url("businesscalendar", "add"), typed)

    days = page.context["adminform"].form.days
    assert len(days) == 14
    assert (days[0].slots, days[0].holiday) == (["10:00-24:00"], "")
    assert (days[1].slots, days[1].holiday) == ([], "Outing")
    assert days[6].slots == ["09:00-12:30", "13:30-18:00"]
    assert "Frauentag" in days[5].holiday  # 8 March, in Berlin
    assert "Outing" in page.content.decode()
    assert not BusinessCalendar.objects.filter(name="Berlin").exists()


def test_the_preview_of_a_calendar_names_the_policies_that_follow() -> None:
    client = signed_in()
    client.post(url("slapolicy", "add"), policy())
    row = BusinessCalendar.objects.get(name="Business hours")
    where = url("businesscalendar", "change", row.pk)

    page = client.post(where, {**form_values(client, where), "fri": "", "_preview": "1"})

    assert "Policy Office: changed" in page.content.decode()
    assert SlaPolicyVersion.objects.filter(policy__name="Office").count() == 1


def test_the_days_of_a_calendar_are_those_of_its_own_time_zone() -> None:
    """Pain 20: on the day the clocks change the slots stay where people see them."""
    berlin = Calendar(time_zone="Europe/Berlin", hours={"mon-sun": "00:00-24:00"})
    nights = next_days(berlin, datetime(2026, 3, 27, 23, 30, tzinfo=UTC))

    assert [str(day.date) for day in nights[:3]] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert {tuple(day.slots) for day in nights} == {("00:00-24:00",)}
    office = Calendar(time_zone="America/New_York", hours={"sun": "01:00-04:00"})
    assert [day.slots for day in next_days(office, datetime(2026, 11, 1, 12, tzinfo=UTC))][0] == [
        "01:00-04:00"
    ]


def test_a_calendar_in_use_cannot_be_deleted_and_another_can() -> None:
    client = signed_in()
    unused = save_calendar(calendar=Calendar(name="Spare"), actor="ada", now=NOON)
    always = BusinessCalendar.objects.get(name="24x7")

    assert (
        client.post(url("businesscalendar", "delete", always.pk), {"post": "yes"}).status_code
        == 403
    )
    client.post(url("businesscalendar", "delete", unused.pk), {"post": "yes"})
    assert set(BusinessCalendar.objects.values_list("name", flat=True)) == {
        "24x7",
        "Business hours",
    }
