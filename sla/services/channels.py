"""Channels: made, changed, switched on again; their secrets, and messages that people ask for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from sla import subscriptions
from sla.messages import message
from sla.models import (
    Channel,
    ChannelKind,
    DeliveryAttempt,
    MessageKind,
    Notification,
    NotificationState,
    Outcome,
)
from sla.retrying import GIVE_UP_HOURS
from sla.services.outbox import insert
from sla.signing import new_secret
from workers import outgoing
from workers.addresses import Refused
from workers.dispatch import enqueue_each
from workers.encryption import Unreadable, decrypt, encrypt
from workers.errors import PermanentError
from workers.names import TaskName
from workers.words import number_of

#: For how long the old secret signs too after a new one was made.
ROTATION_HOURS: Final = 24
#: Messages a minute where nobody says otherwise.
RATES: Final = {ChannelKind.SLACK: 60, ChannelKind.WEBHOOK: 600, ChannelKind.EMAIL: 60}
#: A message that is due for so long is worth a look.
LATE: Final = timedelta(minutes=5)


def problems(values: dict[str, Any], *, channel: Channel | None = None) -> dict[str, list[str]]:
    """Return what is wrong with a new channel, or with these changes of one: field -> messages.

    `values` are columns, and `address`. Looks the address up, which may take seconds.
    """
    errors: dict[str, list[str]] = {}

    def value(name: str, nothing: Any) -> Any:
        given = values.get(name, getattr(channel, name, nothing) if channel else nothing)
        return nothing if given is None else given

    kind, address = value("kind", ""), values.get("address") or ""
    if channel is not None and kind != channel.kind:
        errors["kind"] = ["The kind of a channel stays. Make a new channel."]
    if kind == ChannelKind.EMAIL:
        if address:
            errors["address"] = ["A mail channel has recipients instead of an address."]
        if not value("recipients", []) and not value("for_people", False):
            errors["recipients"] = ["Give at least one address, or use the channel for people."]
    elif address:
        try:
            outgoing.check_address(address)
        except Refused as error:
            errors["address"] = [str(error)]
    elif channel is None:
        errors["address"] = ["Give the address that messages are sent to."]
    if kind != ChannelKind.EMAIL:
        if value("recipients", []):
            errors["recipients"] = ["Only a mail channel has recipients."]
        if value("for_people", False):
            errors["for_people"] = ["Only a mail channel can be the one for people."]
    if kind != ChannelKind.WEBHOOK and (value("events", []) or value("owner_id", "")):
        errors["events"] = ["Only a webhook can be a callback."]
    elif value("owner_id", "") and not value("events", []):
        errors["events"] = ["Say what the owner wants to hear of."]
    for recipient in value("recipients", []):
        try:
            validate_email(recipient)
        except ValidationError:
            errors["recipients"] = [f"{recipient!r} is not a mail address."]
    if value("for_people", False):
        other = Channel.objects.filter(for_people=True).first()
        if other is not None and other != channel:
            errors.setdefault("for_people", []).append(f"Channel {other} does that already.")
    return errors


@transaction.atomic
def create_channel(*, values: dict[str, Any]) -> tuple[Channel, str]:
    """Make a channel of values without `problems`. Returns it and a webhook's secret, which is shown this once."""
    columns = dict(values)
    address = columns.pop("address", "") or ""
    kind = columns["kind"]
    columns["rate_per_minute"] = columns.get("rate_per_minute") or RATES[kind]
    secret = new_secret() if kind == ChannelKind.WEBHOOK else ""
    channel = Channel(**columns, **_address(address), encrypted_secret=encrypt(secret))
    channel.allowance = float(channel.rate_per_minute)  # the first take cuts it to what may leave
    channel.save(force_insert=True)
    _changed()
    return channel, secret


@transaction.atomic
def change_channel(*, channel: Channel, values: dict[str, Any]) -> Channel:
    """Change values without `problems`. A new address, or `enabled`, gives the channel a fresh start.

    A new address switches a channel on again that delivery switched off.
    """
    columns = dict(values)
    address = columns.pop("address", "") or ""
    if address:
        columns |= _address(address)
        if channel.disabled_reason:
            columns.setdefault("enabled", True)
    if not columns.get("rate_per_minute", 1):
        columns["rate_per_minute"] = RATES[ChannelKind(channel.kind)]
    if address or columns.get("enabled"):
        columns |= _fresh()
    for name, value in columns.items():
        setattr(channel, name, value)
    if columns:
        channel.save(update_fields=list(columns))
    _changed()
    _go_on([channel.pk])
    return channel


@transaction.atomic
def delete_channel(*, channel: Channel) -> None:
    """Remove a channel with its routes and its messages."""
    _remove("n.channel_id = %s", [channel.pk])
    channel.delete()
    _changed()


@transaction.atomic
def rotate_secret(*, channel: Channel, now: datetime) -> str:
    """Give a webhook a new secret and return it; it is shown this once. The old one, if it can be read, signs too
    for a day.

    :raises PermanentError: it is no webhook.
    """
    if channel.kind != ChannelKind.WEBHOOK:
        raise PermanentError("Only webhooks have a secret.")
    secret = new_secret()
    try:
        decrypt(channel.encrypted_secret)
    except Unreadable:
        channel.encrypted_previous_secret, channel.previous_secret_until = "", None
    else:
        channel.encrypted_previous_secret = channel.encrypted_secret
        channel.previous_secret_until = now + timedelta(hours=ROTATION_HOURS)
    channel.encrypted_secret = encrypt(secret)
    names = ["encrypted_previous_secret", "previous_secret_until", "encrypted_secret"]
    channel.save(update_fields=names)
    return secret


@transaction.atomic
def enable_channels(*, ids: Sequence[int]) -> int:
    """Switch channels on again; what waits for them leaves. Returns how many."""
    count = Channel.objects.filter(pk__in=ids).update(enabled=True, **_fresh())
    _changed()
    _go_on(ids)
    return count


@transaction.atomic
def send_test(*, channel: Channel, actor: str, now: datetime) -> Notification:
    """Queue a message that says that the channel works.

    :raises PermanentError: the channel is switched off.
    """
    if not channel.enabled:
        raise PermanentError(f"Channel {channel} is switched off. Switch it on first.")
    text = f"This is a test of channel {channel}, asked for by {actor}."
    row = {
        "channel_id": channel.pk,
        "kind": MessageKind.TEST.value,
        "payload": message(MessageKind.TEST.value, now, {"message": text}),
        "key": f"test:{channel.pk}:{now.isoformat()}",
    }
    insert([row])
    _go_on([channel.pk])
    return Notification.objects.get(key=row["key"])


@transaction.atomic
def resend(*, ids: Sequence[int]) -> list[int]:
    """Queue messages that were sent or are dead once more, under their old ids. Returns them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {Notification._meta.db_table}
                   SET state = 'queued', outcome = '', error = '', attempts = 0, forced = true, ended_at = NULL,
                       digest = NULL, next_attempt_at = statement_timestamp(),
                       give_up_at = statement_timestamp() + interval '{GIVE_UP_HOURS} hours'
                 WHERE id = ANY(%s) AND state IN ('sent', 'dead') RETURNING id, channel_id""",
            [list(ids)],
        )
        rows = cursor.fetchall()
    _go_on({channel for _, channel in rows})
    return sorted(pk for pk, _ in rows)


def forget_old_notifications(now: datetime) -> int:
    """Remove messages that ended more than NOTIFICATION_DAYS ago, with their attempts. Returns how many."""
    return _remove("n.ended_at < %s", [now - timedelta(days=settings.NOTIFICATION_DAYS)])


def _remove(condition: str, parameters: list[Any]) -> int:
    """Remove messages with their attempts, which the ORM would load one by one. Returns how many messages."""
    messages, attempts = Notification._meta.db_table, DeliveryAttempt._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {attempts} a USING {messages} n WHERE n.id = a.notification_id AND {condition}",
            parameters,
        )
        cursor.execute(f"DELETE FROM {messages} n WHERE {condition}", parameters)
        return int(cursor.rowcount)


def notification_findings(now: datetime) -> list[str]:
    """What a person should look at, as sentences."""
    found = []
    dead = (
        Notification.objects.filter(
            state=NotificationState.DEAD, ended_at__gt=now - timedelta(hours=24)
        )
        .exclude(outcome=Outcome.OBSOLETE)
        .count()
    )
    if dead:
        found.append(
            f"{number_of(dead, 'notification', 'notifications')} could not be delivered in the last 24 hours "
            "(admin, Notifications)."
        )
    for channel in Channel.objects.filter(enabled=False).exclude(disabled_reason=""):
        found.append(f"Channel {channel} was switched off: {channel.disabled_reason}")
    oldest = (
        Notification.objects.filter(
            state__in=[NotificationState.QUEUED, NotificationState.RETRYING],
            next_attempt_at__lt=now - LATE,
            channel__enabled=True,
        )
        .order_by("next_attempt_at")
        .values_list("created_at", flat=True)
        .first()
    )
    if oldest:
        found.append(f"A notification waits since {oldest:%Y-%m-%d %H:%M:%S} UTC.")
    return found


def _address(address: str) -> dict[str, str]:
    host = outgoing.parse(address).host if address else ""
    return {"encrypted_address": encrypt(address), "host": host}


def _fresh() -> dict[str, Any]:
    return {"disabled_reason": "", "failures": 0, "next_attempt_at": None}


def _changed() -> None:
    subscriptions.forget()
    transaction.on_commit(subscriptions.forget)


def _go_on(channels: Any) -> None:
    enqueue_each(TaskName.SLA_DELIVER, sorted(channels))
