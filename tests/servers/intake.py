"""Integrations with keys, their bodies, and the gateway as a web server would call it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from servers.gateway import Intake
from servers.models import Delivery, Integration
from servers.services.deliveries import Body, record, take_deliveries
from servers.services.integrations import create_integration
from tests.factories import NOON


def make_sender(name: str = "Monitoring", **fields: Any) -> tuple[Integration, str]:
    return create_integration(values={"name": name, "source": "generic", **fields})


def receive(integration: Integration, *payloads: Any, at: datetime = NOON) -> list[int]:
    bodies = [
        Body(integration.pk, p if isinstance(p, bytes) else json.dumps(p).encode(), "", "request-1")
        for p in payloads
    ]
    return record(bodies=bodies, now=at)


def take(*ids: int, at: datetime = NOON) -> list[Delivery]:
    take_deliveries(ids=ids, now=at)
    return list(Delivery.objects.filter(pk__in=ids).order_by("pk"))


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


async def post(
    gateway: Intake,
    path: str,
    payload: Any = None,
    *,
    method: str = "POST",
    pieces: int = 1,
    **headers: str,
) -> Answer:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    size = max(1, -(-len(body) // pieces))
    waiting = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "client": ("192.0.2.7", 4711),
        "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()],
    }
    sent: list[dict[str, Any]] = []

    async def take_in() -> dict[str, Any]:
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await gateway(scope, take_in, send)
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], given, json.loads(sent[1]["body"]))


def close_connection() -> None:
    connection.close()  # of the thread that calls


def play(scene: Callable[[Intake], Awaitable[Any]]) -> Any:
    """Run `scene` in an event loop of a thread of its own, with a gateway whose connections end with it."""

    async def run() -> Any:
        gateway = Intake()
        try:
            return await asyncio.wait_for(scene(gateway), 30)
        finally:
            loop = asyncio.get_running_loop()
            for pool in (gateway.keys._reader, gateway.outcomes._reader):
                await loop.run_in_executor(pool, close_connection)
                pool.shutdown()
            await asyncio.to_thread(gateway.writer.close)

    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, run()).result()
