"""Triage over HTTP."""

from triage.views.corrections import CorrectionsView
from triage.views.decisions import AnalyzeView, DecisionsView, ReplayView
from triage.views.jobs import TriageBatchViewSet, TriageJobViewSet
from triage.views.llm import AskPolicyViewSet, JobLogsView, PromptViewSet
from triage.views.models import FieldPolicyViewSet, ModelViewSet, TrainingRunViewSet
from triage.views.review import NextReviewView, ReviewQueueView, ReviewView, UndoReviewView
from triage.views.similar import SimilarView

__all__ = [
    "AnalyzeView",
    "AskPolicyViewSet",
    "CorrectionsView",
    "DecisionsView",
    "FieldPolicyViewSet",
    "JobLogsView",
    "ModelViewSet",
    "NextReviewView",
    "PromptViewSet",
    "ReplayView",
    "ReviewQueueView",
    "ReviewView",
    "SimilarView",
    "TrainingRunViewSet",
    "TriageBatchViewSet",
    "TriageJobViewSet",
    "UndoReviewView",
]
