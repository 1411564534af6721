"""Every task's name. Work is asked for by name, so that a lower layer never imports a higher one."""

from typing import Final


class TaskName:
    """Plain strings: Celery would read an Enum member's own `name` instead of its value."""

    SLA_DELIVER: Final = "sla.deliver"
    SLA_REQUEUE_STALE_NOTIFICATIONS: Final = "sla.requeue_stale_notifications"
    SLA_LOAD_CONFIG: Final = "sla.load_config"
    TRIAGE_RUN_JOBS: Final = "triage.run_jobs"
    TRIAGE_REQUEUE_STALE_JOBS: Final = "triage.requeue_stale_jobs"
    TRIAGE_RUN_BATCH_JOBS: Final = "triage.run_batch_jobs"
    TRIAGE_RUN_BATCHES: Final = "triage.run_batches"
    TRIAGE_REQUEUE_STALE_BATCHES: Final = "triage.requeue_stale_batches"
    TRIAGE_TRAIN: Final = "triage.train"
    TRIAGE_REQUEUE_STALE_TRAININGS: Final = "triage.requeue_stale_trainings"
    TRIAGE_LEARN: Final = "triage.learn"
    TRIAGE_SHADOW: Final = "triage.shadow"
    TRIAGE_MEASURE_DRIFT: Final = "triage.measure_drift"
    TRIAGE_INDEX_TICKETS: Final = "triage.index_tickets"
    TRIAGE_ASK_LLM: Final = "triage.ask_llm"
    TRIAGE_REQUEUE_STALE_QUESTIONS: Final = "triage.requeue_stale_questions"
    SLA_CHECK_CLOCKS: Final = "sla.check_clocks"
    SLA_AUDIT: Final = "sla.audit"
    WORKERS_BEAT_TICK: Final = "workers.beat_tick"
    WORKERS_PURGE: Final = "workers.purge"
