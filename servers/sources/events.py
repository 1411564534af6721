"""PagerDuty Events API v2: one event, which triggers, acknowledges or resolves what its dedup_key names."""

from typing import Any, Final

from servers.sources.raw import (
    BadBody,
    Found,
    Raw,
    Templates,
    labels_of,
    mapping,
    server_of,
    time_of,
    word,
)

MOST_KEY: Final = 255

TEMPLATES: Final = Templates(
    group_key="{{ payload.dedup_key | default('') }}",
    title="{{ payload.payload.summary | default('') }}",
    body="""\
{{ payload.payload.summary | default('') }}
source {{ payload.payload.source | default('unknown') }}
{% for name in ['component', 'group', 'class', 'timestamp'] %}
{% if payload.payload[name] %}
{{ name }} {{ payload.payload[name] }}
{% endif %}
{% endfor %}
{% if payload.payload.custom_details %}
{{ payload.payload.custom_details | tojson }}
{% endif %}
{% for link in payload.links %}
{{ link.text | default('') }} {{ link.href | default('') }}
{% endfor %}
{% for image in payload.images %}
{{ image.alt | default('') }} {{ image.href or image.src or '' }}
{% endfor %}
{{ payload.client | default('') }} {{ payload.client_url | default('') }}""",
    severity="{{ payload.payload.severity | default('') }}",
    resolve_condition="{{ payload.event_action == 'resolve' }}",
)


def read(body: Any) -> list[Found]:
    """:raises BadBody: it is no event."""
    event = mapping(body, "body")
    action = word(event, "event_action", "trigger", "acknowledge", "resolve")
    key = event.get("dedup_key") or ""
    if not isinstance(key, str) or len(key) > MOST_KEY:
        raise BadBody(f"dedup_key: use a text of at most {MOST_KEY} characters.")
    if action == "trigger":
        details = mapping(event.get("payload"), "payload")
        if not isinstance(details.get("summary"), str) or not details["summary"].strip():
            raise BadBody("payload.summary: say in a line what happened.")
    else:
        details = mapping(event.get("payload") or {}, "payload")
        if not key:
            raise BadBody(f"dedup_key: to {action}, name the event that is meant.")
    shown = {name: event_part for name, event_part in event.items() if name != "routing_key"}
    facts = {name: value for name, value in details.items() if name not in ("summary", "timestamp")}
    labels = labels_of(facts)
    server = server_of({"host": labels.get("source", "")})
    at = time_of(details.get("timestamp"))
    return [Raw({**shown, "event_action": action}, labels, at, server, action == "acknowledge")]
