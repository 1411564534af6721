"""One attempt: a message leaves by Slack, webhook or mail. Outside any transaction."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string

from sla import messages
from sla.models import Channel, ChannelKind, Notification
from sla.retrying import Result, Verdict, judge, read_retry_after
from sla.services.mailing import send_mail
from sla.signing import signed_headers
from workers import outgoing
from workers.addresses import Refused, Unreachable
from workers.encryption import Unreadable, decrypt

#: Of what a receiver says in its answer, so much is kept.
KEPT: Final = 300


def send(channel: Channel, batch: Sequence[Notification], *, now: datetime) -> Result:
    """Send one message, or several as one digest. Raises nothing: whatever goes wrong is a Result."""
    try:
        if channel.kind == ChannelKind.EMAIL:
            return _mail(channel, batch)
        return _post(channel, batch, now)
    except Refused as error:
        return Result(Verdict.GONE, None, str(error))
    except Unreachable as error:
        return Result(Verdict.PAUSE, None, str(error))
    except Unreadable as error:
        what = "Enter the channel's address again; a webhook needs a new secret too."
        return Result(Verdict.GONE, None, f"{error} {what}")
    except Exception as error:  # a message that cannot be made must not stop those behind it
        return Result(Verdict.RETRY, None, f"It could not be made: {type(error).__name__}.")


def _post(channel: Channel, batch: Sequence[Notification], now: datetime) -> Result:
    address = decrypt(channel.encrypted_address)
    headers = {"Content-Type": "application/json"}
    secrets = [decrypt(channel.encrypted_secret)] if channel.encrypted_secret else []
    if channel.kind == ChannelKind.SLACK:
        body = json.dumps(_slack(batch)).encode()
    else:
        [notification] = batch
        body = messages.webhook_body(notification.payload)
        if channel.previous_secret_until and channel.previous_secret_until > now:
            secrets.append(decrypt(channel.encrypted_previous_secret))
        headers |= signed_headers(body, message_id=notification.message_id, secrets=secrets, at=now)
    answer = outgoing.post(address, body=body, headers=headers)
    asked = answer.headers.get("retry-after")
    return judge(
        answer.status,
        retry_after=read_retry_after(asked, now=now) if asked else None,
        said=_harmless(answer.body, [address, *_parts(address), *secrets]),
    )


def _slack(batch: Sequence[Notification]) -> dict[str, Any]:
    if len(batch) == 1:
        return messages.slack_message(batch[0].payload)
    return messages.slack_digest([n.payload for n in batch], more_url=_list_url())


def _list_url() -> str:
    return f"{settings.PUBLIC_URL}/admin/sla/notification/"


def _parts(address: str) -> list[str]:
    """What of an address a receiver may repeat in its answer, and what may be a secret."""
    path = outgoing.parse(address).path
    return [path, *(part for part in path.replace("?", "/").split("/") if len(part) > 7)]


def _harmless(body: bytes, secrets: Sequence[str]) -> str:
    """The beginning of an answer as one line, without what must not be read by others."""
    text = body[:4096].decode("utf-8", "replace")
    for secret in secrets:
        if len(secret) > 1:
            text = text.replace(secret, "…")
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:KEPT]


def _mail(channel: Channel, batch: Sequence[Notification]) -> Result:
    """By Django's mail settings. The receivers of a channel see each other; people get mails of their own."""
    first = batch[0]
    receivers = [first.recipient] if first.recipient else list(channel.recipients)
    if not receivers:
        return Result(Verdict.REJECTED, None, "The channel has no recipients.")
    payloads = [notification.payload for notification in batch]
    digest = len(batch) > 1
    subject = messages.digest_headline(payloads) if digest else messages.headline(payloads[0])
    context = {
        "subject": subject,
        "alerts": [
            {
                "headline": messages.headline(payload),
                "fields": messages.fields(payload),
                "url": payload["data"].get("ticket", {}).get("url", ""),
            }
            for payload in payloads
        ],
        "digest": digest,
    }
    return send_mail(
        subject=f"[SmartOps] {subject}",
        text=render_to_string("sla/mail.txt", context),
        html=render_to_string("sla/mail.html", context),
        receivers=receivers,
        ticket=None if digest else first.ticket_id,
        unique=first.message_id,
    )
