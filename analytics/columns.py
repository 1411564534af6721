"""What an export tells of a ticket, and which texts a spreadsheet would take for a formula. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    TEXT = "text"  # what somebody may have written
    WORD = "word"  # one of ours
    INTEGER = "integer"
    FLOAT = "float"
    FLAG = "flag"
    TIME = "time"
    LIST = "list"  # of texts


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    path: str  # from the ticket, as queries name it


def _columns(kind: Kind, *names: str, **paths: str) -> list[Column]:
    """Columns called as what they show, and those that are called otherwise."""
    named = {name: name for name in names} | paths
    return [Column(name, kind, path) for name, path in named.items()]


#: In the order in which they are written. The first seven have been other systems' for long.
COLUMNS: Final[dict[str, Column]] = {
    column.name: column
    for column in [
        *_columns(Kind.INTEGER, "id"),
        *_columns(Kind.TEXT, "description"),
        *_columns(Kind.INTEGER, "impact", "urgency"),
        *_columns(Kind.WORD, "priority"),
        *_columns(Kind.TEXT, group="group__name"),
        *_columns(Kind.TIME, "created_at"),
        *_columns(Kind.TEXT, "title"),
        *_columns(Kind.WORD, "status", category="category__slug"),
        *_columns(Kind.TEXT, department="department__name", assignee="assignee__username"),
        *_columns(Kind.WORD, "customer_tier"),
        *_columns(Kind.LIST, "tags"),
        *_columns(Kind.TEXT, "source", "external_id"),
        *_columns(Kind.WORD, "owner_id"),
        *_columns(Kind.TEXT, "requester_name", "requester_email", "server"),
        *_columns(Kind.WORD, "triage_status"),
        *_columns(Kind.FLOAT, "confidence"),
        *_columns(Kind.TIME, "opened_at", "first_response_at", "due_at"),
        *_columns(Kind.FLAG, "sla_breached"),
        *_columns(Kind.INTEGER, "escalation_level"),
        *_columns(Kind.TIME, "resolved_at", "closed_at", "updated_at"),
        *_columns(Kind.INTEGER, "version", parent="parent_id", merged_into="merged_into_id"),
    ]
}

#: A cell that begins so is a formula to some spreadsheet. Apostrophes before it count, so that what was there can
#: be told from what `defused` puts there.
FORMULA: Final = r"^'*[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001
_FORMULA: Final = re.compile(FORMULA)


class UnknownColumns(ValueError):
    """The message says what would be right."""


def choose_columns(names: Iterable[str]) -> list[Column]:
    """Return these columns in this order; all when none is named.

    :raises UnknownColumns: there is none of that name, or one is named twice.
    """
    wanted = [name.strip() for name in names if name.strip()]
    for name in wanted:
        if name not in COLUMNS:
            raise UnknownColumns(
                f"There is no column {name[:80]!r}. Use some of: {', '.join(COLUMNS)}."
            )
        if wanted.count(name) > 1:
            raise UnknownColumns(f"The column {name!r} is named twice.")
    return [COLUMNS[name] for name in wanted] or list(COLUMNS.values())


def defused(text: str) -> str:
    """`text` as a cell of a CSV file that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_it_was(cell: str) -> str:
    """The text that `defused` made this cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
