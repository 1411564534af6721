"""The figures, with a million tickets and ten million lines of history behind them."""

import json
from statistics import median

from bench.lists import session_of, times
from bench.results import Result, percentile
from tests.live.desk import Desk

_PERFORMANCE = "/api/v1/analytics/performance/"
PATHS = {
    "summary": ("/api/v1/analytics/summary/", 100),
    "summary by group": ("/api/v1/analytics/summary/?by=group", 100),
    "dashboard summary": ("/api/v1/dashboard/summary/", 100),
    "trends of 90 days": ("/api/v1/analytics/trends/?days=90&tz=Asia/Kathmandu", 150),
    "trends of 90 days by department": ("/api/v1/analytics/trends/?days=90&by=department", 150),
    "trends of 90 days of an agent": ("/api/v1/analytics/trends/?days=90&agent=agent7", 150),
    "performance of 30 days": (_PERFORMANCE, 500),
    # A year is as much as one answer sorts (`analytics.bounds`).
    "performance of 365 days": (f"{_PERFORMANCE}?days=365", 2000),
    "report page of 30 days": ("/report/", 1000),
    "report page of 365 days": ("/report/?days=365", 3000),
}
#: Slices of the first count, each shorter than what a process of the desk may take.
_FIRST = """
import json, time
from analytics.models import RollupState
from analytics.services import refresh_figures
started = time.perf_counter()
count = refresh_figures(seconds=40)
whole = RollupState.objects.get().as_of is not None
print(json.dumps([count, time.perf_counter() - started, whole]))
"""
#: A tick after `count` tickets were moved, in a warm process like a worker's.
_TICK = """
import json, time
from django.db import connection
from analytics.services import refresh_figures
def timed(count):
    with connection.cursor() as cursor:
        if count:
            cursor.execute("UPDATE tickets_ticket SET priority = 5 - priority WHERE id IN"
                           " (SELECT id FROM tickets_ticket ORDER BY id DESC LIMIT %s)", [count])
    started = time.perf_counter()
    assert refresh_figures() == count
    return time.perf_counter() - started
timed(10)
print(json.dumps([[timed(0) for _ in range(5)], [timed(1000) for _ in range(5)]]))
"""
#: The same batch with and without the notes that triggers write, in turns.
_OPEN = """
import json, time
from django.db import connection
from django.utils import timezone
from tickets.intake import TicketIn
from tickets.services import open_tickets
def opened(noted):
    now = timezone.now()
    items = [TicketIn.model_validate({"title": f"Printer {n} is on strike", "description": "Paper jam. " * 20},
                                     context={"now": now}) for n in range(5000)]
    with connection.cursor() as cursor:
        verb = "ENABLE" if noted else "DISABLE"
        cursor.execute(f"ALTER TABLE tickets_ticket {verb} TRIGGER analytics_note_insert")
    started = time.perf_counter()
    open_tickets(items=items, actor="bench", now=now)
    return time.perf_counter() - started
opened(True), opened(False)
print(json.dumps([(opened(True), opened(False)) for _ in range(5)]))
"""
AGENTS = 40
#: Lines of history of each ticket.
EVENTS = 10


def seed(desk: Desk, count: int) -> None:
    """Make `count` tickets of the last year as they look when they have been worked on, with plain SQL."""
    desk.sql(
        """INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, is_active,
                                  date_joined)
           SELECT 'agent' || n, '', '', '', '', false, true, true, now() FROM generate_series(1, %s) n""",
        AGENTS,
    )
    desk.sql(
        f"""
        INSERT INTO tickets_ticket (source, external_id, title, description, requester_name, requester_email,
            customer_tier, tags, server, status, impact, urgency, priority, category_id, department_id, group_id,
            assignee_id, locked_fields, triage_status, confidence, opened_at, created_at, first_response_at,
            resolved_at, closed_at, version, sla_breached)
        SELECT 'bench', n::text, 'The printer is offline, number ' || n, md5(n::text) || md5((n + 1)::text), '', '',
            (array['gold', 'silver', 'bronze', 'standard'])[1 + n %% 4], '{{}}', '',
            CASE WHEN open THEN 'open' WHEN n %% 97 = 0 THEN 'cancelled' ELSE 'closed' END,
            1 + n %% 3, 1 + n %% 3, 1 + n %% 4, c.ids[1 + n %% array_length(c.ids, 1)], g.department_id, g.id,
            a.ids[g.number + n / known.number %% ({AGENTS} / known.number) * known.number], '{{}}', 'completed', 0.5 + (n %% 50) * 0.01, t.at, t.at,
            t.at + (n %% 240) * interval '1 minute', CASE WHEN NOT open AND n %% 97 > 0 THEN ended END,
            CASE WHEN NOT open AND n %% 97 > 0 THEN ended END, 9, n %% 29 = 0
        FROM generate_series(1, %s) n
        CROSS JOIN (SELECT array_agg(id) ids FROM tickets_category) c
        CROSS JOIN (SELECT array_agg(id) ids FROM auth_user WHERE username LIKE 'agent_%%') a
        CROSS JOIN (SELECT count(*) AS number FROM tickets_supportgroup) known
        JOIN (SELECT *, row_number() OVER (ORDER BY id) AS number FROM tickets_supportgroup) g
          ON g.number = 1 + n %% known.number
        CROSS JOIN LATERAL (SELECT now() - n * interval '31 seconds' AS at) t
        CROSS JOIN LATERAL (SELECT t.at + interval '4 hours' + (n %% 4000) * interval '1 minute' AS ended) e
        CROSS JOIN LATERAL (SELECT ended > now() OR n %% 200 = 0 AS open) o
        """,
        count,
    )
    desk.sql(
        f"""
        INSERT INTO tickets_ticketevent (ticket_id, kind, changes, actor, reason, request_id, at)
        SELECT id, kind, changes, 'bench', '', '', at
          FROM tickets_ticket t
         CROSS JOIN LATERAL (
               SELECT 0 AS number, 'opened' AS kind, '{{"status": [null, "open"]}}'::jsonb AS changes, t.opened_at AS at
                UNION ALL
               SELECT n, 'updated', '{{"priority": [4, 3], "department": [null, "IT Support"]}}', t.opened_at
                 FROM generate_series(1, {EVENTS - 4}) n
                UNION ALL
               SELECT 20, 'moved', '{{"status": ["open", "in_progress"]}}', t.first_response_at
                UNION ALL
               SELECT 21, 'moved', jsonb_build_object('status', jsonb_build_array('in_progress',
                            CASE t.status WHEN 'closed' THEN 'resolved' ELSE t.status END)),
                      coalesce(t.resolved_at, t.first_response_at)
                UNION ALL
               SELECT 22, 'moved', '{{"status": ["resolved", "closed"]}}', t.resolved_at WHERE t.status = 'closed'
                UNION ALL
               SELECT 22, 'updated', '{{"tags": [[], ["x"]]}}', t.first_response_at WHERE t.status <> 'closed'
               ) history
         ORDER BY id, number
        """
    )
    desk.sql(
        """
        INSERT INTO sla_slaclock (ticket_id, metric, cycle, version_id, state, target, started_at, running_since,
                                  counted, due_at, breached_at, stopped_at, level)
        SELECT t.id, m.metric, 1, v.id,
               CASE WHEN ended IS NULL THEN 'running' WHEN missed THEN 'breached' ELSE 'met' END, '2 hours',
               opened_at, CASE WHEN ended IS NULL THEN opened_at END, coalesce(ended - opened_at, '0'),
               opened_at + interval '2 hours',
               CASE WHEN missed AND opened_at < now() - interval '2 hours' THEN opened_at + interval '2 hours' END,
               ended, 0
          FROM tickets_ticket t
         CROSS JOIN (SELECT max(id) AS id FROM sla_slapolicyversion) v
         CROSS JOIN LATERAL (VALUES ('first_response', first_response_at, t.id %% 29 = 0),
                                    ('resolution', resolved_at, t.id %% 17 = 0)) m (metric, ended, missed)
        """
    )
    desk.sql(
        """INSERT INTO triage_triagejob (id, ticket_id, state, attempts, nudges, request_id, error, created_at, finished_at)
           SELECT id, id, 'done', 1, 0, '', '', created_at, created_at FROM tickets_ticket"""
    )
    desk.sql(
        "SELECT setval(pg_get_serial_sequence('triage_triagejob', 'id'), max(id)) FROM triage_triagejob"
    )
    desk.sql(
        """
        INSERT INTO triage_triagedecision (job_id, ticket_id, category, impact, urgency, priority, department, "group",
                confidence, band, fields, alternatives, words, rules, model, input_hash, milliseconds, created_at)
        SELECT id, id, 'network', 1, 1, 1, 'IT Support', '', 0.9, 'auto', '{}', '[]', '[]', '{}', '', '', 1,
               created_at + (id %% 60) * interval '1 second'
          FROM tickets_ticket
        """
    )
    desk.sql(
        """
        INSERT INTO triage_correction (ticket_id, decision_id, field, before, value, agreed, band, via, by, at)
        SELECT t.id, d.id, 'category', 'network', 'network', t.id %% 3 > 0, 'auto', 'review', 'bench', first_response_at
          FROM tickets_ticket t JOIN triage_triagedecision d ON d.ticket_id = t.id WHERE t.id %% 20 = 0
        """
    )
    for table in ("tickets_ticket", "tickets_ticketevent", "sla_slaclock", "triage_triagedecision"):
        desk.sql(f"VACUUM ANALYZE {table}")
    # As after an update from a version without figures: all wait, each once.
    desk.sql("TRUNCATE analytics_changedticket")
    desk.sql(
        "INSERT INTO analytics_changedticket (ticket_id) SELECT id FROM tickets_ticket ORDER BY id"
    )
    desk.sql("CHECKPOINT")


def measure(desk: Desk, count: int) -> list[Result]:
    seed(desk, count)
    counted, seconds, done = 0, 0.0, False
    while not done:
        part, took, done = _run(desk, _FIRST)
        counted, seconds = counted + part, seconds + took
    results = [Result(f"first count of {count:,} tickets", counted / seconds, "tickets/s", 2000)]
    desk.sql("VACUUM ANALYZE")
    desk.start_web()
    # The API takes the token, the page the cookie.
    signed_in = {"Authorization": f"Token {desk.token}", "Cookie": session_of(desk)}
    for name, (path, budget) in PATHS.items():
        results.append(
            Result(
                f"{name}, {count:,} tickets, p95",
                _p95(desk, path, signed_in),
                "ms",
                budget,
                at_most=True,
            )
        )
    whole, by_group = (_p95(desk, f"{_PERFORMANCE}{by}", signed_in) for by in ("", "?by=group"))
    idle, busy = _run(desk, _TICK)
    pairs = _run(desk, _OPEN)
    noted, unnoted = (median(side) for side in zip(*pairs, strict=True))
    return [
        *results,
        Result(
            *(f"performance of 30 days by group, {count:,} tickets, p95", by_group, "ms", 3),
            *("the whole", whole),
            at_most=True,
        ),
        Result("tick of the figures, nothing changed", median(idle) * 1000, "ms", 20, at_most=True),
        Result("tick, 1,000 tickets changed", median(busy) * 1000, "ms", 1000, at_most=True),
        Result(
            *("opening 5,000 tickets, noted for the figures", noted * 1000, "ms", 1.2),
            *("without notes", unnoted * 1000),
            at_most=True,
        ),
    ]


def _p95(desk: Desk, path: str, headers: dict[str, str]) -> float:
    return percentile(times(desk, path, headers), 0.95) * 1000


def _run(desk: Desk, code: str) -> list[list[float]]:
    done = desk.run_python(code)
    assert done.returncode == 0, done.stderr
    found: list[list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
