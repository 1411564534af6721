"""What `/health` tells, with what to do about it, and what is switched off. The checks are those of
`smartops.health`."""

from collections.abc import Iterator
from typing import Final

from sla import services as sla
from smartops import health as page
from smartops.doctor.finding import Finding, error, ok, warning
from workers.measuring import switched_off

LOOK: Final = "The admin shows it: mend its cause there, then retry."
#: By the name of the check.
FIXES: Final = {
    "_cache": "Start Redis, or correct REDIS_URL.",
    "_broker": "Start the broker, or correct CELERY_BROKER_URL or REDIS_URL.",
    "_restore": "Stop web, workers and beat and run `manage.py restore` again: it puts that back first.",
    "_work": "Start beat and a worker of class core; retry or dismiss dead letters in the admin.",
    "_notifications": "Open Notifications and Channels in the admin: each says why; then send again.",
    "config_findings": "Correct config/sla.yaml (`manage.py sla plan` shows where) or the policy in the admin.",
    "figures_findings": "Start a worker of class core; `manage.py rebuild_analytics` makes them anew.",
    "replica_findings": "Start the standby, or correct or take away DATABASE_REPLICA_URL.",
    "_drift": "Train anew or put another classifier into use in the admin (Classifiers).",
    "llm_findings": "Look at Questions in the admin, and at LLM_URL, LLM_MODEL and LLM_API_KEY.",
    "_server_events": "Start a worker of class core.",
    "_intake": "Start a worker of class core; Deliveries in the admin says why bodies could not be read.",
    "_mail": "Open Mailboxes in the admin: each says why.",
    "_checks": "Start a worker of class io, or raise WORKER_CONCURRENCY of it.",
}


def schedule() -> Iterator[Finding]:
    """A task that somebody has switched off is not late, so nothing else tells of it."""
    off = [task for task, is_off in switched_off().items() if is_off]
    for task in off:
        yield warning(
            "schedule",
            f"{task} is switched off: beat does not send it.",
            "Switch it on in the admin (Periodic tasks).",
        )
    if not off:
        yield ok("schedule", "No task of the schedule is switched off.")


def health() -> Iterator[Finding]:
    found = 0
    for says in sla.findings():
        found += 1
        yield error(
            "health", says, "Start workers of class core; a clock that cannot be checked says why."
        )
    for check in page.CHECKS:
        for says in check():
            found += 1
            yield warning("health", says, FIXES.get(check.__name__, LOOK))
    if not found:
        yield ok("health", "Nothing waits that should not.")
