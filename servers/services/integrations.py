"""Integrations: made, changed, their keys rotated and revoked."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from servers.keys import new_key
from servers.models import Integration, Source
from servers.sources import signatures
from servers.sources.reading import PRODUCTS, Sender, defaults, wrong_templates
from workers.encryption import encrypt

#: Where products post to.
INTAKE: Final = "/api/v1/intake/"
KEY_PREFIX: Final = "int"
TEMPLATES: Final = ("group_key", "title", "body", "severity", "resolve_condition")
#: For how long the old key is good too after a new one was made, where nobody says otherwise.
ROTATION: Final = timedelta(hours=24)
#: The sources whose bodies can be signed.
SIGNED: Final = frozenset(signatures.HEADERS)


def problems(
    values: Mapping[str, Any], *, integration: Integration | None = None
) -> dict[str, list[str]]:
    """Return what is wrong with a new integration, or with these changes of one: field -> messages."""

    def value(name: str) -> Any:
        return values.get(name, getattr(integration, name, None))

    errors = wrong_templates({name: values[name] for name in TEMPLATES if values.get(name)})
    if integration is not None and value("source") != integration.source:
        errors["source"] = ["The source of an integration stays. Make a new integration."]
    if value("source") not in PRODUCTS:
        for name in TEMPLATES:
            if value(name):
                errors[name] = ["Mail has no templates."]
    if values.get("secret") and value("source") not in SIGNED:
        label = Source(value("source")).label
        errors["secret"] = [f"{label} signs nothing. Leave it empty."]
    group, department = value("group"), value("department")
    if group and department and group.department_id != department.pk:
        errors["group"] = [f"{group} belongs to {group.department}, not {department}."]
    for name in ("recovery_grace", "reopen_window"):
        given = values.get(name)
        if given is not None and not timedelta(0) <= given <= timedelta(days=30):
            errors[name] = ["Use 0 seconds to 30 days."]
    return errors


@transaction.atomic
def create_integration(*, values: Mapping[str, Any]) -> tuple[Integration, str]:
    """Make an integration of values without `problems`. Returns it and its key, which is shown this once."""
    key = new_key(KEY_PREFIX)
    integration = Integration(**_columns(values), key_hash=key.hash, key_hint=key.hint)
    integration.save(force_insert=True)
    return integration, key.text


@transaction.atomic
def change_integration(*, integration: Integration, values: Mapping[str, Any]) -> Integration:
    """Change values without `problems`. An empty secret ends the checking of signatures."""
    columns = _columns(values)
    for name, value in columns.items():
        setattr(integration, name, value)
    if columns:
        integration.save(update_fields=list(columns))
    return integration


@transaction.atomic
def rotate_key(*, integration: Integration, now: datetime, keep_old: timedelta = ROTATION) -> str:
    """Give it a new key and return it; it is shown this once. The old one is good for another `keep_old`."""
    key = new_key(KEY_PREFIX)
    columns: dict[str, Any] = {"key_hash": key.hash, "key_hint": key.hint}
    # The key that another made in this moment is the old one.
    integration.refresh_from_db(
        fields=["key_hash", "key_hint"], from_queryset=Integration.objects.select_for_update()
    )
    # One that was revoked, as its missing hint tells, stays so.
    if keep_old and integration.key_hint:
        columns |= {
            "previous_key_hash": integration.key_hash,
            "previous_key_until": now + keep_old,
        }
    else:
        columns |= {"previous_key_hash": "", "previous_key_until": None}
    _set(integration, columns)
    return key.text


@transaction.atomic
def revoke_keys(*, integration: Integration) -> None:
    """No key opens it any more, until a new one is made."""
    nobodys = new_key(KEY_PREFIX).hash
    _set(
        integration,
        {
            "key_hash": nobodys,
            "key_hint": "",
            "previous_key_hash": "",
            "previous_key_until": None,
        },
    )


def address_of(source: str, key: str = "<key>") -> str:
    """The path that a product posts to; "" for mail."""
    return f"{INTAKE}{key}/{source}/" if source in PRODUCTS else ""


def find_by_key(hashed: str, now: datetime) -> Integration | None:
    """Whose key it is whose hash is given."""
    old = Q(previous_key_hash=hashed, previous_key_until__gt=now)
    return Integration.objects.filter(Q(key_hash=hashed) | old).first()


def sender_of(integration: Integration) -> Sender:
    """How its bodies are read."""
    given = {name: getattr(integration, name) for name in TEMPLATES}
    return Sender(
        product=integration.source,
        origin=f"integration:{integration.pk}",
        templates={name: source for name, source in given.items() if source},
        department=integration.department_id,
        group=integration.group_id,
    )


def templates_in_use(integration: Integration) -> dict[str, str]:
    """Each template by name: its own, or where that is empty its source's."""
    return {**defaults(integration.source), **sender_of(integration).templates}


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "secret" in columns:
        columns["encrypted_secret"] = encrypt(columns.pop("secret") or "")
    return columns


def _set(integration: Integration, columns: Mapping[str, Any]) -> None:
    for name, value in columns.items():
        setattr(integration, name, value)
    integration.save(update_fields=list(columns))
