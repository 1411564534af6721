"""Writes of triage. One public function is one transaction, unless it says that it joins the caller's."""

from triage.services.jobs import (
    analyze,
    batch_jobs,
    react_to_changes,
    request_triage,
    requeue_stale_jobs,
    retriage,
)
from triage.services.models import (
    confirmed_examples,
    install_shipped,
    make_champion,
    store,
    train_classifier,
)
from triage.services.rules import preview_rule
from triage.services.running import run_jobs

__all__ = [
    "analyze",
    "batch_jobs",
    "confirmed_examples",
    "install_shipped",
    "make_champion",
    "preview_rule",
    "react_to_changes",
    "request_triage",
    "requeue_stale_jobs",
    "retriage",
    "run_jobs",
    "store",
    "train_classifier",
]
