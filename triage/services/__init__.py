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
from triage.services.correcting import record_corrections
from triage.services.drifting import (
    count_decisions,
    drift_findings,
    forget_old_drift,
    measure_drift,
)
from triage.services.evaluating import evaluate_engines, unseen_labels
from triage.services.gate import requeue_stale_questions
from triage.services.jobs import (
    analyze,
    react_to_changes,
    request_triage,
    requeue_stale_jobs,
    retriage_one,
)
from triage.services.models import (
    FROM_TICKETS,
    NotPossible,
    change_policy,
    confirmed_examples,
    forget_old_models,
    install_shipped,
    make_champion,
    roll_back,
    store,
    train_classifier,
)
from triage.services.replaying import replay
from triage.services.reviewing import review_tickets, undo_review
from triage.services.rules import preview_rule
from triage.services.running import run_jobs
from triage.services.shadow import forget_old_shadows, judge, learn, run_shadow, summarize
from triage.services.similar import forget_old_terms, index_tickets, mark_reworded
from triage.services.training import request_training, requeue_stale_trainings, run_trainings

__all__ = [
    "FROM_TICKETS",
    "NotPossible",
    "analyze",
    "batch_jobs",
    "change_policy",
    "chosen_tickets",
    "confirmed_examples",
    "count_decisions",
    "drift_findings",
    "evaluate_engines",
    "forget_old_drift",
    "forget_old_models",
    "forget_old_shadows",
    "forget_old_terms",
    "index_tickets",
    "install_shipped",
    "judge",
    "learn",
    "make_champion",
    "measure_drift",
    "mark_reworded",
    "preview_rule",
    "react_to_changes",
    "record_corrections",
    "replay",
    "request_training",
    "request_triage",
    "requeue_stale_batches",
    "requeue_stale_jobs",
    "requeue_stale_trainings",
    "requeue_stale_questions",
    "retriage",
    "retriage_chosen",
    "retriage_one",
    "retry_batch",
    "retry_jobs",
    "review_tickets",
    "roll_back",
    "run_batches",
    "run_jobs",
    "run_shadow",
    "run_trainings",
    "store",
    "summarize",
    "train_classifier",
    "undo_review",
    "unseen_labels",
]
