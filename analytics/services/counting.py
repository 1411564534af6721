"""Counting tickets anew: what they add now is written, and the counters move by the difference.

One statement, so that all of it sees the same moment. Only who holds the row of `RollupState` may run it.
"""

from collections.abc import Sequence
from typing import Final

from django.db import connection

from analytics.counters import COUNTERS, DIMENSIONS
from analytics.models import (
    CountScope,
    FlowCount,
    Grain,
    TicketCount,
    TicketFact,
    TicketFlow,
)
from analytics.periods import WIDTHS
from analytics.services.deriving import FACTS, FLOWS, SAID, TURNS

_FACT: Final = TicketFact._meta.db_table
_FLOW: Final = TicketFlow._meta.db_table
_FLOW_COUNT: Final = FlowCount._meta.db_table
_TICKET_COUNT: Final = TicketCount._meta.db_table

_KEPT: Final = [str(f.column) for f in TicketFact._meta.concrete_fields]
_PLACE: Final = ("department_id", "group_id", "agent_id", "priority")
_FLOW_KEY: Final = ("ticket_id", "kind", "source_id")
_FLOW_ROW: Final = (*_FLOW_KEY, "at", *_PLACE, "flag", "confidence")
_COUNTED: Final = (*_PLACE, "category_id", "status", "customer_tier", "live")
_SCOPES: Final = f"""(VALUES ({CountScope.DEPARTMENT:d}, 0::bigint), ({CountScope.GROUP:d}, group_id),
                             ({CountScope.AGENT:d}, agent_id)) AS whose (scope, scope_id)"""
#: An agent may work for several groups.
_GRAINS: Final = f"""(VALUES ({Grain.DEPARTMENT:d}, 0::bigint, 0::bigint), ({Grain.GROUP:d}, group_id, 0),
                             ({Grain.PRIORITY:d}, priority, 0), ({Grain.AGENT:d}, agent_id, group_id)
                     ) AS grain (grain, key, of_group)"""
_WIDTHS: Final = ", ".join(f"({minutes})" for minutes in WIDTHS)


def _names(names: Sequence[str], row: str = "") -> str:
    return ", ".join(f"{row}{name}" for name in names)


def _upsert(table: str, key: Sequence[str], names: Sequence[str], *, adding: bool) -> str:
    """The end of an INSERT into `table` whose key may be there: values are replaced, or added up."""
    others = [name for name in names if name not in key]
    if adding:
        updates = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in others)
        return f"ON CONFLICT ({_names(key)}) DO UPDATE SET {updates}"
    updates = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"""ON CONFLICT ({_names(key)}) DO UPDATE SET {updates}
               WHERE ({_names(others, f"{table}.")}) IS DISTINCT FROM ({_names(others, "excluded.")})"""


_FLOW_COUNT_KEY: Final = ("grain", "key", "minutes", "bucket", "department_id", "group_id")
_TICKET_COUNT_KEY: Final = ("scope", "scope_id", "department_id", "dimension", "key", "live")
_CONFIDENT: Final = "coalesce(sum(n) FILTER (WHERE confidence IS NOT NULL), 0)"
_CONFIDENCE: Final = "coalesce(sum(n * confidence), 0)"
_STANDING: Final = ("tickets", "confident", "confidence")

COUNT: Final = f"""
WITH fact AS MATERIALIZED ({FACTS}),
turn AS MATERIALIZED ({TURNS}),
said AS MATERIALIZED ({SAID}),
flow AS MATERIALIZED (
    SELECT happened.ticket_id, happened.kind, happened.source_id, happened.at, {_names(_PLACE, "fact.")},
           happened.flag, happened.confidence
      FROM ({FLOWS}) happened JOIN fact USING (ticket_id)
),
fact_before AS MATERIALIZED (SELECT * FROM {_FACT} WHERE ticket_id = ANY(%(ids)s)),
flow_before AS MATERIALIZED (SELECT * FROM {_FLOW} WHERE ticket_id = ANY(%(ids)s)),
fact_gone AS (
    DELETE FROM {_FACT} WHERE ticket_id = ANY(%(ids)s) AND ticket_id NOT IN (SELECT ticket_id FROM fact)
),
flow_gone AS (
    DELETE FROM {_FLOW} old USING (SELECT {_names(_FLOW_KEY)} FROM flow_before
                                   EXCEPT SELECT {_names(_FLOW_KEY)} FROM flow) gone
     WHERE (old.ticket_id, old.kind, old.source_id) = (gone.ticket_id, gone.kind, gone.source_id)
),
fact_written AS (
    INSERT INTO {_FACT} ({_names(_KEPT)}) SELECT {_names(_KEPT)} FROM fact
    {_upsert(_FACT, ["ticket_id"], _KEPT, adding=False)}
),
flow_written AS (
    INSERT INTO {_FLOW} ({_names(_FLOW_ROW)}) SELECT {_names(_FLOW_ROW)} FROM flow
    {_upsert(_FLOW, _FLOW_KEY, _FLOW_ROW, adding=False)}
),
flow_change AS (
    SELECT date_bin('1 hour', at, timestamptz 'epoch') AS bucket, {_names(_PLACE)}, kind, flag, confidence,
           sum(n) AS n
      FROM (SELECT at, {_names(_PLACE)}, kind, flag, confidence, 1 AS n FROM flow
             UNION ALL SELECT at, {_names(_PLACE)}, kind, flag, confidence, -1 FROM flow_before) both_ways
     GROUP BY 1, {_names(_PLACE)}, kind, flag, confidence HAVING sum(n) <> 0
),
flow_counted AS (
    INSERT INTO {_FLOW_COUNT} ({_names(_FLOW_COUNT_KEY)}, {_names(list(COUNTERS))})
    SELECT grain, key, minutes, date_bin(make_interval(mins => minutes), bucket, timestamptz 'epoch'),
           department_id, of_group, {", ".join(COUNTERS.values())}
      FROM flow_change CROSS JOIN LATERAL {_GRAINS} CROSS JOIN (VALUES {_WIDTHS}) AS width (minutes)
     WHERE grain <> {Grain.AGENT:d} OR key > 0
     GROUP BY 1, 2, 3, 4, 5, 6
    {_upsert(_FLOW_COUNT, _FLOW_COUNT_KEY, list(COUNTERS), adding=True)}
),
fact_change AS (
    SELECT {_names(_COUNTED)}, sum(n) AS tickets, {_CONFIDENT} AS confident, {_CONFIDENCE} AS confidence
      FROM (SELECT {_names(_COUNTED)}, confidence::bigint, 1 AS n FROM fact
             UNION ALL SELECT {_names(_COUNTED)}, confidence, -1 FROM fact_before) both_ways
     GROUP BY {_names(_COUNTED)}
    HAVING sum(n) <> 0 OR {_CONFIDENT} <> 0 OR {_CONFIDENCE} <> 0
)
INSERT INTO {_TICKET_COUNT} ({_names(_TICKET_COUNT_KEY)}, {_names(_STANDING)})
SELECT scope, scope_id, department_id, dimension, key, live, sum(tickets), sum(confident), sum(confidence)
  FROM fact_change CROSS JOIN LATERAL {_SCOPES} CROSS JOIN LATERAL {DIMENSIONS}
 WHERE scope = {CountScope.DEPARTMENT:d} OR scope_id > 0
 GROUP BY 1, 2, 3, 4, 5, 6
{_upsert(_TICKET_COUNT, _TICKET_COUNT_KEY, _STANDING, adding=True)}
"""


def count_anew(ids: Sequence[int]) -> None:
    """Bring what these tickets add to the figures up to date; of those that are gone, take it away. The caller's
    transaction, in which it holds the row of `RollupState`."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"ids": list(ids)})
