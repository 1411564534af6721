"""`Idempotency-Key`: a client that did not get the answer sends the same request again."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.services.idempotency import Answer, once

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Repeat it to be sure that this is done only once.",
)


def done_once(request: Request, data: Any, work: Callable[[], Answer]) -> Response:
    """Answer with what `work` did about `data`: where the request has a key, now or when it came first."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 255:
        raise ValidationError({"Idempotency-Key": ["At most 255 characters are allowed."]})
    answer = once(user_id=request.user.pk or 0, key=key, request=data, work=work) if key else work()
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    return Response(answer.body, status=answer.status, headers=headers)
