"""Checking clocks: what a check costs when many run, with nothing due and with much due, and whether it grows."""

import json
from statistics import median
from typing import Any

from bench.results import Result
from tests.live.desk import Desk

FEW = 10_000
#: `count` fresh clocks have used 90 % of their targets.
_FALL_DUE = """
UPDATE sla_slaclock SET started_at = now() - interval '108 hours', running_since = now() - interval '108 hours',
       due_at = now() + interval '12 hours', next_check_at = now()
 WHERE id IN (SELECT id FROM sla_slaclock WHERE level = 0 ORDER BY id LIMIT %s)
"""
#: Checks in a warm process like a worker's, timed inside: `count` clocks fall due before each of `rounds`.
_RUN = """
import json, time
from django.db import connection
from sla.services import check_clocks
def timed(count):
    with connection.cursor() as cursor:
        if count:
            cursor.execute({fall_due!r}, [count])
        cursor.execute("CHECKPOINT")
    started = time.perf_counter()
    acted = check_clocks()
    assert acted == count, acted
    return time.perf_counter() - started
timed(0)
print(json.dumps([timed({count}) for _ in range({rounds})]))
"""


#: The same batch with and without policies, in turns; the intake is otherwise the same.
_OPEN = """
import json, time
from django.utils import timezone
from sla import promises
from sla.services import clocks
from tickets.intake import TicketIn
from tickets.services import open_tickets
current, nothing = promises.current, promises.Policies([])
def opened(policies):
    now = timezone.now()
    items = [TicketIn.model_validate({{"title": f"Printer {{n}} is on strike", "description": "Paper jam. " * 20}},
                                     context={{"now": now}}) for n in range({count})]
    clocks.promises.current = policies
    started = time.perf_counter()
    open_tickets(items=items, actor="bench", now=now)
    return time.perf_counter() - started
without = lambda: nothing
opened(current), opened(without)
print(json.dumps([(opened(current), opened(without)) for _ in range({rounds})]))
"""


def measure(desk: Desk, count: int) -> list[Result]:
    pairs = _run(desk, _OPEN.format(count=5000, rounds=5))
    few, many = _Figures(desk, FEW), _Figures(desk, count)
    return [
        Result(
            "opening 5,000 tickets with their clocks",
            median(with_clocks for with_clocks, _ in pairs) * 1000,
            "ms",
            1.3,
            "without clocks",
            median(without for _, without in pairs) * 1000,
            at_most=True,
        ),
        Result(f"check, {count:,} clocks, none due", many.idle * 1000, "ms", 10, at_most=True),
        Result(f"check, {count:,} clocks, 1,000 due", many.due * 1000, "ms", 1000, at_most=True),
        Result(
            f"check, growth with clocks, 1,000 due, {count // FEW} times as many",
            many.due * 1000,
            "ms",
            1.5,
            f"{FEW:,} clocks",
            few.due * 1000,
            at_most=True,
        ),
        Result(f"10,000 clocks due at once, {count:,} run", many.drain, "s", 15, at_most=True),
    ]


class _Figures:
    """Medians in seconds: a check with nothing due, with 1,000 due, and the time until 10,000 were escalated."""

    def __init__(self, desk: Desk, count: int) -> None:
        desk.reset()
        seed(desk, count)
        self.idle = _seconds(desk, due=0, rounds=21)
        self.due = _seconds(desk, due=1000, rounds=3)
        self.drain = _seconds(desk, due=5000 if count <= FEW else 10_000, rounds=1)


def seed(desk: Desk, count: int) -> None:
    """`count` open tickets, each with a clock for its resolution that is far from due."""
    desk.sql(
        """
        INSERT INTO tickets_ticket (source, external_id, title, description, requester_name, requester_email, customer_tier,
            tags, server, status, priority, department_id, locked_fields, triage_status, opened_at, due_at, version)
        SELECT 'bench', n::text, 'Ticket ' || n, '', '', '', 'standard', '{}', '', 'open', 3, d.id, '{}', 'completed',
               now(), now() + interval '5 days', 1
          FROM generate_series(1, %s) n CROSS JOIN (SELECT min(id) id FROM tickets_department WHERE NOT restricted) d
        """,
        count,
    )
    desk.sql(
        """
        INSERT INTO sla_slaclock (ticket_id, metric, cycle, version_id, state, target, started_at, running_since, counted,
                                  due_at, level, next_check_at)
        SELECT t.id, 'resolution', 1, v.id, 'running', interval '120 hours', now(), now(), interval '0',
               now() + interval '120 hours', 0, now() + interval '102 hours' + t.id * interval '1 ms'
          FROM tickets_ticket t CROSS JOIN (SELECT max(id) id FROM sla_slapolicyversion) v
        """
    )
    desk.sql("VACUUM ANALYZE sla_slaclock")
    desk.sql("VACUUM ANALYZE tickets_ticket")
    desk.sql("CHECKPOINT")


def _seconds(desk: Desk, *, due: int, rounds: int) -> float:
    return median(_run(desk, _RUN.format(fall_due=_FALL_DUE, count=due, rounds=rounds)))


def _run(desk: Desk, code: str) -> list[Any]:
    """Run code in a process of its own; its last line is its answer."""
    done = desk.run_python(code)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: list[Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer
