"""Triage over HTTP."""

from triage.views.decisions import AnalyzeView, DecisionsView, ReplayView
from triage.views.jobs import TriageBatchViewSet, TriageJobViewSet

__all__ = [
    "AnalyzeView",
    "DecisionsView",
    "ReplayView",
    "TriageBatchViewSet",
    "TriageJobViewSet",
]
