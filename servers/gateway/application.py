"""`/api/v1/intake/…` and PagerDuty's `/v2/enqueue` as an ASGI application (docs/alerts.md)."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone
from prometheus_client import Counter

from servers.gateway.keys import Keys, Known
from servers.gateway.waiting import Outcome, Outcomes
from servers.gateway.writer import Limited, Unavailable, Writer
from servers.services.deliveries import Body
from servers.services.integrations import INTAKE
from servers.sources.reading import PRODUCTS, generated_key
from servers.sources.signatures import problem as signature_problem
from workers import tracing
from workers.context import accept_request_id
from workers.encryption import Unreadable
from workers.problems import MEDIA_TYPE, problem

log = structlog.get_logger("servers.intake")
MOST_BODY: Final = 2**20
#: Of a longer one so much is heard out and dropped: many senders hear no answer before all is sent.
MOST_HEARD: Final = 16 * MOST_BODY
_ALIASES: Final = ("/v2/enqueue", "/v2/change/enqueue")
_ADDRESS: Final = re.compile(
    rf"{INTAKE}(?:(?P<key>int_[\w-]{{1,100}})/)?(?P<product>{'|'.join(PRODUCTS)})/?", re.ASCII
)
_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", MEDIA_TYPE.encode())
REQUESTS: Final = Counter(
    "smartops_intake_requests_total", "Bodies of alerts that were posted", ["product", "status"]
)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Refused(Exception):
    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.extra: dict[str, Any] = {}


class Event(msgspec.Struct):
    """What is looked at in a PagerDuty event before it is kept."""

    routing_key: Any = ""
    dedup_key: Any = ""


class Request(NamedTuple):
    product: str
    key: str  # from the address or a header
    headers: Mapping[str, str]
    sender: str
    changes: bool  # PagerDuty's change events


class Intake:
    def __init__(self) -> None:
        self.keys = Keys()
        self.writer = Writer()
        self.outcomes = Outcomes()

    @staticmethod
    def takes(scope: Any) -> bool:
        """Whether a request is for this application. What became of deliveries is asked of the API."""
        path = scope["path"]
        return path.rstrip("/") in _ALIASES or (
            path.startswith(INTAKE) and not path.startswith(f"{INTAKE}deliveries/")
        )

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]
        }
        given = headers.get("x-request-id") or tracing.id_from(headers.get("traceparent", ""))
        request_id = accept_request_id(given)
        extra: dict[str, str] = {"x-request-id": request_id}
        product = "unknown"
        with tracing.begin(request_id, f"{scope['method']} intake"):  # the address may hold the key
            try:
                request = _request(scope, headers)
                product = request.product
                answer = await self._take(request, await _body(headers, receive), request_id)
                status, kind = 202, _JSON
            except Refused as error:
                status, kind = error.status, _PROBLEM
                extra |= error.headers
                answer = problem(status, str(error), request_id, **error.extra)
        REQUESTS.labels(product, status).inc()
        head = [kind, *((name.encode(), value.encode()) for name, value in extra.items())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _take(self, request: Request, body: bytes, request_id: str) -> dict[str, Any]:
        event = _event(body) if request.product == "events" else Event()
        key = request.key or (event.routing_key if isinstance(event.routing_key, str) else "")
        known = await self._known(key, request)
        if known.secret:
            wrong = signature_problem(
                known.source, known.secret, body, request.headers, timezone.now()
            )
            if wrong:
                raise Refused(401, wrong)
        if request.changes:
            return {"status": "success", "message": "Change events open nothing; it was not kept."}
        content_type = request.headers.get("content-type", "")[:100].replace("\x00", "")
        delivery = await self._write(known, Body(known.id, body, content_type, request_id), request)
        at_once = "respond-async" in request.headers.get("prefer", "")
        seconds = 0.0 if at_once else settings.INTAKE_WAIT_SECONDS
        outcome = await self.outcomes.of(delivery, seconds=seconds)
        return _answer(delivery, outcome, event if request.product == "events" else None)

    async def _known(self, key: str, request: Request) -> Known:
        if not key:
            raise Refused(
                401, "The key is missing: put it into the address or the header X-Integration-Key."
            )
        try:
            known = await self.keys.find(key)
        except DatabaseError:
            raise _away() from None
        except Unreadable:
            log.error("the secret of an integration cannot be read: SECRET_KEY was changed")
            raise _away() from None
        if known is None:
            raise Refused(401, "This is no key of an integration, or not any more.")
        if known.source != request.product:
            right = f"{INTAKE}{known.source}/" if known.source in PRODUCTS else "its mailbox"
            raise Refused(404, f"This key belongs to an integration that is sent to {right}.")
        if not known.enabled:
            raise Refused(403, "This integration is switched off.")
        return known

    async def _write(self, known: Known, body: Body, request: Request) -> int:
        try:
            written = await self.writer.write(known, body, sender=request.sender)
        except Unavailable:
            raise _away() from None
        if isinstance(written, Limited):
            detail = f"More than {known.rate} requests in this minute. It was not kept."
            raise Refused(429, detail, retry_after=str(written.seconds))
        return written


def _request(scope: Any, headers: Mapping[str, str]) -> Request:
    path = scope["path"]
    address = _ADDRESS.fullmatch(path)
    if address is None and path.rstrip("/") not in _ALIASES:
        raise Refused(404, f"Post to {INTAKE}<key>/<product>/; products: {', '.join(PRODUCTS)}.")
    if scope["method"] != "POST":
        raise Refused(405, "Alerts are posted to this address.", allow="POST")
    kind, _, credential = headers.get("authorization", "").partition(" ")
    bearer = credential.strip() if kind.lower() in ("bearer", "token") else ""
    client = scope.get("client")
    return Request(
        product=address["product"] if address else "events",
        key=(address and address["key"]) or headers.get("x-integration-key", "") or bearer,
        headers=headers,
        sender=client[0] if client else "an unknown address",
        changes=path.rstrip("/").endswith("/change/enqueue"),
    )


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """:raises Refused: it is too long, or packed."""
    if headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "Send the body as it is, without Content-Encoding.")
    too_long = Refused(413, f"The body is longer than {MOST_BODY:,} bytes.", connection="close")
    given = headers.get("content-length", "0")
    if given.isdecimal() and int(given) > MOST_HEARD:
        raise too_long
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The body ended early.")
        piece = message.get("body", b"")
        size += len(piece)
        if size <= MOST_BODY:
            body += piece
        is_last = not message.get("more_body")
        if size > MOST_HEARD or (is_last and size > MOST_BODY):
            raise too_long
        if is_last:
            return bytes(body)


def _event(body: bytes) -> Event:
    """A body that is no event is kept all the same, if a key came with it, and is told apart by a worker."""
    try:
        return msgspec.json.decode(body, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Event()


def _answer(delivery: int, outcome: Outcome | None, event: Event | None) -> dict[str, Any]:
    """:raises Refused: the body was kept, and could not be read."""
    if outcome is not None and outcome.state == "failed":
        refused = Refused(400, outcome.error)
        refused.extra["delivery"] = delivery
        raise refused
    told: dict[str, Any] = {"status": "accepted", "delivery": delivery}
    if outcome is not None:
        told |= {"status": "processed", "results": outcome.results}
    told["url"] = f"{settings.PUBLIC_URL}{INTAKE}deliveries/{delivery}/"
    if event is not None:
        told |= {
            "message": f"Event {told['status']}",
            "status": "success",  # as PagerDuty's clients look for it
            "dedup_key": event.dedup_key or generated_key(delivery),
        }
    return told


def _away() -> Refused:
    return Refused(503, "The database is briefly away; send it again.", retry_after="2")
