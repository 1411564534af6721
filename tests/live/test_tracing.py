"""Traces as a collector gets them: one from the request to the message, whoever works and whatever is lost."""

import gzip
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.live.alerts import follow
from tests.live.desk import DIRECT, Desk
from tests.live.test_notifications import ALLOWED, start_io
from tests.sla.receivers import Receiver, receiver

_INTEGRATION = """
from servers.services.integrations import create_integration
print(create_integration(values={{"name": {!r}, "source": "generic"}})[1])
"""

#: What triage is called in a worker, and where it is begun.
TRIAGE = {"triage", "run/triage.run_jobs"}


class Span(NamedTuple):
    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]
    links: tuple[str, ...]


class Collector:
    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for s in scope.spans:
                    self.spans.append(
                        Span(
                            about["service.name"],
                            s.name,
                            s.trace_id.hex(),
                            s.span_id.hex(),
                            s.parent_span_id.hex(),
                            {a.key: str(a.value) for a in s.attributes},
                            tuple(link.trace_id.hex() for link in s.links),
                        )
                    )

    def of(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield collector
        server.shutdown()


@pytest.fixture
def traced(desk: Desk) -> Iterator[tuple[Desk, Collector]]:
    """A desk that sends its traces; web, worker and sender run."""
    before = dict(desk.environment)
    with collecting() as collector:
        desk.environment |= {
            **ALLOWED,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        desk.stop_web()
        yield desk, collector
        desk.stop_processes()
        desk.stop_web()  # the next test's is another one again
    desk.environment = before


def make_callback(desk: Desk, url: str) -> None:
    done = desk.run_python(
        f"""
from sla.services.channels import create_channel
create_channel(values={{"name": {url!r}, "kind": "webhook", "address": {url!r},
                       "events": ["ticket.created", "ticket.triaged"]}})
"""
    )
    assert done.returncode == 0, done.stderr


def trace_of(headers: dict[str, str]) -> str:
    return headers["traceparent"].split("-")[1]


def traces_heard(traced: tuple[Desk, Collector], there: Receiver) -> set[str]:
    """The traces in the two messages that came, once the collector has their spans and that of triage."""
    desk, collector = traced
    desk.wait_for(lambda: len(there.requests) == 2, 30, "both messages")
    heard = {trace_of(request.headers) for request in there.requests}

    def complete() -> bool:
        names = [span.name for trace in heard for span in collector.of(trace)]
        return names.count("deliver webhook") == 2 and bool(TRIAGE & set(names))

    desk.wait_for(complete, 20, "the spans")
    return heard


def test_one_trace_leads_from_the_request_through_the_task_to_the_message(
    traced: tuple[Desk, Collector],
) -> None:
    desk, collector = traced
    with receiver() as there:
        make_callback(desk, there.url + "/secret-path")
        desk.start_web()
        desk.start_worker()
        start_io(desk)
        status, answer = desk.post("/api/v1/tickets/", {"title": "VPN is down"})
        assert status == 201, answer
        [trace] = traces_heard(traced, there)

    spans = collector.of(trace)
    [request] = [span for span in spans if span.parent == ""]
    assert request.service == "smartops-web"
    assert request.name.startswith("POST api/v1/tickets/")
    assert TRIAGE & {span.name for span in spans if span.service == "smartops-worker"}
    delivered = [span for span in spans if span.name == "deliver webhook"]
    assert {span.parent for span in delivered} == {request.id}
    assert {span.name for span in spans if span.parent in {d.id for d in delivered}} >= {"POST"}
    assert any(span.attributes.get("db.system") for span in spans)
    [(stored,)] = desk.sql("SELECT DISTINCT request_id FROM sla_notification")
    assert stored == trace
    assert "secret-path" not in repr(collector.spans)


def test_what_a_sweep_finds_again_is_in_its_requests_trace(traced: tuple[Desk, Collector]) -> None:
    desk, collector = traced
    desk.start_web()
    ids = desk.open(3)
    [(trace,)] = desk.sql(
        "SELECT DISTINCT request_id FROM triage_triagejob WHERE ticket_id = ANY(%s)", ids
    )
    desk.wait_for(lambda: desk.run_redis("LLEN", "smartops:triage") == 1, 20, "the message")
    desk.run_redis("FLUSHALL")  # nobody will hear of them but the sweep
    desk.start_beat()
    desk.start_worker()
    desk.wait_until_triaged()

    def found() -> list[Span]:
        return [span for span in collector.of(trace) if span.name == "triage"]

    desk.wait_for(lambda: bool(found()), 20, "the span")
    [span] = found()
    assert span.service == "smartops-worker"
    assert span.links
    assert span.links[0] != trace


def test_a_caller_keeps_its_trace_and_its_id(traced: tuple[Desk, Collector]) -> None:
    desk, collector = traced
    desk.start_web()
    theirs = "ab" * 16
    address = f"http://127.0.0.1:{desk.port}/api/v1/departments/"
    for headers in (
        {"traceparent": f"00-{theirs}-{'cd' * 8}-01"},
        {"X-Request-ID": "ours-4711"},
    ):
        call = urllib.request.Request(address, headers=headers)
        call.add_header("Authorization", f"Token {desk.token}")
        with DIRECT.open(call, timeout=20) as answer:
            said = answer.headers["X-Request-ID"]
            assert said == headers.get("X-Request-ID", f"{theirs}-{'cd' * 8}-01")

    desk.wait_for(
        lambda: "cd" * 8 in {span.parent for span in collector.of(theirs)},
        20,
        "the span below theirs",
    )
    hashed = "".join(
        desk.run_python(
            "from workers.tracing import trace_id_of; print(f\"{trace_id_of('ours-4711'):032x}\")"
        ).stdout.split()
    )
    desk.wait_for(lambda: bool(collector.of(hashed)), 20, "the other span")


def test_alerts_that_come_in_and_ticks_of_beat_have_spans_above_all_that_follow_from_them(
    traced: tuple[Desk, Collector],
) -> None:
    desk, collector = traced
    desk.start_web()
    desk.start_beat()
    desk.start_worker()
    key = desk.run_python(_INTEGRATION.format("traced")).stdout.strip()

    def names_in(trace: str) -> set[str]:
        return {span.name for span in collector.of(trace)}

    with follow(desk):
        status, answer = desk.post(
            f"/api/v1/intake/{key}/generic/", {"summary": "Disk full", "key": "d1"}
        )
        assert status == 202, answer
        desk.wait_for(
            lambda: desk.count("SELECT count(*) FROM tickets_ticket") == 1, 30, "a ticket"
        )
        desk.wait_until_triaged()
        [(trace,)] = desk.sql("SELECT request_id FROM servers_delivery")
        desk.wait_for(
            lambda: (
                {"POST intake", "keep"} <= names_in(trace)
                and bool({"apply alerts", "run/servers.take_deliveries"} & names_in(trace))
            ),
            20,
            "the spans",
        )
        ticks = "run/workers.beat_tick"
        desk.wait_for(lambda: ticks in {s.name for s in collector.spans}, 20, "a tick")
    desk.stop_processes()

    [root] = [span for span in collector.of(trace) if span.parent == ""]
    assert (root.name, root.service) == ("POST intake", "smartops-web")
    assert key not in repr(collector.spans)
    known = {(span.trace, span.id) for span in collector.spans}
    orphans = {
        span.name
        for span in collector.spans
        if span.parent and (span.trace, span.parent) not in known
        # A task that was stopped just now has told of its statements and not of itself.
        if "db.system" not in span.attributes
    }
    assert orphans == set()
    alone = {s.name for s in collector.spans if s.service == "smartops-web" and not s.parent}
    assert not alone & {"SELECT", "INSERT", "UPDATE", "SUBSCRIBE"}, "what is polled is no trace"


def test_an_alert_that_was_posted_within_a_callers_trace_is_in_it_up_to_the_message(
    traced: tuple[Desk, Collector],
) -> None:
    desk, collector = traced
    theirs, above = "ab" * 16, "cd" * 8
    with receiver() as there:
        make_callback(desk, there.url)
        desk.start_web()
        desk.start_worker()
        start_io(desk)
        key = desk.run_python(_INTEGRATION.format("within")).stdout.strip()
        call = urllib.request.Request(
            f"http://127.0.0.1:{desk.port}/api/v1/intake/{key}/generic/",
            json.dumps({"summary": "Disk full", "key": "d1"}).encode(),
            {"traceparent": f"00-{theirs}-{above}-01", "Content-Type": "application/json"},
        )
        with DIRECT.open(call, timeout=20) as answer:
            assert answer.headers["X-Request-ID"] == f"{theirs}-{above}-01"
        assert traces_heard(traced, there) == {theirs}

    [request] = [span for span in collector.of(theirs) if span.name == "POST intake"]
    assert request.parent == above
    delivered = [span for span in collector.of(theirs) if span.name == "deliver webhook"]
    assert {span.parent for span in delivered} == {request.id}


def test_without_a_collector_nothing_of_it_is_loaded(desk: Desk) -> None:
    code = """
import sys
import smartops.asgi, smartops.celery, workers.base, workers.tracing, triage.services
assert not workers.tracing.ON
print([name for name in sys.modules if name.startswith("opentelemetry.sdk.") or name == "smartops.tracing"])
"""
    done = desk.run_python(code)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
