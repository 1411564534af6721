"""What pydantic finds wrong, in the words that people get to read. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import BaseModel, ValidationError

from sla.document import DAYS, TIERS, Calendar, Holiday, Level, Notify, Targets

Path = tuple[str | int, ...]
#: Where something is wrong, and what would be right.
Problem = tuple[Path, str]

_ITEMS: Final[dict[str, type[BaseModel]]] = {"levels": Level, "holidays": Holiday}
_WORDS: Final = {
    "missing": "It is missing.",
    "string_type": "It must be a text. Put it in quotes.",
    "bool_type": "Use true or false.",
    "bool_parsing": "Use true or false.",
    "dict_type": "It must be a list of names with values (name: value).",
    "model_type": "It must be a list of names with values (name: value).",
    "list_type": "It must be a list.",
    "tuple_type": "It is not a slot. Use 09:00-17:30.",
    "string_too_short": "It must not be empty.",
}


def problems_of(error: ValidationError, models: dict[str, type[BaseModel]]) -> list[Problem]:
    """Everything that is wrong. `models`: what stands under a name ("" for the top), to tell the known names."""
    found: list[Problem] = []
    for problem in error.errors(include_url=False, include_context=True, include_input=False):
        path, kind = problem["loc"], problem["type"]
        key_is_wrong = bool(path) and path[-1] == "[key]"
        if key_is_wrong:
            path = path[:-1]
        if kind == "extra_forbidden":
            known = _names(path[:-1], models)
            message = f"{str(path[-1])[:40]!r} is unknown here" + (
                f". Known: {', '.join(known)}." if known else "."
            )
        elif key_is_wrong and kind == "literal_error":
            names = TIERS if "tiers" in path else DAYS
            message = f"{str(path[-1])[:40]!r} is unknown here. Use {', '.join(names)}."
        else:
            message = _WORDS.get(kind) or problem["msg"].removeprefix("Value error, ")
        if (path, message) not in found:
            found.append((path, message))
    return found


def _names(parent: Path, models: dict[str, type[BaseModel]]) -> Iterable[str]:
    """The names that are known at a place."""
    model: type[BaseModel] | None = None
    if not parent:
        model = models.get("")
    elif parent[-1] == "notify":
        model = Notify
    elif parent[-1] == "calendar" or (len(parent) > 1 and parent[-2] == "calendars"):
        model = Calendar
    elif len(parent) > 2 and parent[-3] == "tiers":
        model = Targets
    elif isinstance(parent[-1], int) and len(parent) > 1:
        model = ({**_ITEMS, **models}).get(str(parent[-2]))
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def show_path(path: Sequence[str | int]) -> str:
    """`policies[0].tiers.gold`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def by_field(problems: Iterable[Problem], prefix: str = "") -> dict[str, list[str]]:
    """As the API answers them: path -> messages."""
    errors: dict[str, list[str]] = {}
    for path, message in problems:
        where = show_path((prefix, *path) if prefix else path) or "non_field_errors"
        errors.setdefault(where, []).append(message)
    return errors


def under(prefix: Path, problems: Iterable[Problem]) -> list[Problem]:
    return [((*prefix, *path), message) for path, message in problems]
