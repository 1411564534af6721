"""Batches: asked for, filled step by step, retried, noticed when they end."""

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from sla import subscriptions
from sla.models import Notification
from tests.conftest import client_for
from tests.factories import NOON, make_ticket, make_user
from tests.sla.alerts import make_channel
from tickets.models import Department, Ticket
from tickets.services import change_tickets
from triage import services
from triage.models import TriageBatch, TriageDecision, TriageJob
from triage.services import batches
from workers.models import DeadLetter

pytestmark = pytest.mark.django_db
BATCHES, JOBS = "/api/v1/triage-batches/", "/api/v1/triage-jobs/"
OWNER = UUID("6a1f4f52-0b5f-4c5b-9a3f-0d7d8d8f0001")


def run_jobs(**given: Any) -> int:
    ids = list(TriageJob.objects.filter(state="pending", **given).values_list("pk", flat=True))
    return services.run_jobs(ids=ids, now=datetime.now(UTC))


def work_on_batches() -> int:
    ids = list(TriageBatch.objects.filter(state="pending").values_list("pk", flat=True))
    return sum(services.run_batches(ids=[pk]) for pk in ids)


def choose(api: APIClient, **filters: Any) -> Any:
    return api.post(BATCHES, {"filters": filters}, format="json")


def shown(api: APIClient, pk: int) -> Any:
    return api.get(f"{BATCHES}{pk}/").data


def fail(job: TriageJob) -> TriageJob:
    TriageJob.objects.filter(pk=job.pk).update(
        state="failed", attempts=3, finished_at=Now(), error="boom"
    )
    job.refresh_from_db()
    services.jobs.bury_failed([job.pk])
    return job


def test_a_batch_gathers_what_waits_and_what_failed() -> None:
    make_ticket()
    make_ticket()
    fail(TriageJob.objects.earliest("pk"))

    batch = services.batch_jobs(requested_by="ana", visible=Ticket.objects.all())

    assert batch is not None
    assert batch.total_items == 2
    assert not DeadLetter.objects.filter(settled_at=None).exists()
    assert run_jobs() == 2
    assert services.batch_jobs(requested_by="ana", visible=Ticket.objects.all()) is None


@pytest.mark.django_db(transaction=True)
def test_a_job_that_somebody_else_is_just_taking_is_not_gathered() -> None:
    make_ticket()
    make_ticket()
    taken, free = TriageJob.objects.order_by("pk")

    def work() -> None:
        try:
            services.batch_jobs(requested_by="ana", visible=Ticket.objects.all())
        finally:
            connection.close()

    with transaction.atomic():
        TriageJob.objects.filter(pk=taken.pk).update(request_id="taken")
        worker = threading.Thread(target=work)
        worker.start()
        worker.join(10)
    worker.join(10)

    assert TriageBatch.objects.get().total_items == 1
    assert TriageJob.objects.get(batch__isnull=False) == free


def test_a_failed_job_that_a_later_one_replaced_is_not_gathered() -> None:
    ticket = make_ticket()
    fail(TriageJob.objects.get())
    services.retriage_one(ticket=ticket)
    run_jobs()

    assert services.batch_jobs(requested_by="ana", visible=Ticket.objects.all()) is None


def test_a_batch_of_an_owner_takes_no_other_tickets(api: APIClient) -> None:
    mine, _ = make_ticket(owner_id=str(OWNER)), make_ticket()

    answer = api.post(f"{JOBS}batch/", {"owner_id": str(OWNER)}, format="json")

    assert answer.data["total_items"] == 1
    assert TriageJob.objects.get(batch=answer.data["batch"]["id"]).ticket == mine
    assert [row["ticket"] for row in api.get(f"{JOBS}?owner_id={OWNER}").data["results"]] == [
        mine.pk
    ]
    [batch] = api.get(f"{BATCHES}?owner_id={OWNER}").data["results"]
    assert batch["owner_id"] == OWNER


def test_every_ticket_that_the_filters_choose_is_triaged_again(
    api: APIClient, triage_all: Any
) -> None:
    chosen = [make_ticket(title="VPN is down", customer_tier="gold").pk for _ in range(3)]
    make_ticket(title="VPN is down")
    triage_all()

    answer = choose(api, tier="gold", category=["network", "hardware"])

    assert (answer.status_code, answer.data["status"]) == (202, "QUEUED")
    batch = answer.data["batch"]
    assert batch["total_items"] == 3
    assert shown(api, batch["id"])["status"] == "QUEUED"
    assert work_on_batches() == 3
    assert (
        list(TriageJob.objects.filter(batch=batch["id"]).values_list("ticket", flat=True)) == chosen
    )
    assert shown(api, batch["id"])["status"] == "RUNNING"
    assert run_jobs() == 3
    row = shown(api, batch["id"])
    assert (row["status"], row["done"], row["percent"], row["seconds_left"]) == ("DONE", 3, 100, 0)
    assert (row["requested_by"], row["filters"]) == (
        "ana",
        {"tier": "gold", "category": "network,hardware"},
    )


def test_what_a_person_set_stays(api: APIClient, triage_all: Any) -> None:
    ticket = make_ticket(title="VPN is down")
    triage_all()
    change_tickets(
        ids=[ticket.pk],
        values={"category": "hr", "department": "Finance", "priority": 4},
        actor="ana",
        now=NOON,
    )

    choose(api, q="vpn")
    work_on_batches()
    assert run_jobs() >= 1

    ticket.refresh_from_db()
    assert (ticket.category.slug, ticket.department.name, ticket.priority) == ("hr", "Finance", 4)


def test_a_long_batch_is_written_in_steps_and_no_ticket_gets_two_jobs(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, triage_all: Any
) -> None:
    monkeypatch.setattr(batches, "STEP", 3)
    made = [make_ticket().pk for _ in range(8)]
    triage_all()
    pk = choose(api).data["batch"]["id"]
    late = make_ticket().pk

    first = services.run_batches(ids=[pk], run_seconds=0)
    halfway = shown(api, pk)
    rest = work_on_batches()

    assert (first, halfway["status"], halfway["pending"], rest) == (3, "QUEUED", 3, 5)
    jobs = TriageJob.objects.filter(batch=pk).order_by("ticket").values_list("ticket", flat=True)
    assert list(jobs) == made
    assert late not in jobs


def test_a_step_that_fails_leaves_the_others_and_goes_on_later(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, triage_all: Any
) -> None:
    made = [make_ticket().pk for _ in range(4)]
    triage_all()
    pk = choose(api).data["batch"]["id"]
    insert = batches._insert_jobs

    def break_after_the_first(batch: TriageBatch, before: int) -> Any:
        if before:
            raise DatabaseError("disk full")
        return insert(batch, before)

    with monkeypatch.context() as patch:
        patch.setattr(batches, "STEP", 2)
        patch.setattr(batches, "_insert_jobs", break_after_the_first)
        services.run_batches(ids=[pk])
    assert "disk full" in TriageBatch.objects.get().error
    services.run_batches(ids=[pk])

    tickets = TriageJob.objects.filter(batch=pk).order_by("ticket").values_list("ticket", flat=True)
    assert list(tickets) == made
    assert TriageBatch.objects.get().error == ""


def test_a_worker_that_lost_its_batch_writes_nothing(api: APIClient, triage_all: Any) -> None:
    make_ticket()
    triage_all()
    pk = choose(api).data["batch"]["id"]
    lost = batches.leases.claim(TriageBatch, [pk], lease=batches.timedelta(seconds=60))
    TriageBatch.objects.update(lease_token=OWNER)

    assert batches._run(pk, lost, end=0) == 0
    assert not TriageJob.objects.filter(batch=pk).exists()


def test_a_batch_whose_filter_names_nothing_any_more_ends_as_a_dead_letter(
    api: APIClient, admin_person: User, triage_all: Any
) -> None:
    make_ticket(category="network")
    triage_all()
    pk = choose(api, category="network").data["batch"]["id"]
    TriageBatch.objects.update(filters={"category": "gone"})

    for _ in range(3):
        services.run_batches(ids=[pk])

    row = shown(api, pk)
    assert row["status"] == "FAILED"
    assert "There is no category 'gone'" in row["error"]
    assert DeadLetter.objects.get().kind == "triage.triagebatch"
    TriageBatch.objects.update(filters={"category": "network"})
    assert api.post(f"{BATCHES}{pk}/retry/").status_code == 202
    assert work_on_batches() == 1


@pytest.mark.parametrize(
    ("filters", "wrong", "why"),
    [
        ({"colour": "red"}, "colour", "There is no such filter"),
        ({"status": "sleeping"}, "status", "sleeping"),
        ({"category": ["network", "nonsense"]}, "category", "nonsense"),
        ({"category": ""}, "category", "leave the filter out"),
        ({"category": []}, "category", "leave the filter out"),
        ({"opened_after": "soon"}, "opened_after", "valid date"),
        ({"owner_id": "me"}, "owner_id", "UUID"),
        ({"priority": True}, "priority", "Give a text, a number"),
        ({"priority": None}, "priority", "Give a text, a number"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_filter_that_is_wrong_is_named(
    filters: Any, wrong: str, why: str, dry_run: bool, api: APIClient
) -> None:
    make_ticket()

    answer = api.post(BATCHES, {"filters": filters, "dry_run": dry_run}, format="json")

    assert answer.status_code == 400
    assert why in str(answer.data["errors"]["filters"][wrong])
    assert not TriageBatch.objects.exists()


def test_a_dry_run_counts_and_writes_nothing(api: APIClient) -> None:
    make_ticket(category="hr")
    make_ticket()

    answer = api.post(BATCHES, {"filters": {"category": "HR"}, "dry_run": True}, format="json")

    assert (answer.status_code, answer.data) == (
        200,
        {"status": "DRY_RUN", "batch": None, "total_items": 1},
    )
    assert not TriageBatch.objects.exists()


def test_filters_that_choose_nothing_make_an_empty_batch(api: APIClient) -> None:
    make_ticket()

    assert choose(api, status="closed").data == {"status": "EMPTY", "batch": None, "total_items": 0}
    assert choose(api, assignee="nobody-of-this-name").data["status"] == "EMPTY"


def test_a_hidden_ticket_is_neither_chosen_nor_shown(api: APIClient, triage_all: Any) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    hidden, open_one = make_ticket(department="HR"), make_ticket()
    triage_all()

    mine = choose(api).data["batch"]["id"]
    root = client_for(User.objects.create_superuser("root", password="x"))
    all_of_them = choose(root).data["batch"]["id"]
    work_on_batches()

    assert list(TriageJob.objects.filter(batch=mine).values_list("ticket", flat=True)) == [
        open_one.pk
    ]
    seen = api.get(f"{BATCHES}{all_of_them}/jobs/").data["results"]
    assert [row["ticket"] for row in seen] == [open_one.pk]
    assert hidden.pk in [
        r["ticket"] for r in root.get(f"{BATCHES}{all_of_them}/jobs/").data["results"]
    ]


def test_the_jobs_of_a_batch_tell_what_was_decided_and_what_that_changed(
    api: APIClient, triage_all: Any
) -> None:
    same, reworded = make_ticket(title="VPN is down"), make_ticket(title="VPN is down")
    triage_all()
    Ticket.objects.filter(pk=reworded.pk).update(title="Invoice was paid twice", description="")
    pk = choose(api).data["batch"]["id"]
    work_on_batches()
    waiting = api.get(f"{BATCHES}{pk}/jobs/").data["results"]
    run_jobs()

    with CaptureQueriesContext(connection) as captured:
        rows = api.get(f"{BATCHES}{pk}/jobs/").data["results"]

    assert [(row["changed"], row["decision"]) for row in waiting] == [(None, None)] * 2
    assert [(row["ticket"], row["changed"]) for row in rows] == [
        (same.pk, False),
        (reworded.pk, True),
    ]
    assert rows[0]["decision"]["changes"] == {}
    assert rows[1]["decision"]["changes"]["category"] == ["network", "billing"]
    assert rows[1]["decision"]["band"] in ("auto", "suggest", "review")
    assert len(captured) <= 6


def test_a_failed_job_is_retried_by_hand_and_its_dead_letter_closed(api: APIClient) -> None:
    make_ticket()
    job = fail(TriageJob.objects.get())

    answer = api.post(f"{JOBS}{job.pk}/retry/")

    assert (answer.status_code, answer.data["state"], answer.data["attempts"]) == (
        202,
        "pending",
        0,
    )
    assert DeadLetter.objects.get().outcome == "retried"
    assert run_jobs() == 1


def test_a_job_that_has_not_failed_is_not_retried(api: APIClient) -> None:
    make_ticket()
    job = TriageJob.objects.get()

    answer = api.post(f"{JOBS}{job.pk}/retry/")

    assert (answer.status_code, answer.data["detail"]) == (
        409,
        f"Job {job.pk} is pending: only a failed job can be retried.",
    )


def test_a_batch_retries_what_failed_in_it_and_ends_a_second_time(api: APIClient) -> None:
    make_ticket()
    make_ticket()
    batch = services.batch_jobs(requested_by="ana", visible=Ticket.objects.all())
    assert batch is not None
    fail(TriageJob.objects.earliest("pk"))
    run_jobs()
    work_on_batches()
    assert TriageBatch.objects.get().state == "done"
    assert (shown(api, batch.pk)["status"], shown(api, batch.pk)["failed"]) == ("DONE", 1)

    answer = api.post(f"{BATCHES}{batch.pk}/retry/")

    assert (answer.status_code, answer.data) == (202, {"retried": 1})
    assert shown(api, batch.pk)["status"] == "RUNNING"
    run_jobs()
    work_on_batches()
    assert (TriageBatch.objects.get().state, shown(api, batch.pk)["failed"]) == ("done", 0)
    assert api.post(f"{BATCHES}{batch.pk}/retry/").status_code == 409


def test_the_end_of_a_batch_is_told_once_to_its_owner_and_to_callbacks_for_all(
    settings: Any,
) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    other = UUID(int=OWNER.int + 1)
    for name, owner in (("mine", OWNER), ("all", None), ("other", other)):
        make_channel(name, kind="webhook", owner_id=owner, events=["batch.finished"])
    subscriptions.forget()
    make_ticket(owner_id=str(OWNER))
    services.batch_jobs(requested_by="ana", visible=Ticket.objects.all(), owner_id=OWNER)

    work_on_batches()
    assert not Notification.objects.exists()
    run_jobs()
    work_on_batches()
    work_on_batches()

    told = Notification.objects.order_by("channel__name")
    assert [row.channel.name for row in told] == ["all", "mine"]
    batch = told[0].payload["data"]["batch"]
    assert (batch["total_items"], batch["done"], batch["failed"]) == (1, 1, 0)


def test_the_sweep_finds_batches_that_wait() -> None:
    make_ticket()
    services.batch_jobs(requested_by="ana", visible=Ticket.objects.all())
    assert services.requeue_stale_batches() == 0

    TriageBatch.objects.update(nudge_at=NOON)

    assert services.requeue_stale_batches() == 1


def test_jobs_of_a_batch_never_wait_in_the_queue_of_new_tickets(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, triage_all: Any
) -> None:
    sent: dict[str, list[int]] = {}

    def enqueue(task_name: str, ids: Any) -> None:
        sent.setdefault(task_name, []).extend(ids)

    old = make_ticket(title="VPN is down").pk
    triage_all()
    monkeypatch.setattr(batches, "enqueue", enqueue)
    monkeypatch.setattr(services.jobs, "enqueue", enqueue)
    choose(api)
    work_on_batches()
    new = make_ticket().pk
    job_of = dict(TriageJob.objects.filter(state="pending").values_list("ticket", "pk"))
    assert sent["triage.run_batch_jobs"] == [job_of[old]]

    sent.clear()
    TriageJob.objects.update(nudge_at=NOON)
    services.requeue_stale_jobs()

    assert sent == {
        "triage.run_jobs": [job_of[new]],
        "triage.run_batch_jobs": [job_of[old]],
    }


def test_the_list_of_batches_costs_the_same_for_one_and_for_many(api: APIClient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(BATCHES).status_code == 200
        return len(captured)

    make_ticket()
    services.batch_jobs(requested_by="ana", visible=Ticket.objects.all())
    queries()  # what the process remembers of departments
    one = queries()
    for _ in range(5):
        services.retriage(ids=[Ticket.objects.get().pk], requested_by="ana")

    assert queries() == one


def test_a_viewer_sees_batches_and_starts_none() -> None:
    viewer = client_for(make_user("vera", "Viewer"))

    assert viewer.get(BATCHES).status_code == 200
    assert choose(viewer).status_code == 403


def test_triage_of_one_ticket_again_makes_no_batch(api: APIClient, triage_all: Any) -> None:
    ticket = make_ticket()
    triage_all()

    answer = api.post(JOBS, {"ticket_id": ticket.pk}, format="json")

    assert (answer.status_code, answer.data["batch"]) == (202, None)
    assert run_jobs() == 1
    assert TriageDecision.objects.filter(ticket=ticket).count() == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [(BATCHES, {"filters": {}}), (f"{JOBS}batch/", {"ticket_ids": [1]}), (f"{JOBS}batch/", {})],
)
def test_a_batch_that_is_asked_for_again_under_its_key_is_made_once(
    api: APIClient, path: str, body: dict[str, Any]
) -> None:
    ticket = make_ticket()
    body = {**body, "ticket_ids": [ticket.pk]} if "ticket_ids" in body else body

    def send(**changed: Any) -> Any:
        headers = {"Idempotency-Key": "k1"}
        return api.post(path, {**body, **changed}, format="json", headers=headers)

    first, second, other = send(), send(), send(owner_id=str(OWNER), dry_run=True)

    assert (first.status_code, second.status_code, second.json()) == (202, 202, first.json())
    assert second["Idempotency-Replayed"] == "true"
    assert other.status_code == 409
    assert TriageBatch.objects.count() == 1


def test_a_batch_with_wrong_filters_may_be_mended_under_its_key(api: APIClient) -> None:
    make_ticket()
    answers = [
        api.post(
            BATCHES, {"filters": filters}, format="json", headers={"Idempotency-Key": "k1"}
        ).status_code
        for filters in ({"colour": "red"}, {"status": "open"})
    ]

    assert answers == [400, 202]


def test_blanks_around_an_owner_are_no_failure(api: APIClient) -> None:
    ticket = make_ticket(owner_id=str(OWNER))

    assert choose(api, owner_id=f" {OWNER} ").json()["total_items"] == 1
    assert work_on_batches() == 1
    assert TriageJob.objects.filter(batch__owner_id=OWNER).get().ticket == ticket
