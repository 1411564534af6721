"""Alerts by HTTP: who may, what is answered, and what is kept."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from redis.exceptions import ConnectionError as RedisGone

from servers.gateway import Intake, writer
from servers.gateway.application import MOST_HEARD
from servers.models import Delivery, Integration
from servers.services import integrations
from servers.services.deliveries import take_deliveries
from tests.factories import make_user
from tests.servers.intake import Answer, make_sender, play, post
from tests.servers.payloads import EVENT, GENERIC, SENTRY_ISSUE
from tickets.models import Ticket
from workers import counting
from workers.leases import State

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 3, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """In place of pytest-django's: rows are committed, so that other threads see them, and only the tables that
    fill are emptied, which is quicker than `transaction=True`."""
    with django_db_blocker.unblock():
        yield
        with connection.cursor() as cursor:
            cursor.execute(
                """TRUNCATE servers_integration, servers_delivery, servers_incident, tickets_ticket,
                            tickets_ticketevent, tickets_ticketsearch, sla_clockevent, triage_triagedecision
                   CASCADE"""
            )
        User.objects.all().delete()


@pytest.fixture(autouse=True)
def _at_once(settings: Any) -> None:
    settings.INTAKE_WAIT_SECONDS = 0.0
    counting.counters().flushdb()


def posted(path: str, payload: Any = GENERIC, **given: Any) -> Answer:
    answer: Answer = play(lambda gateway: post(gateway, path, payload, **given))
    return answer


def test_a_body_with_the_key_in_the_address_is_kept_and_accepted() -> None:
    integration, key = make_sender()
    answer = posted(f"/api/v1/intake/{key}/generic/", x_request_id="abc", content_type="text/json")

    delivery = Delivery.objects.get()
    assert answer.status == 202
    assert answer.body == {
        "status": "accepted",
        "delivery": delivery.pk,
        "url": f"http://localhost:8000/api/v1/intake/deliveries/{delivery.pk}/",
    }
    assert delivery.integration == integration
    assert json.loads(bytes(delivery.body)) == GENERIC
    assert (delivery.request_id, delivery.content_type) == ("abc", "text/json")
    assert answer.headers["x-request-id"] == "abc"


@pytest.mark.parametrize("header", ["x_integration_key", "Bearer", "Token", "bearer"])
def test_the_key_may_stand_in_a_header(header: str) -> None:
    _, key = make_sender()
    headers = {header: key} if header[0] == "x" else {"authorization": f"{header} {key}"}

    assert posted("/api/v1/intake/generic", **headers).status == 202


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/api/v1/intake/generic/", 401, "The key is missing"),
        ("/api/v1/intake/int_wrong/generic/", 401, "no key of an integration"),
        ("/api/v1/intake/KEY/grafana/", 404, "sent to /api/v1/intake/generic/"),
        ("/api/v1/intake/KEY/nothing/", 404, "products: alertmanager, grafana"),
        ("/api/v1/intake/", 404, "Post to"),
    ],
)
def test_what_is_not_addressed_rightly_is_refused_and_not_kept(
    path: str, status: int, detail: str
) -> None:
    _, key = make_sender()
    answer = posted(path.replace("KEY", key))

    assert answer.status == status == answer.body["status"]
    assert detail in answer.body["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert key not in json.dumps(answer.body)
    assert Delivery.objects.count() == 0


def test_alerts_are_posted_and_nothing_else() -> None:
    answer = posted("/api/v1/intake/int_x/generic/", method="GET")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_a_disabled_integration_takes_nothing() -> None:
    _, key = make_sender(enabled=False)

    assert posted(f"/api/v1/intake/{key}/generic/").status == 403
    assert Delivery.objects.count() == 0


def test_after_a_rotation_both_keys_are_good_until_the_old_one_ends() -> None:
    integration, old = make_sender()
    new = integrations.rotate_key(integration=integration, now=datetime.now(UTC))

    assert posted(f"/api/v1/intake/{old}/generic/").status == 202
    assert posted(f"/api/v1/intake/{new}/generic/").status == 202
    Integration.objects.update(previous_key_until=NOW.replace(year=2020))
    assert posted(f"/api/v1/intake/{old}/generic/").status == 401


def test_a_key_is_looked_up_once_for_many_requests() -> None:
    _, key = make_sender()

    async def scene(gateway: Intake) -> list[int]:
        path = f"/api/v1/intake/{key}/generic/"
        asked: list[str] = []
        look_up = gateway.keys._look_up

        async def counted(hashed: str) -> Any:
            asked.append(hashed)
            return await look_up(hashed)

        gateway.keys._look_up = counted  # type: ignore[method-assign]
        answers = await asyncio.gather(*(post(gateway, path, GENERIC) for _ in range(50)))
        assert len(asked) == 1
        return [answer.status for answer in answers]

    assert play(scene) == [202] * 50
    assert Delivery.objects.count() == 50


def test_bodies_that_come_together_are_inserted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = make_sender()
    sizes: list[int] = []
    record = writer.record
    monkeypatch.setattr(
        writer, "record", lambda **given: (sizes.append(len(given["bodies"])), record(**given))[1]
    )

    async def scene(gateway: Intake) -> None:
        path = f"/api/v1/intake/{key}/generic/"
        await asyncio.gather(*(post(gateway, path, GENERIC) for _ in range(100)))

    play(scene)
    assert sum(sizes) == 100
    assert len(sizes) < 20


def test_a_body_of_a_megabyte_is_kept_and_a_longer_one_is_not() -> None:
    _, key = make_sender()
    path = f"/api/v1/intake/{key}/generic/"

    assert posted(path, b"x" * 2**20, pieces=9).status == 202
    assert posted(path, b"x" * (2**20 + 1), pieces=9).status == 413
    assert posted(path, b"", content_length=str(MOST_HEARD + 1)).status == 413
    assert posted(path, b"", content_encoding="gzip").status == 415
    assert Delivery.objects.count() == 1


def signed(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_a_body_whose_signature_is_wrong_is_not_kept() -> None:
    _, key = make_sender("Sentry", source="sentry", secret="not-a-real-secret")
    path, body = f"/api/v1/intake/{key}/sentry/", json.dumps(SENTRY_ISSUE).encode()

    wrong = posted(path, body, sentry_hook_signature=signed(body, "another"))
    missing = posted(path, body)
    assert (wrong.status, missing.status, Delivery.objects.count()) == (401, 401, 0)

    right = posted(path, body, sentry_hook_signature=signed(body, "not-a-real-secret"))
    assert (right.status, Delivery.objects.count()) == (202, 1)


@pytest.mark.parametrize(
    "path", ["/v2/enqueue", "/api/v1/intake/events/", "/api/v1/intake/KEY/events"]
)
def test_pagerdutys_clients_find_what_they_know(path: str) -> None:
    _, key = make_sender("Clients", source="events")
    answer = posted(path.replace("KEY", key), {**EVENT, "routing_key": key})

    assert answer.status == 202
    assert (answer.body["status"], answer.body["dedup_key"]) == ("success", "samplekeyhere")


def test_an_event_without_a_dedup_key_is_told_the_one_it_got() -> None:
    _, key = make_sender("Clients", source="events")
    answer = posted("/v2/enqueue", {**EVENT, "routing_key": key, "dedup_key": ""})

    [delivery] = Delivery.objects.all()
    take_deliveries(ids=[delivery.pk], now=NOW)
    delivery.refresh_from_db()
    assert delivery.results[0]["key"] == answer.body["dedup_key"] == f"auto:1:{delivery.pk}"


def test_change_events_are_taken_politely_and_not_kept() -> None:
    _, key = make_sender("Clients", source="events")
    answer = posted("/v2/change/enqueue", {"routing_key": key, "payload": {"summary": "Deploy"}})

    assert (answer.status, answer.body["status"]) == (202, "success")
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("body", [b"{broken", b'{"routing_key": 7}', b"[]"])
def test_an_event_that_names_no_key_is_refused(body: bytes) -> None:
    assert posted("/v2/enqueue", body).status == 401


async def _working() -> None:
    """A worker that takes what comes."""

    def take() -> None:
        try:
            ids = list(Delivery.objects.filter(state=State.PENDING).values_list("pk", flat=True))
            take_deliveries(ids=ids, now=datetime.now(UTC))
        finally:
            connection.close()

    while True:
        await asyncio.to_thread(take)
        await asyncio.sleep(0.02)


def with_worker(settings: Any, *calls: tuple[str, Any], **headers: str) -> list[Answer]:
    settings.INTAKE_WAIT_SECONDS = 20.0

    async def scene(gateway: Intake) -> list[Answer]:
        worker = asyncio.create_task(_working())
        try:
            return [await post(gateway, path, payload, **headers) for path, payload in calls]
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    answers: list[Answer] = play(scene)
    return answers


def test_the_answer_says_what_became_of_the_alert(settings: Any) -> None:
    _, key = make_sender()
    path = f"/api/v1/intake/{key}/generic/"
    first, again, over = with_worker(
        settings, (path, GENERIC), (path, GENERIC), (path, {**GENERIC, "status": "resolved"})
    )

    ticket = Ticket.objects.get()
    told = [(answer.body["status"], answer.body["results"]) for answer in (first, again, over)]
    for (status, [result]), word in zip(told, ("created", "appended", "resolved"), strict=True):
        assert status == "processed"
        assert (result["result"], result["ticket"]) == (word, ticket.pk)
        assert result["key"] == "disk:web-1"


def test_a_body_that_could_not_be_read_is_answered_with_the_reason_and_its_number(
    settings: Any,
) -> None:
    _, key = make_sender()
    [answer] = with_worker(settings, (f"/api/v1/intake/{key}/generic/", b"{broken"))

    assert answer.status == 400
    assert answer.body["delivery"] == Delivery.objects.get().pk
    assert "not JSON" in answer.body["detail"]


def test_who_prefers_not_to_wait_does_not(settings: Any) -> None:
    _, key = make_sender()
    [answer] = with_worker(
        settings, (f"/api/v1/intake/{key}/generic/", GENERIC), prefer="respond-async"
    )

    assert answer.body["status"] == "accepted"


def test_when_many_wait_already_the_next_do_not(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = make_sender()
    settings.INTAKE_WAIT_SECONDS = 0.5
    monkeypatch.setattr("servers.gateway.waiting.MOST", 3)

    async def scene(gateway: Intake) -> list[float]:
        async def timed() -> float:
            started = asyncio.get_running_loop().time()
            await post(gateway, f"/api/v1/intake/{key}/generic/", GENERIC)
            return asyncio.get_running_loop().time() - started

        return sorted(await asyncio.gather(*(timed() for _ in range(6))))

    times = play(scene)
    assert len([seconds for seconds in times if seconds >= 0.5]) == 3


def test_when_the_database_is_away_the_sender_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, key = make_sender()

    def gone(**_: Any) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(writer, "record", gone)
    answer = posted(f"/api/v1/intake/{key}/generic/")

    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert answer.body["title"] == "Service Unavailable"


def test_when_the_key_cannot_be_looked_up_it_is_tried_again_with_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, key = make_sender()
    find = integrations.find_by_key
    calls: list[str] = []

    def once_gone(hashed: str, now: datetime) -> Any:
        calls.append(hashed)
        if len(calls) == 1:
            raise OperationalError("away")
        return find(hashed, now)

    monkeypatch.setattr("servers.gateway.keys.find_by_key", once_gone)

    async def scene(gateway: Intake) -> list[int]:
        path = f"/api/v1/intake/{key}/generic/"
        return [(await post(gateway, path, GENERIC)).status for _ in range(2)]

    assert play(scene) == [503, 202]


def test_when_the_database_is_behind_more_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = make_sender()
    monkeypatch.setattr(writer, "MOST_WAITING", -1)

    assert posted(f"/api/v1/intake/{key}/generic/").status == 503


def test_when_redis_is_away_nobody_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = make_sender(rate_per_minute=1)

    class Gone:
        def pipeline(self, **_: Any) -> Any:
            return self

        def incrby(self, *_: Any) -> None: ...

        def expire(self, *_: Any) -> None: ...

        def execute(self) -> Any:
            raise RedisGone

    monkeypatch.setattr(counting, "counters", Gone)

    async def scene(gateway: Intake) -> list[int]:
        path = f"/api/v1/intake/{key}/generic/"
        return [(await post(gateway, path, GENERIC)).status for _ in range(3)]

    assert play(scene) == [202, 202, 202]


def test_what_was_kept_is_accepted_although_an_owner_could_not_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: Any) -> None:
        raise OperationalError("the ticket was not opened")

    monkeypatch.setattr(writer, "note_limited", fail)
    _, noisy = make_sender("Noisy", rate_per_minute=1)
    _, quiet = make_sender("Quiet")

    async def scene(gateway: Intake) -> list[int]:
        paths = [f"/api/v1/intake/{key}/generic/" for key in (noisy, noisy, quiet)]
        answers = await asyncio.gather(*(post(gateway, path, GENERIC) for path in paths))
        return [answer.status for answer in answers]

    assert sorted(play(scene)) == [202, 202, 429]
    assert Delivery.objects.count() == 2


def test_who_sends_too_much_is_told_when_to_come_back_and_the_owner_gets_one_ticket() -> None:
    owner = make_user("olga", "Agent")
    _, key = make_sender("Noisy", rate_per_minute=3, owner=owner)
    _, other = make_sender("Quiet", rate_per_minute=3)

    async def scene(gateway: Intake) -> list[Answer]:
        path = f"/api/v1/intake/{key}/generic/"
        answers = [await post(gateway, path, GENERIC) for _ in range(6)]
        return [*answers, await post(gateway, f"/api/v1/intake/{other}/generic/", GENERIC)]

    with time_machine.travel(NOW, tick=False):
        *answers, quiet = play(scene)

    assert [answer.status for answer in answers] == [202] * 3 + [429] * 3
    assert [answer.headers["retry-after"] for answer in answers[3:]] == ["30"] * 3
    assert quiet.status == 202
    ticket = Ticket.objects.get()
    assert ticket.assignee == owner
    assert ticket.title == "Noisy sends more than it may"
    assert "192.0.2.7" in ticket.description
    assert Delivery.objects.count() == 4
