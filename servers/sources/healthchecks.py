"""healthchecks' webhook. Its body is what its owner types; docs/alerts.md has the one that is read here.

{"code": "$CODE", "name": $NAME_JSON, "status": "$STATUS", "tags": "$TAGS", "at": "$NOW"}
"""

from typing import Any, Final

from servers.sources.raw import BadBody, Found, Raw, Templates, mapping, server_of, time_of, word

_IDS: Final = ("code", "uuid", "unique_key", "slug")  # the others: those of $JSON

TEMPLATES: Final = Templates(
    group_key="{{ payload.code or payload.uuid or payload.unique_key or payload.slug }}",
    title="{{ payload.name or payload.slug or payload.code }} is {{ payload.status }}",
    body="""\
{{ payload.name or payload.slug or payload.code }} is {{ payload.status }}.
{{ payload.desc | default('') }}
{% if payload.tags %}
tags {{ payload.tags }}
{% endif %}
{% if payload.last_ping %}
last ping {{ payload.last_ping }}
{% endif %}
{{ payload.body | default('') }}""",
    severity="error",
    # Only what is down is a problem: "grace", say, is one that came back and is late again, but not too late.
    resolve_condition="{{ payload.status != 'down' }}",
)


def read(body: Any) -> list[Found]:
    """:raises BadBody: it does not say which check is how."""
    check = mapping(body, "body")
    status = word(check, "status", "up", "down", "grace", "started", "new", "paused")
    if not any(isinstance(check.get(name), str) and check[name] for name in _IDS):
        raise BadBody('code: say which check it is: "code": "$CODE".')
    tags = check.get("tags")
    words = tags.split() if isinstance(tags, str) else []
    pairs = [tag.replace("=", ":", 1).partition(":") for tag in words]
    labels = {name: value for name, mark, value in pairs if mark and name}
    if isinstance(check.get("name"), str):
        labels["check"] = check["name"][:200]
    return [Raw({**check, "status": status}, labels, time_of(check.get("at")), server_of(labels))]
