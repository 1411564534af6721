"""Failures as every door of the desk tells them: API, intake, live feed (RFC 9457, problem details)."""

from http import HTTPStatus
from typing import Any, Final

MEDIA_TYPE: Final = "application/problem+json"


def problem(status: int, detail: str, request_id: str = "", **extra: Any) -> dict[str, Any]:
    """The body of a failure. `type` is about:blank: the title says no more than the status (RFC 9457, 4.2.1).

    `code`, a word for programs, and `message`, which repeats `detail`, are where other systems' clients look.
    """
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": HTTPStatus(status).name.lower(),
        "message": detail,
        "request_id": request_id,
        **extra,
    }
