"""Reads: which tickets a person may see, what lists need, and full-text search."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import connection, models
from django.db.models import FloatField, Func, IntegerField, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from tickets.reviewing import LEAST_UNCERTAINTY, OVERDUE, PRIORITY_WEIGHTS, SCALE, WARNED

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from tickets.models import Department, Ticket  # noqa: F401

#: Search ranks this many matches, the newest, so that a common word costs no more than a rare one.
RANKED_MATCHES = 1000
#: With filters, so many of them are enough; with fewer, older matches are looked for.
ENOUGH_MATCHES = 200
READ_FROM_THE_END = 100_000
_WEIGHT_CASES = " ".join(
    f"WHEN {rank} THEN {weight}::float8" for rank, weight in PRIORITY_WEIGHTS.items()
)
_WORD = re.compile(r"\w+", re.UNICODE)
_PHRASE = re.compile(r'"([^"]+)"')


class DepartmentQuerySet(QuerySet["Department"]):
    def hidden_from(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Restricted departments that `user` is no member of. Superusers see everything."""
        if getattr(user, "is_superuser", False):
            return self.none()
        restricted = self.filter(restricted=True)
        return restricted.exclude(members=user.pk) if user.pk else restricted

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.exclude(pk__in=hidden_department_ids(user))


def hidden_department_ids(user: Any) -> list[int]:
    """Ids of the departments whose tickets `user` may not see, read once per request."""
    from tickets.models import Department

    if not hasattr(user, "_hidden_departments"):
        user._hidden_departments = list(
            Department.objects.hidden_from(user).values_list("pk", flat=True)
        )
    hidden: list[int] = user._hidden_departments
    return hidden


def sla_conditions(now: Any) -> dict[str, Q]:
    """What makes a ticket's `sla_state` at `now` (a time, or an expression), by state. Each ticket meets one."""
    held = Q(due_at=None, sla_breached=False)
    return {
        "breached": Q(sla_breached=True) | Q(due_at__lte=now),
        "warning": Q(warn_at__lte=now, due_at__gt=now, sla_breached=False),
        "ok": Q(warn_at__gt=now, sla_breached=False),
        "paused": held & Q(status="on_hold"),
        "none": held & ~Q(status="on_hold"),
    }


def in_any_sla_state(states: Collection[str], now: Any) -> Q:
    conditions, wanted = sla_conditions(now), Q(pk__in=[])
    for state in states:
        wanted |= conditions[state]
    return wanted


class TicketQuerySet(QuerySet["Ticket"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Tickets outside the restricted departments that `user` is no member of."""
        return self.outside(hidden_department_ids(user))

    def outside(self, departments: Collection[int]) -> Self:
        """Tickets of no department or of another one."""
        if not departments:
            return self
        return self.filter(Q(department__isnull=True) | ~Q(department__in=list(departments)))

    def shown_in(self, ordering: str) -> Self:
        """Tickets that the list shows in this order: by deadline those that have one, by priority likewise."""
        column = ordering.lstrip("-")
        wanted = {f"{column}__isnull": False} if column in ("due_at", "priority") else {}
        return self.filter(**wanted)

    def in_sla_states(self, states: Collection[str], now: datetime) -> Self:
        """Tickets whose `sla_state` at `now` is one of `states`."""
        return self.filter(in_any_sla_state(states, now))

    def awaiting_review(self) -> Self:
        """Tickets that somebody still works on and that triage wants a person to look at."""
        return self.filter(
            triage_status="needs_review", status__in=["open", "in_progress", "on_hold"]
        )

    def by_need_of_review(self, now: datetime) -> Self:
        """The same tickets with their `rank` at `now` (tickets/reviewing.py), those first that need it most."""
        rank = RawSQL(
            f"""round({SCALE} * greatest({LEAST_UNCERTAINTY}, 1 - coalesce(confidence, 0))
                * CASE WHEN sla_breached OR due_at <= %s THEN {OVERDUE}::float8
                       WHEN due_at IS NULL THEN 1
                       ELSE greatest(1 + {OVERDUE - 1}::float8
                                         / (1 + extract(epoch FROM due_at - %s)::float8 / 3600),
                                     CASE WHEN warn_at <= %s THEN {WARNED}::float8 ELSE 0 END) END
                * CASE priority {_WEIGHT_CASES} ELSE 1 END)::int""",
            (now, now, now),
            output_field=IntegerField(),
        )
        return self.annotate(rank=rank).order_by("-rank", "-id")

    def with_names(self) -> Self:
        """Everything a list shows, in one query."""
        return self.select_related("category", "department", "group", "assignee")

    def matching(self, text: str) -> Self:
        """Tickets that contain all words of `text`; the last word also as a beginning of a word."""
        query = search_query(text)
        return self.none() if query is None else self.filter(search__vector=query)

    def ranked(self, text: str) -> Self:
        """The newest matches of `text` among these tickets, annotated with `rank`, an integer: higher is better.

        Filter first, then rank: of a common word only the newest matches are looked at.
        """
        query = search_query(text)
        if query is None:
            return self.none()
        newest = newest_matches(query)
        if self.query.has_filters() and len(newest) == RANKED_MATCHES:
            newest = self._that_match(query, newest)
        rank = Func(
            models.F("search__vector"), query, function="ts_rank", output_field=FloatField()
        )
        return self.filter(pk__in=newest).annotate(
            rank=Cast(rank * Value(1_000_000.0), IntegerField())
        )

    def _that_match(self, query: Any, newest: list[int]) -> list[int]:
        """Ids of the newest of these tickets that match: among the newest matches, the newest entries, all."""
        ids = self.order_by().values_list("pk", flat=True)
        condition, given = _compiled(query)
        window = RawSQL(
            f"SELECT ticket_id FROM {_newest_entries()} WHERE vector @@ {condition}", given
        )
        for among in (Q(pk__in=newest), Q(pk__in=window)):
            found = list(ids.filter(among))
            if len(found) >= ENOUGH_MATCHES:
                return found
        return list(ids.filter(search__vector=query).order_by("-pk")[:RANKED_MATCHES])


def newest_matches(query: Any) -> list[int]:
    """Ids of the newest tickets that match, at most RANKED_MATCHES.

    A common word is found among the newest entries, read from the end. A rare one is not, and then the text index
    has few rows to give. PostgreSQL cannot choose: it takes every word that may be cut off for equally common.
    """
    condition, given = _compiled(query)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT ticket_id FROM {_newest_entries()} WHERE vector @@ {condition} LIMIT {RANKED_MATCHES}",
            given,
        )
        ids = [pk for (pk,) in cursor.fetchall()]
        if len(ids) < RANKED_MATCHES:
            cursor.execute(indexed_matches(condition), given)
            ids = [pk for (pk,) in cursor.fetchall()]
    return ids


def _compiled(query: Any) -> tuple[str, Any]:
    """The search as SQL and its parameters."""
    from tickets.models import TicketSearch

    entries = TicketSearch.objects.all().query
    compiler = entries.get_compiler(connection=connection)
    sql, given = compiler.compile(query.resolve_expression(entries))
    return sql, given


def _newest_entries() -> str:
    from tickets.models import TicketSearch

    table = TicketSearch._meta.db_table
    return f"(SELECT * FROM {table} ORDER BY ticket_id DESC LIMIT {READ_FROM_THE_END}) AS newest"


def indexed_matches(condition: str) -> str:
    """The query that reads the text index; `+ 0` keeps it from reading the whole table by id instead."""
    from tickets.models import TicketSearch

    return f"""SELECT ticket_id FROM {TicketSearch._meta.db_table} WHERE vector @@ {condition}
                ORDER BY ticket_id + 0 DESC LIMIT {RANKED_MATCHES}"""


def search_query(text: str) -> Any:
    """Return `text` as a PostgreSQL text search: "quoted phrases", words, and a last word that may be cut off.

    None when it holds no word. Nothing in `text` is an operator, so no input is a syntax error.
    """
    from django.contrib.postgres.search import SearchQuery

    from tickets.models import SEARCH_CONFIG

    phrases = _PHRASE.findall(text)
    words = _WORD.findall(_PHRASE.sub(" ", text))
    parts = [
        SearchQuery(p, config=SEARCH_CONFIG, search_type="phrase")
        for p in phrases
        if _WORD.search(p)
    ]
    if words:
        terms = [f"'{word}'" for word in words]
        if not text.rstrip().endswith('"') and text == text.rstrip():
            terms[-1] += ":*"
        parts.append(SearchQuery(" & ".join(terms), config=SEARCH_CONFIG, search_type="raw"))
    if not parts:
        return None
    query = parts[0]
    for part in parts[1:]:
        query = query & part
    return query
