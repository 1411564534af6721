"""Grafana Alerting's webhook: Alertmanager's groups, with values, pictures and a title of Grafana's own."""

from dataclasses import replace
from typing import Any, Final

from servers.sources import alertmanager
from servers.sources.raw import Found, Templates

TEMPLATES: Final[Templates] = replace(
    alertmanager.TEMPLATES,
    # Organisations of one Grafana know nothing of each other's groups.
    group_key="{{ payload.orgId | default(1) }}:{{ payload.groupKey }}",
    title=(
        "{{ payload.commonAnnotations.summary or payload.commonLabels.alertname or payload.title"
        " or 'An alert of ' ~ payload.receiver }}"
    ),
    body="""\
{% for alert in payload.alerts %}
{{ alert.status | upper }}: {{ alert.labels.alertname or 'alert' }}
{{ alert.annotations.summary | default('') }}
{{ alert.annotations.description | default('') }}
{% if alert.values %}
values {{ alert.values | tojson }}
{% endif %}
{{ alert.labels | tojson }}
since {{ alert.startsAt | default('an unknown time') }}
{{ alert.generatorURL | default('') }}
{{ alert.silenceURL | default('') }}

{% endfor %}""",
)


def read(body: Any) -> list[Found]:
    """:raises BadBody: it is no group of alerts."""
    return alertmanager.read(body)
