"""How tickets are sorted: rules and routes as data, jobs that run them, and the record of every decision."""

from triage.models.classifiers import ClassifierModel, Field, FieldPolicy, Promotion
from triage.models.decisions import Correction, TriageDecision
from triage.models.jobs import TriageAttempt, TriageBatch, TriageJob
from triage.models.learning import DriftDay, ShadowPrediction, TrainingRun
from triage.models.llm import AskPolicy, LlmCall, LlmGate, LlmRequest, Prompt
from triage.models.rules import PriorityCell, RoutingRule, Rule
from triage.models.similar import DuplicatePolicy, TermStatistics, TicketTerms

__all__ = [
    "AskPolicy",
    "ClassifierModel",
    "Correction",
    "DriftDay",
    "DuplicatePolicy",
    "Field",
    "FieldPolicy",
    "LlmCall",
    "LlmGate",
    "LlmRequest",
    "PriorityCell",
    "Promotion",
    "Prompt",
    "RoutingRule",
    "Rule",
    "ShadowPrediction",
    "TrainingRun",
    "TermStatistics",
    "TicketTerms",
    "TriageAttempt",
    "TriageBatch",
    "TriageDecision",
    "TriageJob",
]
