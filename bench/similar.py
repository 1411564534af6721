"""The five most similar tickets, with a million tickets of the last 90 days behind them."""

import http.client
import random
import time

from bench.results import Result, percentile
from tests.live.desk import Desk

ASKED = 200
BUDGET = 50  # ms
#: Texts that are made one by one; every other ticket repeats one of them with words of its own.
TEXTS = 20_000
_MAKE = """
import random
from datetime import UTC, datetime, timedelta
from django.db import connection
from triage.classifier.dataset import load_corpus
from triage.services import index_tickets
from workers.sql import insert_rows
from tickets.models import Ticket
chance, corpus, now = random.Random(7), load_corpus(), datetime.now(UTC)
names = [f"{{a}}{{b}}{{c}}" for a in ("ber", "lon", "par", "osl", "rom") for b in ("app", "db", "web", "fs", "vm")
         for c in range(400)]
def text():
    one, two = chance.choices(corpus, k=2)
    said = one.description.split(". ") + two.description.split(". ")[:2]
    chance.shuffle(said)
    name = names[int(len(names) * chance.random() ** 3)]
    return one.title or one.description[:60], ". ".join(said) + f" Seen on {{name}}, case {{chance.randrange(10**6)}}."
rows = []
for number in range({texts}):
    title, description = text()
    rows.append(dict(source="bench", title=title[:255], description=description, requester_name="", requester_email="",
        customer_tier="standard", tags=[], server="", status="open", locked_fields=[], triage_status="completed",
        opened_at=now - timedelta(days=85), version=1))
insert_rows(Ticket, rows)
for _ in range(100):
    if not index_tickets(now=now, settled=timedelta(0)) and _:
        break
"""
_REPEAT = """
WITH made AS (
    INSERT INTO tickets_ticket (source, external_id, title, description, requester_name, requester_email, customer_tier,
           tags, server, status, locked_fields, triage_status, opened_at, version)
    SELECT 'bench', i.ticket_id::text || '-' || n, t.title, t.description || ' ref' || n || ' ' || t.id, '', '',
           'standard', '{{}}', '', 'open', '{{}}', 'completed', t.opened_at + n * interval '2 hours', 1
      FROM generate_series(1, %s) n CROSS JOIN triage_ticketterms i JOIN tickets_ticket t ON t.id = i.ticket_id
    RETURNING id, external_id, opened_at)
INSERT INTO triage_ticketterms (ticket_id, opened_at, terms, entries, stale)
SELECT made.id, made.opened_at, i.terms[1:20] || array[(made.id * 7919) %% 1048576]::int[], i.entries, false
  FROM made JOIN triage_ticketterms i ON i.ticket_id = split_part(made.external_id, '-', 1)::bigint
"""


def measure(desk: Desk, count: int) -> list[Result]:
    started = time.monotonic()
    seed(desk, count)
    print(f"{count:,} tickets made in {time.monotonic() - started:.0f} s", flush=True)
    desk.start_web()
    ids = [pk for (pk,) in desk.sql("SELECT id FROM tickets_ticket TABLESAMPLE SYSTEM (1)")]
    times = _ask(desk, random.Random(7).sample(ids, ASKED))
    [(size,)] = desk.sql("SELECT pg_total_relation_size('triage_ticketterms') / 1e6")
    return [
        Result(
            f"five similar tickets, {count:,} tickets, p50",
            percentile(times, 0.5) * 1000,
            "ms",
            BUDGET,
            at_most=True,
        ),
        Result(
            f"five similar tickets, {count:,} tickets, p95",
            percentile(times, 0.95) * 1000,
            "ms",
            BUDGET,
            at_most=True,
        ),
        Result(
            f"index of similar tickets, {count:,} tickets", float(size), "MB", 1000, at_most=True
        ),
    ]


def seed(desk: Desk, count: int) -> None:
    texts = min(TEXTS, count)
    done = desk.run_python(_MAKE.format(texts=texts))
    assert done.returncode == 0, done.stderr
    desk.sql("DROP INDEX triage_ticketterms_search")
    desk.sql(_REPEAT.replace("{{}}", "{}"), count // texts - 1)
    desk.sql(
        "CREATE INDEX triage_ticketterms_search ON triage_ticketterms USING gin (terms) WITH (fastupdate=off)"
    )
    desk.sql(
        "UPDATE triage_termstatistics SET rows = %s, compared_to = (SELECT max(id) FROM tickets_ticket),"
        " indexed_to = (SELECT max(id) FROM tickets_ticket), seen_at = now()",
        count,
    )
    desk.sql("VACUUM ANALYZE tickets_ticket")
    desk.sql("VACUUM ANALYZE triage_ticketterms")
    done = desk.run_python(
        "from django.utils import timezone\nfrom triage.services import index_tickets\nindex_tickets(now=timezone.now())"
    )
    assert done.returncode == 0, done.stderr
    desk.sql("CHECKPOINT")


def _ask(desk: Desk, ids: list[int]) -> list[float]:
    link = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=60)
    times = []
    for number, pk in enumerate([*ids[:10], *ids]):
        started = time.monotonic()
        link.request(
            "GET",
            f"/api/v1/tickets/{pk}/similar/",
            headers={"Authorization": f"Token {desk.token}"},
        )
        answer = link.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        assert b'"score"' in body
        if number >= 10:
            times.append(time.monotonic() - started)
    link.close()
    return times
