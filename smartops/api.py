"""Errors of the API: one shape for every failure, RFC 9457 problem details."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from psycopg.errors import UniqueViolation
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from tickets.services import IllegalMove, TicketChanged, UnknownNames
from workers.context import current_request_id
from workers.errors import Gone, PermanentError, TransientError
from workers.problems import MEDIA_TYPE, problem

log = structlog.get_logger("smartops.api")


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into a problem. None: a defect of ours, answered by `server_error`."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, Gone):
        error = exceptions.NotFound(str(error))
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    set_rollback()
    if isinstance(error, RequestDataTooBig):
        return _answer(413, "The body is too large.")
    if isinstance(error, exceptions.APIException):
        return _from_rest_framework(error)
    if isinstance(error, UnknownNames):
        return _answer(400, "Some fields are wrong.", code="invalid", errors=error.errors)
    if isinstance(error, TicketChanged):
        return _answer(412, str(error))
    if isinstance(error, IllegalMove | PermanentError):
        return _answer(409, str(error), **error.details)
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, UniqueViolation):
        return _answer(409, "Somebody else made one with this name at the same moment.")
    if isinstance(error, TransientError | OperationalError | InterfaceError):
        log.warning("service unavailable", error=type(error).__name__)
        answer = _answer(503, "The service is briefly unavailable. Try again.")
        answer["Retry-After"] = "2"
        return answer
    return None


def _from_rest_framework(error: exceptions.APIException) -> Response:
    extra: dict[str, Any] = {}
    if isinstance(error, exceptions.ValidationError):
        detail = "Some fields are wrong."
        extra["code"] = "invalid"
        extra["errors"] = (
            error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        )
    else:
        detail = str(error.detail)
        extra["code"] = str(error.get_codes())
    answer = _answer(error.status_code, detail, **extra)
    if wait := getattr(error, "wait", None):
        answer["Retry-After"] = str(int(wait) + 1)
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    return answer


def _answer(status: int, detail: str, **extra: Any) -> Response:
    body = problem(status, detail, current_request_id(), **extra)
    return Response(body, status=status, content_type=MEDIA_TYPE)


def _page(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    body = problem(status, detail, current_request_id())
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return _page(request, 413, "The body is too large.")
    return _page(request, 400, "The request is malformed.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(
        request, 500, "Something went wrong on our side. The request id finds it in the log."
    )
