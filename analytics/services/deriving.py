"""What tickets presently add to the figures, as SQL over the raw tables: the one place that says it.

Each is a query over the tickets `%(ids)s`. docs/metrics.md defines the figures that come of it.
"""

from typing import Final

from analytics.models import FlowKind
from sla.models import SlaClock
from tickets.lifecycle import LIVE, Status
from tickets.models import Ticket, TicketEvent
from triage.models import Correction, Field, TriageDecision, TriageJob


def listed(words: object) -> str:
    """Words of ours as an SQL list."""
    return ", ".join(f"'{word}'" for word in words)  # type: ignore[attr-defined]


_LIVE: Final = listed(LIVE)
_SOLVED: Final = listed((Status.RESOLVED.value, Status.CLOSED.value))
#: `greatest` alone would make 0 of what is not known.
_SECONDS: Final = "CASE WHEN {0} IS NOT NULL THEN greatest(extract(epoch FROM {0})::float8, 0) END"
_METRICS: Final = ("first_response", "next_update", "resolution")

#: The tickets themselves, with their clocks' business time and their first decision.
FACTS: Final = f"""
    SELECT t.id AS ticket_id, coalesce(t.department_id, 0)::bigint AS department_id,
           coalesce(t.group_id, 0)::bigint AS group_id, coalesce(t.assignee_id, 0)::bigint AS agent_id,
           coalesce(t.category_id, 0)::bigint AS category_id, coalesce(t.priority, 0)::smallint AS priority,
           t.status, t.customer_tier, t.status IN ({_LIVE}) AS live,
           round(t.confidence * 1000000)::int AS confidence, decided.at AS triaged_at, t.first_response_at,
           solved.at AS resolved_at,
           {_SECONDS.format("decided.at - decided.asked_at")} AS triage_seconds,
           {_SECONDS.format("t.first_response_at - t.opened_at")} AS response_seconds,
           CASE WHEN t.first_response_at IS NOT NULL THEN clock.response END AS response_business_seconds,
           {_SECONDS.format("solved.at - t.opened_at")} AS resolution_seconds,
           CASE WHEN solved.at IS NOT NULL THEN clock.resolution END AS resolution_business_seconds,
           t.opened_at, t.resolved_at AS ended_at, t.updated_at
      FROM {Ticket._meta.db_table} t
      LEFT JOIN LATERAL (SELECT d.created_at AS at, j.created_at AS asked_at
                           FROM {TriageDecision._meta.db_table} d
                           JOIN {TriageJob._meta.db_table} j ON j.id = d.job_id
                          WHERE d.ticket_id = t.id AND NOT d.refined ORDER BY d.id LIMIT 1) decided ON true
      LEFT JOIN LATERAL (
           SELECT sum(extract(epoch FROM counted)) FILTER (WHERE metric = 'first_response')::float8 AS response,
                  sum(extract(epoch FROM counted)) FILTER (WHERE metric = 'resolution')::float8 AS resolution
             FROM {SlaClock._meta.db_table}
            WHERE ticket_id = t.id AND state IN ('met', 'breached')) clock ON true
      LEFT JOIN LATERAL (SELECT t.resolved_at AS at WHERE t.status IN ({_SOLVED})) solved ON true
     WHERE t.id = ANY(%(ids)s)
"""

#: Each end and each return in a ticket's history, in order.
TURNS: Final = f"""
    SELECT ticket_id, id, at, kind, lead(kind) OVER ahead AS next_kind
      FROM (SELECT ticket_id, id, at,
                   CASE WHEN now IN ({_LIVE}) AND before NOT IN ({_LIVE}) THEN {FlowKind.REOPENED:d}
                        WHEN now IN ({_LIVE}) OR before NOT IN ({_LIVE}) THEN NULL
                        WHEN now = '{Status.CANCELLED.value}' THEN {FlowKind.CANCELLED:d}
                        ELSE {FlowKind.RESOLVED:d} END AS kind
              FROM (SELECT ticket_id, id, at, changes->'status'->>0 AS before, changes->'status'->>1 AS now
                      FROM {TicketEvent._meta.db_table}
                     WHERE ticket_id = ANY(%(ids)s) AND changes ? 'status') told) turned
     WHERE kind IS NOT NULL
    WINDOW ahead AS (PARTITION BY ticket_id ORDER BY id)
"""

#: People's words on the machine's answers as `triage.services.drifting` counts them: of each ticket and field the
#: last one of a day (UTC) that was not taken back, unless a person had decided the field before.
SAID: Final = f"""
    SELECT c.ticket_id, c.id, c.at, c.agreed
      FROM (SELECT DISTINCT ON (ticket_id, field, (at AT TIME ZONE 'UTC')::date)
                   ticket_id, id, at, field, agreed, decision_id
              FROM {Correction._meta.db_table}
             WHERE ticket_id = ANY(%(ids)s) AND field IN ({listed(Field.values)}) AND undone_at IS NULL
             ORDER BY ticket_id, field, (at AT TIME ZONE 'UTC')::date, id DESC) c
      LEFT JOIN {TriageDecision._meta.db_table} d ON d.id = c.decision_id
     WHERE coalesce(d.fields->c.field->>'by', '') <> 'person'
"""


def _by_metric(begin: FlowKind) -> str:
    cases = " ".join(f"WHEN '{name}' THEN {begin + n}" for n, name in enumerate(_METRICS))
    return f"CASE metric {cases} END"


#: Everything that happened to the tickets in `fact`. What came resolved was resolved before it came. Where a
#: history does not tell how its ticket came to its status, because somebody wrote it by hand, the row says when.
FLOWS: Final = f"""
    SELECT ticket_id, {FlowKind.CREATED:d} AS kind, 0::bigint AS source_id, opened_at AS at,
           status IN ({_SOLVED}) AS flag, confidence FROM fact
     UNION ALL
    SELECT turn.ticket_id, turn.kind, turn.id,
           CASE WHEN turn.kind = {FlowKind.RESOLVED:d} THEN least(turn.at, fact.ended_at) ELSE turn.at END,
           turn.kind = {FlowKind.RESOLVED:d} AND turn.next_kind IS NOT NULL, NULL
      FROM turn JOIN fact USING (ticket_id)
     UNION ALL
    SELECT ticket_id, CASE WHEN live THEN {FlowKind.REOPENED:d}
                           WHEN resolved_at IS NULL THEN {FlowKind.CANCELLED:d} ELSE {FlowKind.RESOLVED:d} END,
           0, CASE WHEN live THEN updated_at ELSE coalesce(ended_at, updated_at) END, false, NULL
      FROM fact LEFT JOIN (SELECT ticket_id, kind FROM turn WHERE next_kind IS NULL) latest USING (ticket_id)
     WHERE live <> (coalesce(latest.kind, {FlowKind.REOPENED:d}) = {FlowKind.REOPENED:d})
     UNION ALL
    SELECT ticket_id, {_by_metric(FlowKind.MET_FIRST_RESPONSE)}, id, stopped_at, false, NULL
      FROM {SlaClock._meta.db_table} WHERE ticket_id = ANY(%(ids)s) AND state = 'met'
     UNION ALL
    SELECT ticket_id, {_by_metric(FlowKind.BREACHED_FIRST_RESPONSE)}, id, breached_at, false, NULL
      FROM {SlaClock._meta.db_table} WHERE ticket_id = ANY(%(ids)s) AND breached_at IS NOT NULL
     UNION ALL
    SELECT ticket_id, CASE WHEN agreed THEN {FlowKind.AGREED:d} ELSE {FlowKind.CORRECTED:d} END,
           id, at, false, NULL
      FROM said
"""
