"""The three roles, each a permission group: Viewer reads, Agent works on tickets, Admin also configures."""

from typing import Final

#: Role -> the permissions it adds to those of the role before it: "app.codename".
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "Viewer": (
        "tickets.view_ticket",
        "tickets.view_ticketevent",
        "tickets.view_comment",
        "tickets.view_attachment",
        "tickets.view_department",
        "tickets.view_supportgroup",
        "tickets.view_category",
        *(f"tickets.{verb}_savedview" for verb in ("view", "add", "change", "delete")),
        *(f"sla.view_{model}" for model in ("slaclock", "clockevent", "escalation")),
        "triage.view_triagejob",
        "triage.view_triagebatch",
        "triage.view_triagedecision",
        "triage.view_triageattempt",
        "triage.view_rule",
        "triage.view_routingrule",
        "triage.view_prioritycell",
        "triage.view_classifiermodel",
        *(f"triage.view_{model}" for model in ("prompt", "askpolicy", "llmrequest", "llmcall")),
        "triage.view_promotion",
        "triage.view_fieldpolicy",
        "triage.view_trainingrun",
        "triage.view_shadowprediction",
        "triage.view_driftday",
        "triage.view_correction",
        *(f"sla.view_{model}" for model in ("channel", "channelroute", "notification")),
        "sla.view_deliveryattempt",
        "sla.view_businesscalendar",
        "sla.view_slapolicy",
        "sla.view_slapolicyversion",
        "sla.view_escalation",
        *(f"servers.view_{model}" for model in ("heartbeat", "check", "checkresult")),
        *(f"servers.view_{model}" for model in ("server", "serverevent", "simulation")),
        *(f"servers.view_{model}" for model in ("incident", "storm", "maintenancewindow")),
        "servers.view_integration",
        *(f"analytics.{verb}_export" for verb in ("view", "add")),
    ),
    "Agent": (
        "tickets.add_ticket",
        "tickets.change_ticket",
        "tickets.add_comment",
        "tickets.add_attachment",
        "tickets.share_savedview",
        "triage.add_triagejob",
        "servers.operate_server",
        *(f"servers.{verb}_maintenancewindow" for verb in ("add", "change", "delete")),
        "servers.view_mailmessage",
    ),
    "Admin": (
        "tickets.delete_ticket",
        "tickets.delete_attachment",
        "tickets.manage_savedview",
        *(
            f"tickets.{verb}_{model}"
            for model in ("department", "supportgroup", "category")
            for verb in ("add", "change", "delete")
        ),
        *(
            f"triage.{verb}_{model}"
            for model in ("rule", "routingrule")
            for verb in ("add", "change", "delete")
        ),
        *(
            f"sla.{verb}_{model}"
            for model in ("channel", "channelroute")
            for verb in ("add", "change", "delete")
        ),
        "sla.change_notification",
        "triage.change_prioritycell",
        "triage.view_duplicatepolicy",
        "triage.change_duplicatepolicy",
        *(f"triage.{verb}_prompt" for verb in ("add", "change")),
        *(f"triage.{verb}_askpolicy" for verb in ("add", "change", "delete")),
        "triage.change_fieldpolicy",
        "triage.change_classifiermodel",
        "triage.delete_classifiermodel",
        *(f"sla.{verb}_businesscalendar" for verb in ("add", "change", "delete")),
        *(f"sla.{verb}_slapolicy" for verb in ("add", "change")),
        *(
            f"servers.{verb}_{model}"
            for model in ("heartbeat", "check")
            for verb in ("add", "change", "delete")
        ),
        "sla.view_configfile",
        *(f"servers.{verb}_server" for verb in ("add", "change", "delete")),
        "servers.change_simulation",
        *(f"servers.{verb}_integration" for verb in ("add", "change", "delete")),
        *(f"servers.{verb}_delivery" for verb in ("view", "change")),
        *(f"servers.{verb}_mailbox" for verb in ("view", "add", "change", "delete")),
        "servers.change_mailmessage",
        "analytics.view_rollupstate",
        "analytics.change_export",
        *(f"analytics.{verb}_reportschedule" for verb in ("view", "add", "change", "delete")),
        "analytics.view_reportdelivery",
        "workers.view_deadletter",
        "workers.change_deadletter",
        "workers.view_tally",  # /metrics
        *(f"auth.{verb}_user" for verb in ("view", "add", "change")),
        "auth.view_group",
        *(f"knox.{verb}_authtoken" for verb in ("view", "add", "delete")),
        *(
            f"django_celery_beat.{verb}_{model}"
            for model in ("periodictask", "intervalschedule")
            for verb in ("view", "change")
        ),
    ),
}


def permissions_of(role: str) -> list[str]:
    """Everything that `role` may do, inherited permissions included."""
    names = list(ROLES)
    return [permission for name in names[: names.index(role) + 1] for permission in ROLES[name]]
