"""Prometheus Alertmanager's webhook, version 4: a group of alerts that is told of again when something changes.

One ticket for each group, as Alertmanager's own routing decided, with its alerts listed.

It does not say when it sent a message, and sends those of a group one after another: the order in which they come
decides. The times of its alerts would not do: one that a silence held back began before the others ended, and what
is sent again of one that still fires tells of its beginning.
"""

from typing import Any, Final

from servers.sources.raw import (
    Found,
    Raw,
    Templates,
    labels_of,
    mapping,
    mappings,
    server_of,
    time_of,
    word,
)

TEMPLATES: Final = Templates(
    group_key="{{ payload.groupKey }}",
    title=(
        "{{ payload.commonAnnotations.summary or payload.commonLabels.alertname"
        " or payload.alerts[0].annotations.summary or payload.alerts[0].labels.alertname"
        " or 'An alert of ' ~ payload.receiver }}"
    ),
    body="""\
{% for alert in payload.alerts %}
{{ alert.status | upper }}: {{ alert.annotations.summary or alert.labels.alertname or 'alert' }}
{% if alert.annotations.description %}
{{ alert.annotations.description }}
{% endif %}
{{ alert.labels | tojson }}
since {{ alert.startsAt | default('an unknown time') }}
{% if alert.status == 'resolved' %}
until {{ alert.endsAt | default('now') }}
{% endif %}

{{ alert.generatorURL | default('') }}

{% endfor %}
{% if payload.truncatedAlerts %}
{{ payload.truncatedAlerts }} more alerts were left out by the sender.
{% endif %}
{{ payload.externalURL | default('') }}""",
    severity="""\
{% if labels.severity %}{{ labels.severity }}{% else %}
{% for alert in payload.alerts if alert.status != 'resolved' %}
{{ alert.labels.severity | default('') }},
{% endfor %}
{% endif %}""",
    resolve_condition="{{ payload.status == 'resolved' }}",
)


def read(body: Any) -> list[Found]:
    """:raises BadBody: it is no group of alerts."""
    group = mapping(body, "body")
    status = word(group, "status", "firing", "resolved")
    alerts = mappings(group.get("alerts"), "alerts")
    labels = labels_of(group.get("groupLabels"), group.get("commonLabels"))
    first = labels_of(alerts[0].get("labels")) if alerts else {}
    firing = [alert for alert in alerts if alert.get("status") != "resolved"]
    times = [time for alert in firing if (time := time_of(alert.get("startsAt")))]
    server = server_of(labels) or (server_of(first) if len(alerts) == 1 else "")
    return [Raw({**group, "status": status}, labels, None, server, began=max(times, default=None))]
