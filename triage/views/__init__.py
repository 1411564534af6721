"""Triage over HTTP."""

from triage.views.decisions import AnalyzeView, DecisionsView
from triage.views.jobs import TriageBatchViewSet, TriageJobViewSet

__all__ = ["AnalyzeView", "DecisionsView", "TriageBatchViewSet", "TriageJobViewSet"]
