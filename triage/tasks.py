from datetime import timedelta
from typing import Final

from celery import shared_task

from triage import services
from workers.clock import present
from workers.names import TaskName

#: A training may take an hour; a killed one is taken up again when its lease has run out.
TRAINING_SECONDS: Final = 3600


@shared_task(name=TaskName.TRIAGE_RUN_JOBS)
def run_jobs(*, ids: list[int]) -> int:
    return services.run_jobs(ids=ids, now=present())


@shared_task(name=TaskName.TRIAGE_REQUEUE_STALE_JOBS)
def requeue_stale_jobs() -> int:
    return services.requeue_stale_jobs()


@shared_task(name=TaskName.TRIAGE_RUN_BATCH_JOBS)
def run_batch_jobs(*, ids: list[int]) -> int:
    return services.run_jobs(ids=ids, now=present())


@shared_task(name=TaskName.TRIAGE_RUN_BATCHES)
def run_batches(*, ids: list[int]) -> int:
    return services.run_batches(ids=ids)


@shared_task(name=TaskName.TRIAGE_REQUEUE_STALE_BATCHES)
def requeue_stale_batches() -> int:
    return services.requeue_stale_batches()


@shared_task(
    name=TaskName.TRIAGE_TRAIN,
    time_limit=TRAINING_SECONDS,
    soft_time_limit=TRAINING_SECONDS - 60,
    acks_late=False,  # RabbitMQ waits half an hour; the sweep finds the run of a worker that died
)
def train(*, ids: list[int]) -> int:
    """`ids` are training runs."""
    return services.run_trainings(ids=ids, now=present())


@shared_task(name=TaskName.TRIAGE_REQUEUE_STALE_TRAININGS)
def requeue_stale_trainings() -> int:
    return services.requeue_stale_trainings()


@shared_task(name=TaskName.TRIAGE_LEARN, time_limit=900, soft_time_limit=870)
def learn() -> int:
    return services.learn(now=present())


@shared_task(name=TaskName.TRIAGE_SHADOW)
def shadow() -> int:
    return services.run_shadow()


@shared_task(name=TaskName.TRIAGE_MEASURE_DRIFT, time_limit=600, soft_time_limit=570)
def measure_drift() -> int:
    now = present()
    days = [(now - timedelta(days=back)).date() for back in (0, 1)]
    return services.measure_drift(days=days, now=now)


@shared_task(name=TaskName.TRIAGE_COUNT_DECISIONS)
def count_decisions() -> int:
    now = present()
    return services.count_decisions(day=now.date(), now=now)


@shared_task(name=TaskName.TRIAGE_INDEX_TICKETS)
def index_tickets() -> int:
    return services.index_tickets(now=present())


@shared_task(name=TaskName.TRIAGE_ASK_LLM)
def ask_llm(*, ids: list[int]) -> int:
    # Here, for it loads HTTP, templates and JSON Schema, which the other workers can do without.
    from triage.services import answering

    return answering.ask_llm(ids=ids, now=present())


@shared_task(name=TaskName.TRIAGE_REQUEUE_STALE_QUESTIONS)
def requeue_stale_questions() -> int:
    return services.requeue_stale_questions()
