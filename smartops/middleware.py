"""Around every request: its id, its log line, and an answer in JSON when anything under /api/ goes wrong."""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import clear_contextvars

from workers.context import accept_request_id, bind_request_id

log = structlog.get_logger("smartops.request")
_QUIET: Final = ("/health", "/metrics", "/static/")
#: Asked by their address, which is in nobody's ALLOWED_HOSTS: probes of containers and balancers, and Prometheus.
_ANY_HOST: Final = frozenset({"/health/live", "/health/ready", "/metrics"})


class ProbeMiddleware:
    """Let those who watch processes ask under any host name: no answer of theirs holds a link."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in _ANY_HOST:
            request.get_host = lambda: "probe"  # type: ignore[method-assign]
        return self.get_response(request)


class RequestContextMiddleware:
    """Give the request an id (the caller's `X-Request-ID` if it is well formed) and log how it ended."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Keys in addresses are secrets: from here on every log, Django's own too, sees the path without."""
        if key := kwargs.get("key"):
            request.path = request.path.replace(key, "…")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        clear_contextvars()
        request_id = accept_request_id(request.headers.get("X-Request-ID"))
        bind_request_id(request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if not request.path.startswith(_QUIET):
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                client=request.META.get("REMOTE_ADDR", ""),
                user=getattr(request.user, "username", "") if hasattr(request, "user") else "",
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )
        return response
