"""The stability index, and what the desk makes of it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sla import subscriptions
from sla.models import Notification
from tests.factories import NOON, item, make_ticket, make_user
from tests.sla.alerts import make_channel
from tests.triage.learning import open_about, say
from tickets.services import open_tickets
from triage import drift, services
from triage.classifier.dataset import load_corpus
from triage.metrics import drift as drift_gauges
from triage.models import ClassifierModel, DriftDay, FieldPolicy, TriageDecision

NAMES = st.sampled_from("abcdefgh")
SHARES = st.dictionaries(NAMES, st.floats(0.01, 1.0), min_size=1)
COUNTS = st.dictionaries(NAMES, st.integers(0, 5000))


@given(SHARES, COUNTS)
def test_the_index_is_a_finite_number_from_0_on(
    expected: dict[str, float], counts: dict[str, int]
) -> None:
    assert 0.0 <= drift.index(expected, counts) < 100


@given(SHARES, st.integers(1, 50))
def test_what_comes_as_expected_is_no_drift(expected: dict[str, float], times: int) -> None:
    counts = {name: round(share * 1000) * times for name, share in expected.items()}
    mass = {name: float(count) for name, count in counts.items()}

    assert drift.index(mass, counts) == 0.0


@given(SHARES, COUNTS, st.floats(0.1, 10))
def test_shares_need_not_sum_to_one(
    expected: dict[str, float], counts: dict[str, int], factor: float
) -> None:
    scaled = {name: share * factor for name, share in expected.items()}

    assert abs(drift.index(scaled, counts) - drift.index(expected, counts)) < 1e-9


@given(st.integers(0, 40), st.integers(1, 10))
def test_the_further_the_shares_move_the_larger_it_is(moved: int, more: int) -> None:
    assume(moved + more <= 50)
    expected = {"network": 0.5, "billing": 0.5}

    def of(shift: int) -> float:
        return drift.index(expected, {"network": 500 + shift * 9, "billing": 500 - shift * 9})

    assert of(moved) <= of(moved + more)


def test_a_doubled_topic_is_a_shift_and_a_new_one_too() -> None:
    expected = {"network": 0.2, "billing": 0.8}

    assert drift.level(drift.index(expected, {"network": 500, "billing": 500})) == "shifted"
    assert (
        drift.level(drift.index(expected, {"network": 150, "billing": 600, "robots": 250}))
        == "shifted"
    )
    assert drift.level(drift.index(expected, {"network": 210, "billing": 790})) == "steady"


def test_few_tickets_far_from_expectation_are_chance() -> None:
    expected = dict.fromkeys("abcdefghij", 1.0)
    counts = {"a": 3, "b": 2, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1}

    assert drift.index(expected, counts) < drift.index(
        expected, {n: c * 100 for n, c in counts.items()}
    )


def test_no_tickets_and_no_expectation_are_no_drift() -> None:
    assert drift.index({}, {"a": 1}) == drift.index({"a": 1.0}, {}) == 0.0
    assert drift.level(None) == "unknown"


def test_expected_words_are_the_commonest_with_the_share_of_texts_that_held_them() -> None:
    # Of 99 texts, 49 held "vpn" and 9 "printer".
    found = drift.expected_words(
        ["vpn", "printer", "vpn down", "title:vpn", "404"], [1.693, 3.303, 1, 1, 1]
    )

    assert list(found) == ["vpn", "printer"]
    assert abs(found["vpn"] - 0.5) < 0.001
    assert abs(found["printer"] - 0.1) < 0.001


def test_other_words_than_the_model_knows_are_a_shift() -> None:
    expected = {"vpn": 0.5, "printer": 0.3, "invoice": 0.2}
    same = [["vpn", "the"]] * 100 + [["printer"]] * 60 + [["invoice", "invoice"]] * 40
    other = [["invoice"]] * 150 + [["printer"]] * 50

    assert drift.word_index(expected, same) < drift.WATCH
    assert drift.word_index(expected, other) > drift.SHIFTED


# What the desk makes of it


@pytest.mark.django_db
def test_a_day_counts_what_the_machine_decided_by_band(triage_all: Any) -> None:
    open_about(["network"] * 3 + ["billing"] * 2)
    make_ticket(category="hr")  # no answer of the machine's
    triage_all()

    assert services.measure_drift(days=[today()], now=NOON) == 3

    row = DriftDay.objects.get(field="category")
    assert row.decisions == 5 == row.auto + row.suggest + row.review
    assert row.model == ClassifierModel.objects.get(champion=True).name
    assert (row.psi_category, row.psi_words) == (None, None)  # too few to say anything
    assert DriftDay.objects.get(field="impact").decisions == 6


@pytest.mark.django_db
def test_measuring_again_replaces_the_day(triage_all: Any) -> None:
    open_about(["network"])
    triage_all()
    services.measure_drift(days=[today()], now=NOON)
    open_about(["network"], first=50)
    triage_all()

    services.measure_drift(days=[today()], now=NOON)

    assert DriftDay.objects.get(field="category").decisions == 2


@pytest.mark.django_db
def test_counting_alone_brings_the_numbers_up_to_date_and_keeps_what_was_measured(
    triage_all: Any,
) -> None:
    open_about(["network"])
    triage_all()
    services.count_decisions(day=today(), now=NOON)
    counted = DriftDay.objects.get(field="category")
    DriftDay.objects.update(psi_words=0.1, model="m")
    open_about(["network"], first=50)
    triage_all()

    services.count_decisions(day=today(), now=NOON + timedelta(minutes=2))

    row = DriftDay.objects.get(field="category")
    assert (counted.decisions, row.decisions) == (1, 2)
    assert (row.model, row.psi_words) == ("m", 0.1)
    assert row.measured_at == NOON + timedelta(minutes=2)


@pytest.mark.django_db
def test_what_people_said_that_day_is_counted_once_a_ticket() -> None:
    tickets = open_about(["network"] * 4)
    noon = datetime.combine(today(), time(12), UTC)
    say(tickets[0], "hr", at=noon)
    say(tickets[0], "billing", at=noon)
    say(tickets[1], "network", agreed=True, at=noon)
    say(tickets[2], "network", agreed=True, at=noon - timedelta(days=2))
    say(tickets[3], "hr", undone_at=noon, at=noon)

    services.measure_drift(days=[today()], now=NOON)

    row = DriftDay.objects.get(field="category")
    assert (row.corrected, row.agreed, row.override_rate) == (1, 1, 0.5)


@pytest.mark.django_db
def test_a_second_word_on_what_a_person_had_said_judges_no_machine(triage_all: Any) -> None:
    ticket = make_ticket(category="network")
    triage_all()
    noon = datetime.combine(today(), time(12), UTC)
    say(ticket, "billing", decision=TriageDecision.objects.get(ticket=ticket), at=noon)

    services.measure_drift(days=[today()], now=NOON)

    assert not DriftDay.objects.filter(field="category").exists()


@pytest.mark.django_db
def test_a_day_of_one_topic_only_is_a_shift_that_health_and_metrics_tell(triage_all: Any) -> None:
    open_about(["billing"] * 120)
    triage_all()

    services.measure_drift(days=[today()], now=NOON)

    row = DriftDay.objects.get(field="category")
    assert row.psi_category > drift.SHIFTED
    assert row.psi_words > drift.SHIFTED
    found = services.drift_findings(datetime.now(UTC))
    assert any(sentence.startswith("The answers for category") for sentence in found)
    told = {sample.labels["of"]: sample.value for sample in samples("smartops_triage_drift_index")}
    assert told == {"answers": row.psi_category, "words": row.psi_words}


def shift_yesterday(triage_all: Any) -> None:
    open_about(["billing"] * 120)
    triage_all()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    services.measure_drift(days=[today()], now=tomorrow)
    services.measure_drift(days=[today()], now=tomorrow + timedelta(hours=1))


@pytest.mark.django_db
def test_admins_are_told_of_a_shift_once_however_often_it_is_measured(triage_all: Any) -> None:
    make_channel("Mail", kind="email", for_people=True)
    admin, agent = make_user("ada", "Admin"), make_user("ana", "Agent")
    type(admin).objects.filter(pk=admin.pk).update(email="ada@example.com")
    type(agent).objects.filter(pk=agent.pk).update(email="ana@example.com")

    shift_yesterday(triage_all)

    told = Notification.objects.filter(kind="drift.found", recipient="ada@example.com")
    messages = sorted(row.payload["data"]["message"] for row in told)
    assert [text.split(" for ")[0] for text in messages] == [
        "The answers",
        "The words of the tickets",
    ]
    assert not Notification.objects.exclude(pk__in=told).exists()


@pytest.mark.django_db
def test_callbacks_of_all_owners_hear_of_a_shift(triage_all: Any) -> None:
    hears = make_channel("chatops", kind="webhook", events=["drift.found"])
    make_channel("of one", kind="webhook", events=["drift.found"], owner_id=uuid4())
    subscriptions.forget()

    shift_yesterday(triage_all)

    told = Notification.objects.filter(kind="drift.found")
    assert {row.channel for row in told} == {hears}
    assert {row.payload["data"]["drift"]["field"] for row in told} == {"category"}


@pytest.mark.django_db
def test_a_day_that_goes_on_wakes_nobody(triage_all: Any) -> None:
    make_channel("chatops", kind="webhook", events=["drift.found"])
    subscriptions.forget()
    open_about(["billing"] * 120)
    triage_all()

    services.measure_drift(days=[today()], now=datetime.now(UTC))

    assert not Notification.objects.exists()


@pytest.mark.django_db
def test_the_corpus_itself_is_no_shift(triage_all: Any) -> None:
    unseen = load_corpus(held_out=True)[::2]
    items = [item(title=t.title, description=t.description) for t in unseen]
    open_tickets(items=items, actor="test", now=NOON)
    triage_all()

    services.measure_drift(days=[today()], now=NOON)

    row = DriftDay.objects.get(field="category")
    assert row.psi_category < drift.WATCH, row.psi_category
    assert row.psi_words < drift.WATCH, row.psi_words


@pytest.mark.django_db
def test_audits_that_show_too_many_errors_are_a_finding(triage_all: Any) -> None:
    FieldPolicy.objects.filter(field="category").update(audit_share=1.0)
    tickets = open_about(["billing"] * 40)
    triage_all()
    decisions = {d.ticket_id: d for d in TriageDecision.objects.all()}
    noon = datetime.combine(today(), time(12), UTC)
    audited = [t for t in tickets if "audit" in decisions[t.pk].fields["category"]]
    for number, ticket in enumerate(audited):
        say(ticket, "hr", agreed=number % 2 == 0, decision=decisions[ticket.pk], at=noon)

    services.measure_drift(days=[today()], now=NOON)

    row = DriftDay.objects.get(field="category")
    assert row.audited == len(audited) > 10
    assert row.audited_wrong == len(audited) // 2
    [finding] = [f for f in services.drift_findings(datetime.now(UTC)) if "audited" in f]
    assert f"of {len(audited)} that were audited" in finding
    [sample] = samples("smartops_triage_audited_precision_ratio")
    assert 0.4 < sample.value < 0.6


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_precision_is_surely_missed_only_when_it_is_missed(right: int, wrong: int) -> None:
    if drift.surely_below(right, right + wrong, 0.95):
        assert right / (right + wrong) < 0.95


def test_three_errors_in_ten_audits_are_no_accident_and_one_is() -> None:
    assert drift.surely_below(7, 10, 0.95)
    assert not drift.surely_below(9, 10, 0.95)
    assert not drift.surely_below(0, 0, 0.95)


@pytest.mark.django_db
def test_old_days_are_forgotten() -> None:
    for day in (date(2020, 1, 1), today()):
        DriftDay.objects.create(field="category", day=day, measured_at=NOON)

    assert services.forget_old_drift(datetime.now(UTC)) == 1


def today() -> date:
    return datetime.now(UTC).date()


def samples(name: str) -> list[Any]:
    return [s for family in drift_gauges() for s in family.samples if s.name == name]
