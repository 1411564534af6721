"""`/ws/alerts` as an ASGI application: who gets in, what is sent, when it ends (docs/live-feed.md)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from django.db import Error as DatabaseError

from sla.alerts import Alert
from sla.feed.hub import AT_ONCE, TOO_SLOW, Behind, Follower, Hub
from sla.feed.login import PROTOCOL, NotAllowed, credential_of
from workers.problems import MEDIA_TYPE, problem

log = structlog.get_logger("sla.feed")
PATH: Final = "/ws/alerts"
HEARTBEAT_SECONDS: Final = 20.0  # of silence before a sign of life
PATIENCE: Final = 10.0  # seconds for a client to take what it was sent
TRY_AGAIN: Final = 1013

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Feed:
    def __init__(self) -> None:
        self.hub = Hub()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await receive()  # the request to connect
        if scope["path"].rstrip("/") != PATH:
            return await _refuse(scope, send, 404, f"There is no WebSocket here; it is at {PATH}.")
        try:
            after = _place(scope)
            credential = credential_of(scope)
            follower = Follower(credential, await self.hub.look_up(credential))
            await self.hub.join(follower)
        except ValueError as error:
            return await _refuse(scope, send, 400, str(error))
        except NotAllowed as error:
            return await _refuse(scope, send, 403, str(error))
        except DatabaseError:
            return await _refuse(scope, send, 503, "The database is briefly away; try again.")
        socket = _Socket(self.hub, follower, send)
        chosen = PROTOCOL if PROTOCOL in scope.get("subprotocols", ()) else None
        try:
            with suppress(OSError):  # a client may go at any moment
                await socket.send({"type": "websocket.accept", "subprotocol": chosen})
                await socket.serve(receive, after)
        finally:
            self.hub.leave(follower)


class _Socket:
    """One client: what it gets, and what it asks."""

    def __init__(self, hub: Hub, follower: Follower, send: Send) -> None:
        self.hub, self.follower, self._send = hub, follower, send

    async def serve(self, receive: Receive, after: int | None) -> None:
        """Until the client leaves, is dropped, or takes nothing any more."""
        jobs = [
            asyncio.create_task(self._or_drop(self._write(after))),
            asyncio.create_task(self._or_drop(self._answer(receive))),
        ]
        try:
            ends: list[asyncio.Future[Any]] = [*jobs, self.follower.dropped]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        if self.follower.dropped.done():
            await self._close(self.follower.dropped.result())
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def send(self, message: dict[str, Any]) -> None:
        """:raises OSError: the client has gone."""
        try:
            await self._send(message)
        except RuntimeError as error:  # uvicorn has given up on a client that answers no ping
            self._cut()
            raise ConnectionError from error

    async def _or_drop(self, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except (Behind, TimeoutError):
            self.follower.drop(TOO_SLOW)
        except DatabaseError:
            self.follower.drop(TRY_AGAIN)

    async def _write(self, after: int | None) -> None:
        self.follower.place = await self._begin(after)
        while True:
            news = self.hub.news  # before looking, so that nothing slips between
            if alerts := self.hub.after(self.follower.place):
                await self._send_alerts(alerts)
                self.follower.place = alerts[-1].id
                continue
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await news.wait()
            except TimeoutError:
                await self._say({"type": "heartbeat", "last_id": self.follower.place})

    async def _begin(self, after: int | None) -> int:
        """Say hello, and send what came since `after`. Returns the id up to which everything was sent."""
        while after is not None and after > self.hub.last_id:
            # Another web process told the client of it before this one has looked.
            if not await self.hub.read():
                break
        last_id = self.hub.last_id
        await self._say({"type": "hello", "last_id": last_id})
        if after is None or after >= last_id:
            return last_id
        if after < self.hub.floor:
            missed, left_out = await self.hub.missed(after, last_id, self.follower.hidden)
            if left_out:
                detail = f"Too many at once. GET /api/v1/escalations/?after={after} has them all."
                await self._say({"type": "gap", "from": after, "to": left_out, "detail": detail})
            await self._send_alerts(missed)
            return last_id
        return after

    async def _send_alerts(self, alerts: list[Alert]) -> None:
        for start in range(0, len(alerts), AT_ONCE):
            async with asyncio.timeout(PATIENCE):
                for alert in alerts[start : start + AT_ONCE]:
                    if self.follower.may_see(alert):
                        await self.send({"type": "websocket.send", "text": alert.text})
            await asyncio.sleep(0)

    async def _answer(self, receive: Receive) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            if _is_ping(message.get("text")):
                await self._say({"type": "pong"})
            else:
                await self._say({"type": "error", "detail": 'Only {"type": "ping"} is understood.'})

    async def _say(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.send({"type": "websocket.send", "text": json.dumps(message)})

    async def _close(self, code: int) -> None:
        """Say why if the client still takes it, else cut the line."""
        log.info("follower dropped", code=code)
        try:
            async with asyncio.timeout(1):
                await self.send({"type": "websocket.close", "code": code})
        except TimeoutError:
            self._cut()

    def _cut(self) -> None:
        """Without it, what a client never takes would be kept for as long as it stays connected."""
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is not None:  # uvicorn's; ASGI has no word for it
            transport.abort()


def _place(scope: Any) -> int | None:
    given = parse_qs(scope["query_string"].decode("latin1"), keep_blank_values=True).get("after")
    if given is None:
        return None
    if len(given) != 1 or not given[0].isascii() or not given[0].isdecimal() or len(given[0]) > 18:
        raise ValueError("after: use the id of the last alert that you have seen, such as 4711.")
    return int(given[0])


def _is_ping(text: str | None) -> bool:
    with suppress(ValueError):
        message = json.loads(text if text and len(text) < 1000 else "")
        return isinstance(message, dict) and message.get("type") == "ping"
    return False


async def _refuse(scope: Any, send: Send, status: int, detail: str) -> None:
    """Answer the request to connect with a problem (RFC 9457), as the API does."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        return await send({"type": "websocket.close"})
    await send(
        {
            "type": "websocket.http.response.start",
            "status": status,
            "headers": [(b"content-type", MEDIA_TYPE.encode())],
        }
    )
    await send(
        {
            "type": "websocket.http.response.body",
            "body": json.dumps(problem(status, detail)).encode(),
        }
    )
    # Until the line is closed, which happens next, uvicorn takes a refusal for an unfinished handshake.
    await asyncio.sleep(0)
    return None
