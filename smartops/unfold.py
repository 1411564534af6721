"""The admin's theme: names, colours, navigation."""

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def section(title: str, *items: dict[str, Any], separator: bool = True) -> dict[str, Any]:
    return {"title": title, "separator": separator, "items": list(items)}


def rows(title: str, icon: str, model: str) -> dict[str, Any]:
    """The list of a model's rows ("app.model"), for those who may see them."""
    app, name = model.split(".")
    return item(title, icon, f"admin:{app}_{name}_changelist", f"{app}.view_{name}")


def outside(title: str, icon: str, setting: str, permission: str) -> dict[str, Any]:
    """A page of another program, at the address that `setting` gives; no item without one."""

    def allowed(request: HttpRequest) -> bool:
        return bool(getattr(settings, setting)) and request.user.has_perm(permission)

    return {
        "title": title,
        "icon": icon,
        "link": lambda request: getattr(settings, setting),
        "permission": allowed,
    }


#: Where the machinery is watched; the dashboard leads there, too.
MONITORS: Final = (
    outside("Flower", "manufacturing", "FLOWER_URL", "workers.view_tally"),
    outside("Grafana", "query_stats", "GRAFANA_URL", "tickets.view_ticket"),
)


def item(title: str, icon: str, view: str, permission: str = "") -> dict[str, Any]:
    def allowed(request: HttpRequest) -> bool:
        return not permission or request.user.has_perm(permission)

    return {"title": title, "icon": icon, "link": reverse_lazy(view), "permission": allowed}


UNFOLD: Final[dict[str, Any]] = {
    "SITE_TITLE": "SmartOps",
    "SITE_HEADER": "SmartOps",
    "SITE_SUBHEADER": "Triage and SLA watching",
    "SITE_SYMBOL": "support_agent",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("smartops/favicon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SCRIPTS": [lambda _: static("desk/drafts.js")],  # one signs out here, too
    "DASHBOARD_CALLBACK": "smartops.admin.dashboard",
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            section(
                "Desk",
                rows("Tickets", "confirmation_number", "tickets.ticket"),
                item("Review", "rule", "review-page", "tickets.change_ticket"),
                rows("Views", "bookmarks", "tickets.savedview"),
                rows("Departments", "apartment", "tickets.department"),
                rows("Groups", "groups", "tickets.supportgroup"),
                rows("Categories", "category", "tickets.category"),
                separator=False,
            ),
            section(
                "Triage",
                rows("Rules", "checklist", "triage.rule"),
                rows("Routing", "alt_route", "triage.routingrule"),
                rows("Priority matrix", "grid_on", "triage.prioritycell"),
                rows("Automation", "tune", "triage.fieldpolicy"),
                rows("Duplicates", "content_copy", "triage.duplicatepolicy"),
                rows("Decisions", "gavel", "triage.triagedecision"),
                rows("Jobs", "pending_actions", "triage.triagejob"),
                rows("Batches", "stacks", "triage.triagebatch"),
            ),
            section(
                "Learning",
                rows("Corrections", "edit_note", "triage.correction"),
                rows("Classifiers", "psychology", "triage.classifiermodel"),
                rows("Trainings", "model_training", "triage.trainingrun"),
                rows("Drift", "ssid_chart", "triage.driftday"),
            ),
            section(
                "Language model",
                rows("Prompts", "chat", "triage.prompt"),
                rows("When to ask", "contact_support", "triage.askpolicy"),
                rows("Questions", "forum", "triage.llmrequest"),
            ),
            section(
                "SLA",
                rows("Escalations", "notifications_active", "sla.escalation"),
                rows("Policies", "handshake", "sla.slapolicy"),
                rows("Calendars", "calendar_month", "sla.businesscalendar"),
                rows("Configuration file", "description", "sla.configfile"),
            ),
            section(
                "Servers",
                item("Fleet", "dns", "fleet-page", "servers.view_server"),
                rows("Servers", "storage", "servers.server"),
                rows("What happened to them", "history", "servers.serverevent"),
                rows("Heartbeats", "ecg_heart", "servers.heartbeat"),
                rows("Checks", "network_check", "servers.check"),
                rows("Maintenance", "engineering", "servers.maintenancewindow"),
                rows("Simulation", "casino", "servers.simulation"),
            ),
            section(
                "Alerts and mail",
                rows("Incidents", "crisis_alert", "servers.incident"),
                rows("Storms", "storm", "servers.storm"),
                rows("Integrations", "input", "servers.integration"),
                rows("Deliveries", "move_to_inbox", "servers.delivery"),
                rows("Mailboxes", "inbox", "servers.mailbox"),
                rows("Mails", "mail", "servers.mailmessage"),
            ),
            section(
                "Notifications",
                rows("Channels", "campaign", "sla.channel"),
                rows("Routes", "call_split", "sla.channelroute"),
                rows("Notifications", "notifications", "sla.notification"),
            ),
            section(
                "Reports",
                rows("Exports", "download", "analytics.export"),
                rows("Report schedules", "schedule_send", "analytics.reportschedule"),
                rows("Reports sent", "outgoing_mail", "analytics.reportdelivery"),
            ),
            section(
                "Operations",
                rows("Dead letters", "report", "workers.deadletter"),
                rows("State of the figures", "monitoring", "analytics.rollupstate"),
                rows("Schedule", "schedule", "django_celery_beat.periodictask"),
                item("API documentation", "api", "docs"),
                item("Health", "monitor_heart", "health"),
                item("Metrics", "monitoring", "metrics", "workers.view_tally"),
                *MONITORS,
            ),
            section(
                "Access",
                rows("People", "person", "auth.user"),
                rows("Roles", "shield_person", "auth.group"),
                rows("API tokens", "key", "knox.authtoken"),
            ),
        ],
    },
}
