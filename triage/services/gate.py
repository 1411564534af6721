"""The gate to the language model: all workers agree on who may ask, by one row and the database's clock."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from triage.llm import limits
from triage.llm.endpoint import Endpoint
from triage.llm.providers import Misconfigured, ProviderError, Transient
from triage.models import LlmGate, LlmRequest, Prompt
from workers import leases
from workers import services as work
from workers.dispatch import enqueue_each
from workers.leases import DEFAULT_ATTEMPTS, Claim
from workers.names import TaskName
from workers.words import number_of

#: Beside the calls themselves: reading, rendering, writing.
MARGIN_SECONDS: Final = 30
_GATE: Final = LlmGate._meta.db_table
_REQUESTS: Final = LlmRequest._meta.db_table
#: Free to be asked: never tried, or its pause is over, or its worker died.
_FREE: Final = f"""state IN ('pending', 'running') AND attempts < {DEFAULT_ATTEMPTS} AND (
    (state = 'pending' AND (attempts = 0 OR nudge_at <= statement_timestamp()))
    OR (state = 'running' AND lease_until < statement_timestamp()))"""


class Shut(NamedTuple):
    """Nobody may ask for so long."""

    seconds: float


def take_turn(*, endpoint: Endpoint) -> Claim | Shut | None:
    """Claim the next question, as `waiting` orders them. None: there is none."""
    with transaction.atomic(durable=True):
        gate = _locked(endpoint)
        running = _count("state = 'running' AND lease_until > statement_timestamp()")
        seconds = limits.wait(
            gate,
            running=running,
            most=settings.LLM_CONCURRENCY,
            per_minute=settings.LLM_TOKENS_PER_MINUTE,
        )
        if seconds > 0:
            return Shut(seconds)
        wanted = waiting(1)
        # Two calls, for the answer may need a repair.
        lease = timedelta(seconds=2 * endpoint.seconds + MARGIN_SECONDS)
        held = leases.claim(LlmRequest, wanted, lease=lease) if wanted else None
        if held is None or not held.ids:
            return None
        allowance = gate.allowance - limits.RESERVED if settings.LLM_TOKENS_PER_MINUTE else 0.0
        probe = lease.total_seconds() if gate.probing else None
        _write(gate.failures, probe, allowance)
        return held


@transaction.atomic(durable=True)
def return_turn(*, endpoint: Endpoint) -> None:
    """The question that took its turn needed no call: whoever is next may ask in its place."""
    gate = _locked(endpoint)
    _write(gate.failures, _pause(gate) or None, _paid(gate, 0))


def note_success(*, endpoint: Endpoint, tokens: int, repair: bool = False) -> None:
    """The model answered: the breaker closes. A pause that it asked another caller for stays. The caller's
    transaction."""
    gate = _locked(endpoint)
    _write(0, _pause(gate) or None, _paid(gate, tokens, repair=repair), ended=True)


def note_failure(*, endpoint: Endpoint, error: ProviderError, repair: bool = False) -> None:
    """A call brought no answer: after some in a row, or at once where all would fail, nobody asks for a while.

    A rejected call says nothing of the model: it answered. The caller's transaction.
    """
    if not isinstance(error, Transient | Misconfigured):
        note_success(endpoint=endpoint, tokens=0, repair=repair)
        return
    gate = _locked(endpoint)
    certain = isinstance(error, Misconfigured)
    failures = max(gate.failures + 1, limits.BREAK_AFTER if certain else 0)
    retry_after = error.retry_after if isinstance(error, Transient) else None
    rest = limits.rest_after(failures, retry_after=retry_after, certain=certain)
    rest = max(rest, _pause(gate))
    _write(failures, rest or None, _paid(gate, 0, repair=repair), reason=str(error))


def waiting(limit: int) -> list[int]:
    """Return the oldest questions that are free to be asked; those that failed before come last.

    Else one that no proxy lets through would be every probe of the gate, and nobody's turn would come.
    """
    found: list[int] = []
    with connection.cursor() as cursor:
        for failed in ("error = ''", "error <> ''"):
            cursor.execute(
                f"SELECT id FROM {_REQUESTS} WHERE {_FREE} AND {failed} ORDER BY id LIMIT %s",
                [limit - len(found)],
            )
            found += [pk for (pk,) in cursor.fetchall()]
            if len(found) == limit:
                break
    return found


@transaction.atomic(durable=True)
def seconds_shut(*, endpoint: Endpoint) -> float:
    """For how long nobody may ask; 0: the gate is open."""
    gate = _locked(endpoint)
    per_minute = settings.LLM_TOKENS_PER_MINUTE
    return limits.wait(gate, running=0, most=1, per_minute=per_minute)


def requeue_stale_questions() -> int:
    """Send messages for questions that wait, as many as may be asked at once; bury those that killed their worker.
    Returns how many were found. Nothing while the gate is shut."""
    endpoint = settings.LLM
    if endpoint is None or seconds_shut(endpoint=endpoint) > 0:
        return 0
    with transaction.atomic(durable=True):
        failed = give_up_lost()
        bury(failed)
        found = waiting(settings.LLM_CONCURRENCY)
        enqueue_each(TaskName.TRIAGE_ASK_LLM, found)
        return len(found) + len(failed)


def bury(ids: Sequence[int]) -> None:
    """Give failed questions a dead letter, in the caller's transaction."""
    rows = LlmRequest.objects.filter(pk__in=ids).select_related("ticket") if ids else []
    work.bury(LlmRequest, [(r.pk, str(r.ticket), r.error, r.request_id) for r in rows])


def give_up_lost() -> list[int]:
    """Mark questions failed whose last worker died, and return them. The caller's transaction.

    Not `leases.take_stale`: a question that waits for the gate has lost no message, and `nudge_at` is the end of
    its pause.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_REQUESTS} SET state = 'failed', finished_at = statement_timestamp(), error = %s,
                       lease_token = NULL, lease_until = NULL
                 WHERE id IN (SELECT id FROM {_REQUESTS}
                               WHERE state = 'running' AND lease_until < statement_timestamp()
                                 AND attempts >= {DEFAULT_ATTEMPTS} FOR UPDATE SKIP LOCKED)
             RETURNING id""",
            [leases.LOST_WORKER],
        )
        return [pk for (pk,) in cursor.fetchall()]


def postpone(held: Claim, pk: int, *, error: str) -> None:
    """Give a question back as if it had not been tried: the model, not the question, was at fault."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_REQUESTS} SET state = 'pending', attempts = attempts - 1, lease_token = NULL,
                       lease_until = NULL, error = %s, nudge_at = statement_timestamp()
                 WHERE id = %s AND lease_token = %s""",
            [error[:2000], pk, held.token],
        )


def llm_findings() -> list[str]:
    """What a person should look at, as sentences."""
    endpoint = settings.LLM
    if endpoint is None:
        return []
    findings = []
    if not Prompt.objects.filter(is_default=True).exists():
        findings.append("No prompt is the default: the language model is asked about nothing.")
    gate = LlmGate.objects.filter(endpoint=endpoint.name[:500], failing_since__isnull=False).first()
    if gate is not None and gate.failures >= limits.BREAK_AFTER:
        waiting = LlmRequest.objects.filter(state=leases.State.PENDING).count()
        # What a provider adds is not for everybody, and this is.
        said = gate.reason.partition(":")[0].rstrip(".")
        kept = number_of(waiting, "ticket keeps", "tickets keep")
        findings.append(
            f"The language model fails since {gate.failing_since:%Y-%m-%d %H:%M:%S} UTC; {kept} "
            f"triage's own result meanwhile. {said}: the admin tells more (Questions)."
        )
    return findings


def _locked(endpoint: Endpoint) -> limits.Gate:
    """Lock the row and return what it says now; a new endpoint starts with a clean slate."""
    name, per_minute = endpoint.name[:500], settings.LLM_TOKENS_PER_MINUTE
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {_GATE} (id) VALUES (1) ON CONFLICT (id) DO NOTHING")
        cursor.execute(
            f"""SELECT endpoint, failures, extract(epoch FROM closed_until - statement_timestamp()), allowance,
                       extract(epoch FROM statement_timestamp() - allowance_at)
                  FROM {_GATE} WHERE id = 1 FOR UPDATE"""
        )
        known, failures, closed_for, allowance, elapsed = cursor.fetchone()
        if known != name:
            failures, closed_for = 0, None
            cursor.execute(
                f"""UPDATE {_GATE} SET endpoint = %s, failures = 0, closed_until = NULL, reason = '',
                           failing_since = NULL WHERE id = 1""",
                [name],
            )
    tokens = limits.refilled(
        None if elapsed is None else allowance, float(elapsed or 0), per_minute
    )
    return limits.Gate(failures, float(closed_for or 0), tokens)


def _pause(gate: limits.Gate) -> float:
    """The seconds that are left of a pause that the model asked for, which no other call's end ends."""
    return 0.0 if gate.probing else max(gate.closed_for, 0.0)


def _paid(gate: limits.Gate, tokens: int, *, repair: bool = False) -> float:
    """The bucket after a call that cost `tokens` instead of what was reserved for it: for a repair, nothing."""
    if not settings.LLM_TOKENS_PER_MINUTE:
        return 0.0
    return gate.allowance + (0 if repair else limits.RESERVED) - tokens


def _write(
    failures: int,
    closed_for: float | None,
    allowance: float,
    *,
    reason: str | None = None,
    ended: bool = False,
) -> None:
    values: dict[str, Any] = {
        "failures": failures,
        "closed": closed_for,
        "allowance": allowance,
        "reason": reason,
        "ended": ended,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_GATE} SET failures = %(failures)s, allowance = %(allowance)s,
                       allowance_at = statement_timestamp(),
                       closed_until = statement_timestamp() + make_interval(secs => %(closed)s::float8),
                       reason = CASE WHEN %(ended)s::bool THEN '' ELSE coalesce(%(reason)s::text, reason) END,
                       failing_since = CASE WHEN %(ended)s::bool THEN NULL
                                            WHEN %(reason)s::text IS NULL THEN failing_since
                                            ELSE coalesce(failing_since, statement_timestamp()) END
                 WHERE id = 1""",
            values,
        )


def _count(condition: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {_REQUESTS} WHERE {condition}")
        return int(cursor.fetchone()[0])
