"""The admin's theme: names, colours, navigation."""

from typing import Any, Final

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def item(title: str, icon: str, view: str, permission: str, site: str = "admin:") -> dict[str, Any]:
    def allowed(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"{site}{view}"),
        "permission": allowed,
    }


UNFOLD: Final[dict[str, Any]] = {
    "SITE_TITLE": "SmartOps",
    "SITE_HEADER": "SmartOps",
    "SITE_SUBHEADER": "Triage and SLA watching",
    "SITE_SYMBOL": "support_agent",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("smartops/favicon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "smartops.admin.dashboard",
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "title": "Desk",
                "items": [
                    item(
                        "Tickets",
                        "confirmation_number",
                        "tickets_ticket_changelist",
                        "tickets.view_ticket",
                    ),
                    item("Review", "rule", "review-page", "tickets.change_ticket", site=""),
                    item(
                        "Departments",
                        "apartment",
                        "tickets_department_changelist",
                        "tickets.view_department",
                    ),
                    item(
                        "Groups",
                        "groups",
                        "tickets_supportgroup_changelist",
                        "tickets.view_supportgroup",
                    ),
                    item(
                        "Categories",
                        "category",
                        "tickets_category_changelist",
                        "tickets.view_category",
                    ),
                ],
            },
            {
                "title": "Triage",
                "separator": True,
                "items": [
                    item("Rules", "checklist", "triage_rule_changelist", "triage.view_rule"),
                    item(
                        "Routing",
                        "alt_route",
                        "triage_routingrule_changelist",
                        "triage.view_routingrule",
                    ),
                    item(
                        "Priority matrix",
                        "grid_on",
                        "triage_prioritycell_changelist",
                        "triage.view_prioritycell",
                    ),
                    item(
                        "Duplicates",
                        "content_copy",
                        "triage_duplicatepolicy_changelist",
                        "triage.view_duplicatepolicy",
                    ),
                    item(
                        "Classifiers",
                        "psychology",
                        "triage_classifiermodel_changelist",
                        "triage.view_classifiermodel",
                    ),
                    item("Prompts", "chat", "triage_prompt_changelist", "triage.view_prompt"),
                    item(
                        "When to ask",
                        "tune",
                        "triage_askpolicy_changelist",
                        "triage.view_askpolicy",
                    ),
                    item(
                        "Questions",
                        "forum",
                        "triage_llmrequest_changelist",
                        "triage.view_llmrequest",
                    ),
                    item(
                        "Decisions",
                        "gavel",
                        "triage_triagedecision_changelist",
                        "triage.view_triagedecision",
                    ),
                    item(
                        "Batches",
                        "stacks",
                        "triage_triagebatch_changelist",
                        "triage.view_triagebatch",
                    ),
                    item(
                        "Automation",
                        "tune",
                        "triage_fieldpolicy_changelist",
                        "triage.view_fieldpolicy",
                    ),
                    item(
                        "Trainings",
                        "model_training",
                        "triage_trainingrun_changelist",
                        "triage.view_trainingrun",
                    ),
                    item(
                        "Drift", "ssid_chart", "triage_driftday_changelist", "triage.view_driftday"
                    ),
                    item(
                        "Jobs",
                        "pending_actions",
                        "triage_triagejob_changelist",
                        "triage.view_triagejob",
                    ),
                    item(
                        "Corrections",
                        "edit_note",
                        "triage_correction_changelist",
                        "triage.view_correction",
                    ),
                ],
            },
            {
                "title": "Notifications",
                "separator": True,
                "items": [
                    item("Channels", "campaign", "sla_channel_changelist", "sla.view_channel"),
                    item(
                        "Routes",
                        "call_split",
                        "sla_channelroute_changelist",
                        "sla.view_channelroute",
                    ),
                    item(
                        "Notifications",
                        "notifications",
                        "sla_notification_changelist",
                        "sla.view_notification",
                    ),
                ],
            },
            {
                "title": "SLA",
                "separator": True,
                "items": [
                    item(
                        "Escalations",
                        "notifications_active",
                        "sla_escalation_changelist",
                        "sla.view_escalation",
                    ),
                    item("Policies", "handshake", "sla_slapolicy_changelist", "sla.view_slapolicy"),
                    item(
                        "Calendars",
                        "calendar_month",
                        "sla_businesscalendar_changelist",
                        "sla.view_businesscalendar",
                    ),
                    item(
                        "Configuration file",
                        "description",
                        "sla_configfile_changelist",
                        "sla.view_configfile",
                    ),
                ],
            },
            {
                "title": "Operations",
                "separator": True,
                "items": [
                    item(
                        "Dead letters",
                        "report",
                        "workers_deadletter_changelist",
                        "workers.view_deadletter",
                    ),
                    item(
                        "Schedule",
                        "schedule",
                        "django_celery_beat_periodictask_changelist",
                        "django_celery_beat.view_periodictask",
                    ),
                    {"title": "API documentation", "icon": "api", "link": reverse_lazy("docs")},
                    {"title": "Health", "icon": "monitor_heart", "link": reverse_lazy("health")},
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    item("People", "person", "auth_user_changelist", "auth.view_user"),
                    item("Roles", "shield_person", "auth_group_changelist", "auth.view_group"),
                    item("API tokens", "key", "knox_authtoken_changelist", "knox.view_authtoken"),
                ],
            },
        ],
    },
}
