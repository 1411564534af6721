"""What may be asked: the parameters that all questions share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from analytics.periods import MOST_DAYS, Period, period_of, zone_of
from analytics.scopes import By, Scope, scope_of

DAYS: Final = 30
PARTS: Final = [by.value for by in By]


@dataclass(frozen=True)
class Asked:
    scope: Scope
    period: Period
    by: By | None


class AskingSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=DAYS)
    tz = serializers.CharField(default="UTC", max_length=60)
    department = serializers.CharField(required=False, default=None)
    group = serializers.CharField(required=False, default=None)
    agent = serializers.CharField(required=False, default=None)
    by = serializers.ChoiceField(
        choices=PARTS,
        required=False,
        default=None,
        error_messages={"invalid_choice": f'"{{input}}" is none of {", ".join(PARTS)}.'},
    )

    def validate_tz(self, value: str) -> Any:
        try:
            return zone_of(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


def asked_in(request: Request, now: datetime, **fixed: str) -> Asked:
    """What the request asks for.

    :raises UnknownNames: a department, group or agent that there is not, or that the asker may not see.
    """
    return asked_of(request.user, {**request.query_params.dict(), **fixed}, now)


def asked_of(user: Any, given: Mapping[str, str], now: datetime) -> Asked:
    """What `user` asks for with these parameters; empty ones are left out."""
    form = AskingSerializer(data={name: value for name, value in given.items() if value != ""})
    form.is_valid(raise_exception=True)
    wish = form.validated_data
    # The default of a field is not validated.
    zone = zone_of(wish["tz"]) if isinstance(wish["tz"], str) else wish["tz"]
    scope = scope_of(user, **{n: wish[n] for n in ("department", "group", "agent")})
    return Asked(scope, period_of(now, wish["days"], zone), By(wish["by"]) if wish["by"] else None)


SCOPED: Final = [
    OpenApiParameter("department", str, description="Only this department's tickets"),
    OpenApiParameter("group", str, description="Only this group's tickets"),
    OpenApiParameter("agent", str, description="Only tickets assigned to this login name"),
]
DATED: Final = [
    OpenApiParameter(
        "days", int, description=f"Today and the days before; 1 to {MOST_DAYS}, {DAYS} unless told"
    ),
    OpenApiParameter(
        "tz", str, description="Time zone of the days, as Europe/Berlin; UTC unless told"
    ),
]
PARTED: Final = [OpenApiParameter("by", str, enum=PARTS, description="Each of these, too")]
