"""Lists, search, one ticket and the desk's pages, with a million tickets behind them."""

import http.client
import time

from bench import paint
from bench.results import Result, percentile
from tests.live.desk import Desk

ROUNDS = 40
PATHS = {
    "ticket list": ("/api/v1/tickets/", 50),
    "ticket list, status and priority": ("/api/v1/tickets/?status=open&priority=1", 50),
    "ticket list, a rare category": ("/api/v1/tickets/?category=hr&status=on_hold", 50),
    "ticket list, far behind": ("/api/v1/tickets/?opened_before=2026-02-01T00:00:00Z", 50),
    "ticket list by deadline": ("/api/v1/tickets/?ordering=due_at", 50),
    "ticket list, breached": ("/api/v1/tickets/?sla_state=breached", 50),
    "ticket list, a warning of P1": ("/api/v1/tickets/?sla_state=warning&priority=1", 50),
    "dashboard, state=alert": ("/api/v1/dashboard/?state=alert", 100),
    "search, a common word": ("/api/v1/tickets/?q=printer", 150),
    "search, a rare word": ("/api/v1/tickets/?q=zanzibar", 150),
    "search, the beginning of a word": ("/api/v1/tickets/?q=offl", 150),
    "search with filters": ("/api/v1/tickets/?q=printer+offline&status=open", 150),
    "one ticket": ("/api/v1/tickets/500/", 50),
    "counts beside the filters": ("/api/v1/tickets/facets/?status=open,in_progress,on_hold", 150),
    "counts beside a list by deadline": (
        "/api/v1/tickets/facets/?status=open,in_progress&ordering=due_at&sla_state=warning,breached",
        150,
    ),
    "counts beside three filters": (
        "/api/v1/tickets/facets/?priority=1&department=Finance&status=open",
        150,
    ),
}
#: Pages of the desk: as the server writes them, and as a browser shows them.
PAGES = {
    "dashboard": "/",
    "ticket workspace": "/tickets/?status=open,in_progress,on_hold",
    "ticket workspace by deadline": "/tickets/?status=open,in_progress&ordering=due_at",
    "ticket workspace, one ticket": "/tickets/500/",
}
PAGE_BUDGET = 130


def seed(desk: Desk, count: int) -> None:
    """Make `count` triaged tickets with plain SQL: the lists read them, nothing else does."""
    seed_tickets(desk, count)
    desk.sql(
        """INSERT INTO tickets_ticketsearch (ticket_id, vector)
           SELECT id, setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', description), 'B')
             FROM tickets_ticket"""
    )
    desk.sql("VACUUM ANALYZE tickets_ticketsearch")
    desk.sql("CHECKPOINT")  # the lists are measured, not the disk that still writes the seed


def seed_tickets(desk: Desk, count: int) -> None:
    desk.sql(
        """
        INSERT INTO tickets_ticket (source, external_id, title, description, requester_name, requester_email, customer_tier,
            tags, server, status, impact, urgency, priority, category_id, department_id, group_id, locked_fields,
            triage_status, confidence, opened_at, resolved_at, closed_at, version, due_at, warn_at, sla_breached)
        SELECT 'bench', n::text, w[1 + n %% 12] || ' ' || w[1 + (n / 12) %% 12] || ' number ' || n,
            'Since this morning the ' || w[1 + (n / 7) %% 12] || ' is ' || w[1 + (n / 5) %% 12] ||
            CASE WHEN n %% 50000 = 0 THEN ' in zanzibar' ELSE '' END || '. Please help, ' || md5(n::text),
            'Person ' || n %% 5000, '', 'standard', '{}', '',
            CASE WHEN n %% 20 = 0 THEN 'open' WHEN n %% 31 = 0 THEN 'on_hold' ELSE 'closed' END,
            1 + n %% 3, 1 + (n / 3) %% 3, 1 + n %% 4, c.ids[1 + n %% array_length(c.ids, 1)], d.ids[1 + n %% array_length(d.ids, 1)],
            NULL, '{}', 'completed', 0.9, t.at, t.at, t.at, 1,
            CASE WHEN n %% 20 = 0 THEN now() + (n %% 977 - 100) * interval '10 minutes' END,
            CASE WHEN n %% 20 = 0 THEN now() + (n %% 977 - 200) * interval '10 minutes' END, n %% 29 = 0
        FROM generate_series(1, %s) n
        CROSS JOIN (SELECT array_agg(id) ids FROM tickets_category) c
        CROSS JOIN (SELECT array_agg(id) ids FROM tickets_department WHERE NOT restricted) d
        CROSS JOIN (SELECT array['printer','vpn','mail','invoice','laptop','server','offline','slow','broken','lost','urgent','door'] w) x
        CROSS JOIN LATERAL (SELECT timestamptz '2026-11-01' - n * interval '30 seconds' AS at) t
        """,
        count,
    )
    desk.sql("VACUUM ANALYZE tickets_ticket")


def measure(desk: Desk, count: int) -> list[Result]:
    started = time.monotonic()
    seed(desk, count)
    print(f"{count:,} tickets made in {time.monotonic() - started:.0f} s", flush=True)
    desk.start_web()
    [(first,)] = desk.sql("SELECT min(id) FROM tickets_ticket")
    session, results = session_of(desk), []
    pages = {name: path.replace("/500/", f"/{first}/") for name, path in PAGES.items()}
    for name, path in pages.items():
        took = times(desk, path, {"Cookie": session})
        milliseconds = percentile(took, 0.95) * 1000
        label = f"page: {name}, {count:,} tickets, p95"
        results.append(Result(label, milliseconds, "ms", PAGE_BUDGET, at_most=True))
    results += paint.measure(desk, pages, session=session, rows=f"{count:,} tickets")
    for name, (path, budget) in PATHS.items():
        took = times(desk, path.replace("/500/", f"/{first}/"))
        results.append(
            Result(
                f"{name}, {count:,} tickets, p95",
                percentile(took, 0.95) * 1000,
                "ms",
                budget,
                at_most=True,
            )
        )
    return results


def session_of(desk: Desk) -> str:
    """The cookie of an agent who is signed in."""
    done = desk.run_python(
        """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
user = User.objects.get(username="live")
store = import_module(settings.SESSION_ENGINE).SessionStore()
store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
store[HASH_SESSION_KEY] = user.get_session_auth_hash()
store.create()
print(f"{settings.SESSION_COOKIE_NAME}={store.session_key}")
"""
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def times(desk: Desk, path: str, headers: dict[str, str] | None = None) -> list[float]:
    """Seconds of each of some rounds; signed in by the token, unless `headers` say otherwise."""
    link = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=60)
    headers = headers or {"Authorization": f"Token {desk.token}"}
    times = []
    for number in range(ROUNDS + 3):
        started = time.monotonic()
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        answer.read()
        assert answer.status == 200, path
        if number >= 3:
            times.append(time.monotonic() - started)
    link.close()
    return times
