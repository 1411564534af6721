"""Traces for a collector: what is instrumented, in which process, and what must not be in a span.

Only loaded when OTEL_EXPORTER_OTLP_ENDPOINT is set. OpenTelemetry's own variables (OTEL_SERVICE_NAME,
OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS …) mean here what they mean everywhere.
"""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from celery.signals import (
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)

from workers.context import accept_request_id
from workers.tracing import FIRST, VARIABLE, first_span_of, id_from, quiet, trace_id_of

if sys.modules.get("opentelemetry.sdk", sys) is None:
    del sys.modules["opentelemetry.sdk"]
try:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
except ImportError as error:
    sys.exit(f'{VARIABLE} needs more packages ({error.name}): pip install "smartops[tracing]".')

#: Addresses of ours that nobody needs to see in a trace.
_QUIET: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics", "/favicon.ico"})
_QUIET_URLS: Final = rf"^https?://[^/]+({'|'.join(sorted(_QUIET))})/?(\?|$),^https?://[^/]+/static/"

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Ids(RandomIdGenerator):
    """The first span of a request has ids that every other process can work out of the request's id. So has that
    of a task that follows from no request, as beat's: its trace's id is the id of what follows from it."""

    def generate_trace_id(self) -> int:
        given = FIRST.get()
        if given is None:
            trace_id = super().generate_trace_id()
            FIRST.set(given := (trace_id, first_span_of(f"{trace_id:032x}")))
        return given[0]

    def generate_span_id(self) -> int:
        given = FIRST.get()
        if given is None:
            return super().generate_span_id()
        FIRST.set(None)
        return given[1]


def start_web() -> None:
    """Before Django loads its middleware."""
    os.environ.setdefault("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", _QUIET_URLS)
    _start("smartops-web")
    # It asks for the host: behind ProbeMiddleware, which lets probes ask under any.
    DjangoInstrumentor().instrument(response_hook=_hide_keys, middleware_position=1)
    RedisInstrumentor().instrument()  # not in workers: the transport's polling is no news


def of_requests(wsgi: Wsgi) -> Wsgi:
    """Let each request's trace follow from its id. Who calls us in a trace and gives no id gets one in its trace,
    below its span. Of what only watches us nothing is traced."""

    def traced(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "") in _QUIET:
            with quiet():
                return wsgi(environ, start)
        traceparent = environ.pop("HTTP_TRACEPARENT", "")
        given = environ.get("HTTP_X_REQUEST_ID")
        if not given and (given := id_from(traceparent)):
            # Django's span becomes a child of the caller's.
            environ["HTTP_TRACEPARENT"] = traceparent
        request_id = environ["HTTP_X_REQUEST_ID"] = accept_request_id(given)
        FIRST.set((trace_id_of(request_id), first_span_of(request_id)))
        return wsgi(environ, start)

    return traced


def _hide_keys(span: Any, request: Any, response: Any) -> None:
    """Keys in addresses are secrets: the middleware has taken them out of the path."""
    if span and span.is_recording():
        for name in ("http.target", "url.path"):
            span.set_attribute(name, request.path)
        for name in ("http.url", "url.full"):
            span.set_attribute(name, f"{request.scheme}://{request.get_host()}{request.path}")
        span.set_attribute("url.query", "")


def _hide_address(span: Any, request: Any) -> None:
    """The path of an address that is called may be a secret, as that of SLA_HEARTBEAT_URL is."""
    parts = urlsplit(str(request.url))
    if span and span.is_recording():
        for name in ("http.url", "url.full"):
            span.set_attribute(name, f"{parts.scheme}://{parts.hostname}")


@worker_process_init.connect
def _start_process(**_: Any) -> None:
    """In each process of a pool, after the fork: what sends spans is a thread."""
    _start_worker()


@worker_ready.connect
def _start_threads(sender: Any, **_: Any) -> None:
    """A worker without processes of its own."""
    if not type(sender.pool).__module__.endswith("prefork"):
        _start_worker()


def _start_worker() -> None:
    _start("smartops-worker")


@worker_process_shutdown.connect
@worker_shutdown.connect
def _flush(**_: Any) -> None:
    """Processes of a pool end without saying goodbye."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(3000)


def _start(service: str) -> None:
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(resource=Resource.create(), id_generator=_Ids())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()
    PsycopgInstrumentor().instrument()
    HTTPXClientInstrumentor().instrument(request_hook=_hide_address)
