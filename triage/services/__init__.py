"""Writes of triage. One public function is one transaction, unless it says that it joins the caller's."""

from triage.services.batches import (
    batch_jobs,
    chosen_tickets,
    requeue_stale_batches,
    retriage,
    retriage_chosen,
    retry_batch,
    retry_jobs,
    run_batches,
)
from triage.services.jobs import (
    analyze,
    react_to_changes,
    request_triage,
    requeue_stale_jobs,
    retriage_one,
)
from triage.services.models import (
    confirmed_examples,
    install_shipped,
    make_champion,
    store,
    train_classifier,
)
from triage.services.replaying import replay
from triage.services.rules import preview_rule
from triage.services.running import run_jobs

__all__ = [
    "analyze",
    "batch_jobs",
    "chosen_tickets",
    "confirmed_examples",
    "install_shipped",
    "make_champion",
    "preview_rule",
    "react_to_changes",
    "replay",
    "request_triage",
    "requeue_stale_batches",
    "requeue_stale_jobs",
    "retriage",
    "retriage_chosen",
    "retriage_one",
    "retry_batch",
    "retry_jobs",
    "run_batches",
    "run_jobs",
    "store",
    "train_classifier",
]
