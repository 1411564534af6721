"""The API's addresses under /api/v1/."""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from analytics import views as analytics
from analytics.views import exports, reports
from servers.views import fleet, incidents, integrations, mail, storms, watch
from sla import views as sla
from sla.views import calendars as sla_calendars
from sla.views import policies as sla_policies
from tickets import views as tickets
from triage import views as triage

SERVER = r"(?P<name>[^/\x00]+)"

router = SimpleRouter()
router.register("tickets", tickets.TicketViewSet, basename="ticket")
router.register("departments", tickets.DepartmentViewSet, basename="department")
router.register("groups", tickets.GroupViewSet, basename="group")
router.register("categories", tickets.CategoryViewSet, basename="category")
router.register("statuses", tickets.StatusViewSet, basename="status")
router.register("saved-views", tickets.SavedViewViewSet, basename="savedview")
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
router.register("storms", storms.StormViewSet, basename="storm")
router.register("sla/policies", sla_policies.PolicyViewSet, basename="slapolicy")
router.register("sla/calendars", sla_calendars.CalendarViewSet, basename="slacalendar")
router.register("servers", fleet.ServerViewSet, basename="server")
router.register("escalations", sla.EscalationViewSet, basename="escalation")
router.register("incidents", incidents.IncidentViewSet, basename="incident")
router.register(
    "maintenance-windows", incidents.MaintenanceWindowViewSet, basename="maintenancewindow"
)
router.register("integrations", integrations.IntegrationViewSet, basename="integration")
router.register("intake/deliveries", integrations.DeliveryViewSet, basename="delivery")
router.register("mailboxes", mail.MailboxViewSet, basename="mailbox")
router.register("mails", mail.MailViewSet, basename="mail")
router.register("checks", watch.CheckViewSet, basename="check")
router.register("exports", exports.ExportViewSet, basename="export")
router.register("report-schedules", reports.ReportScheduleViewSet, basename="reportschedule")
router.register("report-deliveries", reports.ReportDeliveryViewSet, basename="reportdelivery")

urlpatterns = [
    path("reports/export/", exports.ReportExportView.as_view(), name="report-export"),
    path("reports/summary/", exports.ReportSummaryView.as_view(), name="report-summary"),
    re_path(
        rf"^servers/{SERVER}/heartbeat/$", watch.HeartbeatView.as_view(), name="server-heartbeat"
    ),
    re_path(
        rf"^servers/{SERVER}/heartbeat/(?P<key>[^/]+)/?$",  # without the / too: see the middleware
        watch.KeyedHeartbeatView.as_view(),
        name="server-heartbeat-keyed",
    ),
    re_path(
        rf"^servers/{SERVER}/heartbeat-key/$",
        watch.HeartbeatKeyView.as_view(),
        name="server-heartbeat-key",
    ),
    path("sla/plan/", sla_policies.PlanView.as_view(), name="sla-plan"),
    path("tickets/analyze/", triage.AnalyzeView.as_view(), name="analyze"),
    path(
        "tickets/<int:ticket_id>/decisions/",
        triage.DecisionsView.as_view(),
        name="ticket-decisions",
    ),
    path("decisions/replay/", triage.ReplayView.as_view(), name="decisions-replay"),
    path("tickets/<int:ticket_id>/similar/", triage.SimilarView.as_view(), name="ticket-similar"),
    path(
        "tickets/<int:ticket_id>/attachments/",
        tickets.TicketAttachmentsView.as_view(),
        name="ticket-attachments",
    ),
    path("attachments/<int:attachment_id>/", tickets.AttachmentView.as_view(), name="attachment"),
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
    path("servers/summary/", fleet.SummaryView.as_view(), name="server-summary"),
    path("servers/simulation/", fleet.SimulationView.as_view(), name="simulation"),
    path("analytics/summary/", analytics.SummaryView.as_view(), name="analytics-summary"),
    path(
        "analytics/performance/",
        analytics.PerformanceView.as_view(),
        name="analytics-performance",
    ),
    path("analytics/trends/", analytics.TrendsView.as_view(), name="analytics-trends"),
    path("analytics/tickets/", analytics.OpenedView.as_view(), name="analytics-tickets"),
    re_path(
        r"^analytics/department/(?P<name>[^/\x00]+)/$",
        analytics.DepartmentView.as_view(),
        name="analytics-department",
    ),
    path("dashboard/summary/", analytics.DashboardSummaryView.as_view(), name="dashboard-summary"),
    path("dashboard/routing/", analytics.DashboardRoutingView.as_view(), name="dashboard-routing"),
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
