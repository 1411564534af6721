"""The API's addresses under /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from sla import views as sla
from sla.views import calendars as sla_calendars
from sla.views import policies as sla_policies
from tickets import views as tickets
from triage import views as triage

router = SimpleRouter()
router.register("tickets", tickets.TicketViewSet, basename="ticket")
router.register("departments", tickets.DepartmentViewSet, basename="department")
router.register("groups", tickets.GroupViewSet, basename="group")
router.register("categories", tickets.CategoryViewSet, basename="category")
router.register("statuses", tickets.StatusViewSet, basename="status")
router.register("triage-jobs", triage.TriageJobViewSet, basename="triagejob")
router.register("triage-batches", triage.TriageBatchViewSet, basename="triagebatch")
router.register("models", triage.ModelViewSet, basename="model")
router.register("training-runs", triage.TrainingRunViewSet, basename="trainingrun")
router.register("field-policies", triage.FieldPolicyViewSet, basename="fieldpolicy")
router.register("prompts", triage.PromptViewSet, basename="prompt")
router.register("ask-policies", triage.AskPolicyViewSet, basename="askpolicy")
router.register("channels", sla.ChannelViewSet, basename="channel")
router.register("channel-routes", sla.ChannelRouteViewSet, basename="channelroute")
router.register("notifications", sla.NotificationViewSet, basename="notification")
router.register("sla/policies", sla_policies.PolicyViewSet, basename="slapolicy")
router.register("sla/calendars", sla_calendars.CalendarViewSet, basename="slacalendar")
router.register("escalations", sla.EscalationViewSet, basename="escalation")

urlpatterns = [
    path("sla/plan/", sla_policies.PlanView.as_view(), name="sla-plan"),
    path("tickets/analyze/", triage.AnalyzeView.as_view(), name="analyze"),
    path(
        "tickets/<int:ticket_id>/decisions/",
        triage.DecisionsView.as_view(),
        name="ticket-decisions",
    ),
    path("decisions/replay/", triage.ReplayView.as_view(), name="decisions-replay"),
    path("tickets/<int:ticket_id>/similar/", triage.SimilarView.as_view(), name="ticket-similar"),
    path("triage-jobs/<int:job_id>/logs/", triage.JobLogsView.as_view(), name="triagejob-logs"),
    path("tickets/<int:ticket_id>/sla/", sla.TicketSlaView.as_view(), name="ticket-sla"),
    path(
        "tickets/<int:ticket_id>/acknowledge/",
        sla.AcknowledgeView.as_view(),
        name="ticket-acknowledge",
    ),
    path("review/", triage.ReviewQueueView.as_view(), name="review"),
    path("review/next/", triage.NextReviewView.as_view(), name="review-next"),
    path("review/undo/", triage.UndoReviewView.as_view(), name="review-undo"),
    path("review/<int:ticket_id>/", triage.ReviewView.as_view(), name="review-ticket"),
    path("corrections/", triage.CorrectionsView.as_view(), name="corrections"),
    path("dashboard/", sla.DashboardView.as_view(), name="dashboard"),
    path("route/", tickets.RouteView.as_view(http_method_names=["post", "options"]), name="route"),
    path(
        "route/<int:ticket_id>/",
        tickets.RouteView.as_view(http_method_names=["put", "options"]),
        name="reroute",
    ),
    path("routing/statistics/", tickets.RoutingStatisticsView.as_view(), name="routing-statistics"),
    path(
        "routing/history/<int:ticket_id>/",
        tickets.RoutingHistoryView.as_view(),
        name="routing-history",
    ),
    *router.urls,
]
