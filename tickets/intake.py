"""What a sender may say about a ticket: checked all at once, and put from other systems' words into ours.

Accepted besides our own names: `id` (external_id), `user_name`, `user_email`, `classification`, `created_at`;
priorities as 1-4, P1-P4 or words; statuses with synonyms such as `pending`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from tickets.lifecycle import Status, parse_status
from tickets.priority import parse_level, parse_priority

DESCRIPTION_MAX_BYTES: Final = 64 * 1024
TITLE_MAX: Final = 255
TAGS_MAX: Final = 30
TIERS: Final = ("gold", "silver", "bronze", "standard")
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_SKEW: Final = timedelta(days=1)

Errors = dict[str, list[str]]


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it holds half of a surrogate pair.") from None
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _within_limit(text: str) -> str:
    size = len(text.encode())
    if size > DESCRIPTION_MAX_BYTES:
        raise ValueError(
            f"is {size:,} bytes; at most {DESCRIPTION_MAX_BYTES:,} (64 KB) are allowed."
        )
    return text


def _email(text: str) -> str:
    if text:
        try:
            validate_email(text)
        except DjangoValidationError:
            raise ValueError("is not a mail address, such as ana@example.com.") from None
    return text


def _tier(value: Any) -> str:
    word = str(value).strip().lower()
    if word not in TIERS:
        raise ValueError(f"{value!r} is not a tier. Use one of: {', '.join(TIERS)}.")
    return word


def _when(value: datetime, info: ValidationInfo) -> datetime:
    """Instants without a zone count as UTC."""
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    now: datetime = (info.context or {})["now"]
    latest = now + _CLOCK_SKEW
    if not _EARLIEST <= moment <= latest:
        raise ValueError(f"must lie between 1970-01-01 and {latest:%Y-%m-%d %H:%M} UTC.")
    return moment.astimezone(UTC)


def _text(value: Any) -> Any:
    """Ids may come as numbers; true and 1.5 are no ids."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _status(value: Any) -> Status:
    if not isinstance(value, str):
        raise ValueError(f"must be a word, one of: {', '.join(Status.values)}.")
    return parse_status(value)


def _unique(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tag for tag in tags if tag))


Plain = Annotated[str, AfterValidator(_storable)]
Line = Annotated[Plain, AfterValidator(_one_line)]
Instant = Annotated[datetime, AfterValidator(_when)]
Priority = Annotated[int, BeforeValidator(parse_priority)]
Level = Annotated[int, BeforeValidator(parse_level)]


class TicketFields(BaseModel):
    """Every field optional; `model_fields_set` tells which were given."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, strict=False)

    title: Annotated[Line, Field(max_length=TITLE_MAX)] | None = None
    description: Annotated[Plain, AfterValidator(_within_limit)] | None = None
    requester_name: Annotated[Line, Field(max_length=150)] | None = Field(
        None, validation_alias=AliasChoices("requester_name", "user_name")
    )
    requester_email: Annotated[Line, Field(max_length=254), AfterValidator(_email)] | None = Field(
        None, validation_alias=AliasChoices("requester_email", "user_email")
    )
    customer_tier: Annotated[str, BeforeValidator(_tier)] | None = None
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    priority_locked: bool | None = None
    category: Line | None = Field(None, validation_alias=AliasChoices("category", "classification"))
    department: Line | None = None
    group: Line | None = None
    assignee: Line | None = None
    tags: (
        Annotated[
            list[Annotated[Line, Field(max_length=50)]],
            Field(max_length=TAGS_MAX),
            AfterValidator(_unique),
        ]
        | None
    ) = None
    server: Annotated[Line, Field(max_length=120)] | None = None

    def given(self) -> dict[str, Any]:
        """The fields that the sender named, checked."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class TicketPatch(TicketFields):
    """A change. `version` is the one that the sender read: somebody else's change since then refuses this one."""

    title: Annotated[Line, Field(min_length=1, max_length=TITLE_MAX)] = ""
    description: Annotated[Plain, AfterValidator(_within_limit)] = ""
    customer_tier: Annotated[str, BeforeValidator(_tier)] = "standard"
    version: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class TicketIn(TicketFields):
    """A ticket as a sender creates it or, with an external id it used before, brings it up to date."""

    external_id: (
        Annotated[Line, Field(min_length=1, max_length=255), BeforeValidator(_text)] | None
    ) = Field(None, validation_alias=AliasChoices("external_id", "id"))
    source: Annotated[Line, Field(min_length=1, max_length=40)] = "api"
    owner_id: UUID | None = None
    status: Annotated[Status, BeforeValidator(_status)] | None = None
    opened_at: Instant | None = Field(
        None, validation_alias=AliasChoices("opened_at", "created_at")
    )
    updated_at: Instant | None = None

    @model_validator(mode="after")
    def _has_a_title(self) -> Self:
        """No title: the first line of the description, or the sender's id, stands in for it."""
        if self.title:
            return self
        first_line = next(filter(None, map(_one_line, (self.description or "").splitlines())), "")
        stand_in = first_line or (f"Ticket {self.external_id}" if self.external_id else "")
        if not stand_in:
            raise ValueError("Give a title or a description.")
        self.title = stand_in[:TITLE_MAX]
        self.model_fields_set.discard("title")  # assigned, not given: an update keeps the old one
        return self


def parse(model: type[TicketFields], data: Any, *, now: datetime) -> TicketFields | Errors:
    """Return `data` as `model`, or what is wrong with it: field -> messages."""
    if not isinstance(data, Mapping):
        return {"non_field_errors": ["A ticket must be a JSON object."]}
    try:
        return model.model_validate(data, context={"now": now})
    except ValidationError as error:
        return _errors(error)


def _errors(error: ValidationError) -> Errors:
    found: Errors = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(problem["loc"][0]) if problem["loc"] else "non_field_errors"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = (
                "There is no such field." if field != "status" else "Move it by PUT …/status/."
            )
        messages = found.setdefault(field, [])
        if message not in messages:
            messages.append(message)
    return found
