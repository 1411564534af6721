"""What the desk asks of others: a mail server, addresses of channels."""

import smtplib
from collections.abc import Iterator

from django.conf import settings
from django.core.mail import get_connection

from analytics.models import ReportSchedule
from sla.models import Channel, ChannelKind
from smartops.doctor.finding import Finding, error, ok
from workers.addresses import Refused
from workers.encryption import Unreadable, decrypt
from workers.outgoing import check_address


def mail_server() -> Iterator[Finding]:
    """Its greeting, TLS and login are tried; nothing is sent."""
    by_channel = Channel.objects.filter(enabled=True, kind=ChannelKind.EMAIL).exists()
    if not by_channel and not ReportSchedule.objects.filter(enabled=True).exists():
        yield ok("mail", "No channel and no report sends mail.")
        return
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection():
            pass
    except (OSError, smtplib.SMTPException) as problem:
        yield error(
            "mail",
            f"The mail server {where} does not let us in ({type(problem).__name__}).",
            "Correct EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS and its login.",
        )
    else:
        yield ok("mail", f"The mail server {where} lets us in.")


def channels() -> Iterator[Finding]:
    """Whether each enabled channel's address may be called. Nothing is sent."""
    others = Channel.objects.filter(enabled=True).exclude(kind=ChannelKind.EMAIL).order_by("pk")
    refused = 0
    for channel in others:
        try:
            check_address(decrypt(channel.encrypted_address))
        except Unreadable:
            continue  # the look at secrets says so
        except Refused as problem:
            refused += 1
            yield error(
                "channels",
                f"Channel {channel.name} cannot be called: {problem}",
                "Correct its address, or vouch for it in OUTGOING_ALLOW.",
            )
    if not refused:
        yield ok("channels", f"{len(others)} channels may be called.")
