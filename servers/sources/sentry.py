"""Sentry's integration platform: issue alerts, metric alerts, and the life of issues.

An issue alert and the issue itself share the key, so that resolving the issue in Sentry closes the ticket.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.sources.raw import Found, Ignored, Raw, Templates, labels_of, mapping, time_of

_BEGINS: Final = ("created", "unresolved")
_ENDS: Final = ("resolved", "archived", "ignored")

TEMPLATES: Final = Templates(
    group_key=(
        "{% if payload.kind == 'metric' %}metric:{{ payload.data.metric_alert.alert_rule.id }}"
        "{% else %}issue:{{ payload.data.issue.id or payload.data.event.issue_id }}{% endif %}"
    ),
    title=(
        "{{ payload.data.metric_alert.alert_rule.name or payload.data.issue.title"
        " or payload.data.event.title or payload.data.description_title }}"
    ),
    body="""\
{% if payload.kind == 'metric' %}
{{ payload.data.description_title | default('') }}
{{ payload.data.description_text | default('') }}
{{ payload.data.web_url | default('') }}
{% elif payload.data.issue %}
{{ payload.data.issue.title }}
{{ payload.data.issue.culprit | default('') }}
{{ payload.data.issue.count | default(1) }} events, {{ payload.data.issue.userCount | default(0) }} users
{{ payload.data.issue.shortId | default('') }} {{ payload.data.issue.web_url | default('') }}
{% else %}
{{ payload.data.event.title }}
{{ payload.data.event.culprit | default('') }}
rule {{ payload.data.triggered_rule | default('') }}
{{ payload.data.event.web_url | default('') }}
{% endif %}""",
    severity=(
        "{% if payload.kind == 'metric' %}{{ payload.action }}"
        "{% else %}{{ payload.data.issue.level or payload.data.event.level or 'error' }}{% endif %}"
    ),
    resolve_condition="{{ payload.over }}",
)


def read(body: Any) -> list[Found]:
    """:raises BadBody: it is no webhook of Sentry's."""
    hook = mapping(body, "body")
    data, action = mapping(hook.get("data"), "data"), str(hook.get("action", ""))
    if isinstance(alert := data.get("metric_alert"), Mapping):
        at = alert.get("date_closed") if action == "resolved" else alert.get("date_detected")
        rule = alert.get("alert_rule")
        environment = rule.get("environment") if isinstance(rule, Mapping) else None
        projects = alert.get("projects")
        first = projects[0] if isinstance(projects, list) and projects else None
        labels = labels_of({"environment": environment, "project": first})
        return [_raw(hook, "metric", labels, time_of(at), over=action == "resolved")]
    if isinstance(issue := data.get("issue"), Mapping):
        if action not in (*_BEGINS, *_ENDS):
            return [Ignored(f"An issue that was {action or 'changed'} opens and closes nothing.")]
        project = issue.get("project")
        labels = labels_of(
            {"project": project.get("slug") if isinstance(project, Mapping) else None}
        )
        # An issue does not say when it was resolved or opened again; when it came has to do.
        at = issue.get("lastSeen") if action == "created" else None
        return [_raw(hook, "issue", labels, time_of(at), over=action in _ENDS)]
    if isinstance(event := data.get("event"), Mapping):
        tags = event.get("tags")
        listed = tags if isinstance(tags, list) else []
        pairs = [tag for tag in listed if isinstance(tag, list) and len(tag) == 2]
        labels = labels_of({str(name): value for name, value in pairs})
        at = time_of(event.get("datetime"))
        return [_raw(hook, "event", labels, at, over=False)]
    return [Ignored("Of Sentry's webhooks, issue alerts, metric alerts and issues are read.")]


def _raw(hook: Mapping[str, Any], kind: str, labels: dict[str, str], at: Any, *, over: bool) -> Raw:
    return Raw(
        {**hook, "kind": kind, "over": over}, labels, at, labels.get("server_name", "")[:120]
    )
