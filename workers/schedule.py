"""What beat runs, and how often. Intervals in seconds, UTC; every tick is safe to run twice."""

from typing import Any

from workers.names import TaskName


def every(seconds: int, task: str) -> dict[str, Any]:
    """A tick whose message expires before the one after next is due: an outage leaves no backlog."""
    # django-celery-beat reads `expire_seconds` and silently drops `expires`.
    return {
        "task": task,
        "schedule": float(seconds),
        "options": {"expire_seconds": max(1, seconds * 3 // 2)},
    }


def schedule(
    *,
    sweep_seconds: int,
    check_seconds: int,
    notify_sweep_seconds: int,
    llm_sweep_seconds: int,
    fleet_tick_seconds: int,
    intake_sweep_seconds: int,
    export_sweep_seconds: int,
) -> dict[str, dict[str, Any]]:
    return {
        "sla: read the configuration file when it changed": every(3, TaskName.SLA_LOAD_CONFIG),
        "triage: find jobs whose message was lost": every(
            sweep_seconds, TaskName.TRIAGE_REQUEUE_STALE_JOBS
        ),
        "triage: go on with batches, and notice their end": every(
            sweep_seconds, TaskName.TRIAGE_REQUEUE_STALE_BATCHES
        ),
        "triage: find trainings whose worker died": every(
            sweep_seconds, TaskName.TRIAGE_REQUEUE_STALE_TRAININGS
        ),
        "triage: challengers look at new tickets": every(60, TaskName.TRIAGE_SHADOW),
        "triage: measure drift": every(3600, TaskName.TRIAGE_MEASURE_DRIFT),
        "triage: count today's decisions": every(120, TaskName.TRIAGE_COUNT_DECISIONS),
        "triage: judge challengers, train on new labels": every(86_400, TaskName.TRIAGE_LEARN),
        "triage: index new tickets for the search for similar ones": every(
            10, TaskName.TRIAGE_INDEX_TICKETS
        ),
        "triage: find questions to the language model that wait": every(
            llm_sweep_seconds, TaskName.TRIAGE_REQUEUE_STALE_QUESTIONS
        ),
        "sla: escalate what is due": every(check_seconds, TaskName.SLA_CHECK_CLOCKS),
        "sla: prove that nothing was missed": every(120, TaskName.SLA_AUDIT),
        "sla: find notifications whose message was lost": every(
            notify_sweep_seconds, TaskName.SLA_REQUEUE_STALE_NOTIFICATIONS
        ),
        "servers: find heartbeats that are missing": every(5, TaskName.SERVERS_WATCH_HEARTBEATS),
        "servers: make the checks that are due": every(5, TaskName.SERVERS_RUN_CHECKS),
        "servers: move the simulated ones on": every(fleet_tick_seconds, TaskName.SERVERS_TICK),
        "servers: find storms, and notice their end": every(5, TaskName.SERVERS_WATCH_STORMS),
        "servers: find events that no incident followed": every(5, TaskName.SERVERS_FOLLOW_EVENTS),
        "servers: settle incidents": every(5, TaskName.SERVERS_SETTLE_INCIDENTS),
        "servers: find alerts whose message was lost": every(
            intake_sweep_seconds, TaskName.SERVERS_REQUEUE_STALE_DELIVERIES
        ),
        "servers: read mailboxes": every(30, TaskName.SERVERS_READ_MAIL),
        "analytics: find exports whose worker died": every(
            export_sweep_seconds, TaskName.ANALYTICS_REQUEUE_STALE_EXPORTS
        ),
        "analytics: plan the reports that are due": every(
            export_sweep_seconds, TaskName.ANALYTICS_PLAN_REPORTS
        ),
        "analytics: bring the figures up to date": every(5, TaskName.ANALYTICS_REFRESH),
        "workers: show that beat and a worker live": every(10, TaskName.WORKERS_BEAT_TICK),
        "workers: add up what metrics tell": every(10, TaskName.WORKERS_FOLD_TALLIES),
        "workers: remove what has expired": every(3600, TaskName.WORKERS_PURGE),
    }
