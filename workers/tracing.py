"""Traces (docs/observability.md): one for each request, whatever becomes of it, in whichever process and message.

Rows keep their request's id (ADR 0004), and an id is all that is needed: the trace's id and that of its first span
follow from it. So nothing else travels, and work that a sweep found again is in its request's trace too.

Nothing of OpenTelemetry is loaded while OTEL_EXPORTER_OTLP_ENDPOINT is not set, and nothing here costs anything.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

VARIABLE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
ON: Final = bool(os.environ.get(VARIABLE))
#: A trace's id; of a caller's trace also its span and whether it is sampled, as `traceparent` has them.
_TRACE_ID: Final = re.compile(r"((?!0{32})[0-9a-f]{32})(?:-([0-9a-f]{16})-(0[01]))?")
_NOTHING: Final = nullcontext()
#: (trace id, span id) of the next span of this request: those that follow from its id.
FIRST: Final[ContextVar[tuple[int, int] | None]] = ContextVar("first", default=None)


def trace_id_of(request_id: str) -> int:
    """An id that we made up is a trace's id itself, or begins with its caller's; a caller's own is hashed."""
    if found := _TRACE_ID.fullmatch(request_id):
        return int(found[1], 16)
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:16], "big")


def first_span_of(request_id: str) -> int:
    """The id of the span of the request itself, of which all others of its trace are children."""
    return int.from_bytes(hashlib.sha256(f"first {request_id}".encode()).digest()[:8], "big")


def id_within(trace_id: int, span_id: int, *, sampled: bool) -> str:
    """The request id of a call that a caller made within a span of its own trace: each call's is another."""
    return f"{trace_id:032x}-{span_id:016x}-{sampled:02d}"


def id_from(traceparent: str) -> str:
    """The same, from the header; "" if that tells of no trace, or nothing is traced here."""
    if not ON or not traceparent:
        return ""
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = {"traceparent": traceparent}
    above = TraceContextTextMapPropagator().extract(given, context.Context())
    found = trace.get_current_span(above).get_span_context()
    if not found.is_valid:
        return ""
    return id_within(found.trace_id, found.span_id, sampled=found.trace_flags.sampled)


def sampled_by_caller(request_id: str) -> bool | None:
    """What the caller in whose trace the request is said of sampling. None: it is in no caller's trace."""
    found = _TRACE_ID.fullmatch(request_id)
    return found[3] == "01" if found and found[3] else None


def current_trace() -> str:
    """The trace in which this process works, as a request id; "" outside any."""
    if not ON:
        return ""
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid else ""


def begin(request_id: str, name: str, **attributes: Any) -> AbstractContextManager[Any]:
    """The span of a request itself, of those that do not go through Django."""
    return _begin(request_id, name, attributes) if ON else _NOTHING


def quiet() -> AbstractContextManager[Any]:
    """Around what is asked again and again for nobody's request: each question would be a trace of its own."""
    if not ON:
        return _NOTHING
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    return suppress_instrumentation()


def follow(request_id: str, name: str, **attributes: Any) -> AbstractContextManager[Any]:
    """A span around a piece of work, in the trace of the request from which it follows."""
    return _follow(request_id, name, attributes) if ON and request_id else _NOTHING


def sending(request_ids: Iterable[str]) -> AbstractContextManager[Any]:
    """Around the sending of a message: one that follows from one request is sent in its trace."""
    if not ON:
        return _NOTHING
    alone = {one for ids in request_ids for one in ids.split(",")}
    return _attached(alone.pop()) if len(alone) == 1 else _NOTHING


def mark(request_ids: Iterable[str], name: str, began: int) -> None:
    """A span in each of these requests' traces that tells of work that was done for all of them together, since
    `began` (`time.time_ns()`). In the trace in which this process works there is one already."""
    if not ON:
        return
    from opentelemetry import trace

    here, tracer = current_trace(), trace.get_tracer("smartops")
    for request_id in {found for found in request_ids if found}:
        if f"{trace_id_of(request_id):032x}" != here:
            span = tracer.start_span(
                name, context=_context(request_id), links=_links(), start_time=began
            )
            span.end(time.time_ns())


def outgoing(host: str, method: str = "POST") -> AbstractContextManager[Any]:
    """A span around a request to another system. Its address may be a secret: only the host is told."""
    return _outgoing(host, method) if ON else _NOTHING


def headers() -> dict[str, str]:
    """What tells another system in whose trace it is called."""
    found: dict[str, str] = {}
    if ON:
        from opentelemetry.propagate import inject

        inject(found)
    return found


@contextmanager
def _begin(request_id: str, name: str, attributes: dict[str, Any]) -> Iterator[None]:
    from opentelemetry import trace

    FIRST.set((trace_id_of(request_id), first_span_of(request_id)))
    with trace.get_tracer("smartops").start_as_current_span(
        name, context=_callers(request_id), kind=trace.SpanKind.SERVER, attributes=attributes
    ):
        yield


@contextmanager
def _follow(request_id: str, name: str, attributes: dict[str, Any]) -> Iterator[None]:
    from opentelemetry import trace

    with trace.get_tracer("smartops").start_as_current_span(
        name, context=_context(request_id), links=_links(), attributes=attributes
    ):
        yield


@contextmanager
def _attached(request_id: str) -> Iterator[None]:
    from opentelemetry import context

    token = context.attach(_context(request_id))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def _outgoing(host: str, method: str) -> Iterator[None]:
    from opentelemetry import trace

    attributes = {"http.request.method": method, "server.address": host}
    with trace.get_tracer("smartops").start_as_current_span(
        method, kind=trace.SpanKind.CLIENT, attributes=attributes
    ):
        yield


def _callers(request_id: str) -> Any:
    """That of the caller's span, if the request was made within one."""
    from opentelemetry import context

    found = _TRACE_ID.fullmatch(request_id)
    if not found or not found[2]:
        return context.Context()
    return _within(int(found[1], 16), int(found[2], 16), sampled=found[3] == "01")


def _context(request_id: str) -> Any:
    """That of the request's own span, with what the sampler said of its trace."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    number, provider = trace_id_of(request_id), trace.get_tracer_provider()
    said = sampled_by_caller(request_id)
    sampled = True if said is None else said
    if said is None and isinstance(provider, TracerProvider):
        sampler = getattr(provider.sampler, "_root", provider.sampler)
        sampled = sampler.should_sample(None, number, "").decision.is_sampled()
    return _within(number, first_span_of(request_id), sampled=sampled)


def _within(trace_id: int, span_id: int, *, sampled: bool) -> Any:
    """As if a span of another process had told us of itself."""
    from opentelemetry import trace

    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    span = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(span))


def _links() -> list[Any]:
    from opentelemetry import trace

    here = trace.get_current_span().get_span_context()
    return [trace.Link(here)] if here.is_valid else []
