"""Triage over HTTP."""

from triage.views.decisions import AnalyzeView, DecisionsView, ReplayView
from triage.views.jobs import TriageBatchViewSet, TriageJobViewSet
from triage.views.models import FieldPolicyViewSet, ModelViewSet, TrainingRunViewSet
from triage.views.similar import SimilarView

__all__ = [
    "AnalyzeView",
    "DecisionsView",
    "FieldPolicyViewSet",
    "ModelViewSet",
    "TrainingRunViewSet",
    "ReplayView",
    "SimilarView",
    "TriageBatchViewSet",
    "TriageJobViewSet",
]
