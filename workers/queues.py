"""The queues, which task goes to which, and which worker reads which.

Queues, not message priorities, keep slow work away from urgent work: priorities mean different
things on Redis and on RabbitMQ.
"""

from dataclasses import dataclass
from typing import Final

from kombu.entity import Exchange, Queue

SLA: Final = "sla"
TRIAGE: Final = "triage"
BULK: Final = "bulk"
DEFAULT: Final = "default"
ALERTS: Final = "alerts"
WATCH: Final = "watch"
NOTIFY: Final = "notify"
LLM: Final = "llm"
REPORTS: Final = "reports"

#: Each with an exchange of its own: queues that share one would each get every message. On RabbitMQ they are
#: durable and classic (ADR 0003).
QUEUES: Final = tuple(
    Queue(name, Exchange(name), routing_key=name)
    for name in (DEFAULT, SLA, ALERTS, WATCH, TRIAGE, BULK, NOTIFY, LLM, REPORTS)
)

#: Task name -> queue. A task that is not named goes to `default`.
ROUTES: Final = {
    "triage.run_jobs": {"queue": TRIAGE},
    "triage.run_batch_jobs": {"queue": BULK},
    "triage.train": {"queue": REPORTS},
    "triage.learn": {"queue": REPORTS},
    "triage.shadow": {"queue": REPORTS},
    "triage.measure_drift": {"queue": REPORTS},
    "analytics.export": {"queue": REPORTS},
    # Waits for a mail server; not behind a training that takes an hour.
    "analytics.send_reports": {"queue": NOTIFY},
    "triage.ask_llm": {"queue": LLM},
    "sla.check_clocks": {"queue": SLA},
    "sla.audit": {"queue": SLA},
    "sla.deliver": {"queue": NOTIFY},
    "servers.take_deliveries": {"queue": ALERTS},
    "servers.follow_events": {"queue": ALERTS},
    "servers.settle_incidents": {"queue": ALERTS},
    "servers.watch_storms": {"queue": ALERTS},
    "servers.run_checks": {"queue": WATCH},
    "servers.read_mail": {"queue": WATCH},
}


@dataclass(frozen=True)
class WorkerSpec:
    """One worker process of the embedded stack; in production run as many of each as wanted."""

    queues: tuple[str, ...]  # read in this order: urgent ones first
    pool: str
    concurrency: int
    #: Messages that wait in the worker for each that runs, that one included (0: as the settings say).
    prefetch: int = 0


WORKERS: Final = {
    # Sweeps and ticks before tickets, so that a long import cannot delay them; new tickets before old ones that
    # are triaged again.
    "core": WorkerSpec(queues=(SLA, DEFAULT, ALERTS, TRIAGE, BULK), pool="prefork", concurrency=2),
    # Waits for other systems, so threads do; slow receivers cannot keep workers from tickets.
    "io": WorkerSpec(queues=(NOTIFY, WATCH), pool="threads", concurrency=8),
    # A slow language model keeps nobody else waiting.
    "llm": WorkerSpec(queues=(LLM,), pool="threads", concurrency=4),
    # Minutes of arithmetic: training, exports. What waits, waits in the queue, where a free worker finds it.
    "reports": WorkerSpec(queues=(REPORTS,), pool="prefork", concurrency=1, prefetch=1),
}

#: In a worker's environment: where it tells its metrics (`workers.exporter`).
METRICS_PORT: Final = "WORKER_METRICS_PORT"
METRICS_HOST: Final = "WORKER_METRICS_HOST"
