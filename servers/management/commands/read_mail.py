"""manage.py read_mail INTEGRATION [FILE]: take in a mail that a mail server hands over."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from servers.models import Integration, MailMessage, Source
from servers.services.mails import take_mail

#: What a mail server understands (sysexits.h): it keeps the mail and comes back with it, or returns it.
COME_BACK: Final = 75
NEVER: Final = 65


class Command(BaseCommand):
    help = "Take in one mail, from FILE or standard input. The same mail again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("integration", help="Name of an integration whose source is email")
        parser.add_argument("file", nargs="?", default="-", help="- is standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        raw = _read(options["file"])
        try:
            row = self._take(options["integration"], raw)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database is away: {error}", returncode=COME_BACK) from None
        about = f"ticket {row.ticket_id}" if row.ticket_id else row.detail
        self.stdout.write(f"{row.result}: {about}")

    def _take(self, name: str, raw: bytes) -> MailMessage:
        found = Integration.objects.filter(name=name, source=Source.EMAIL, enabled=True)
        integration = found.select_related("department", "group").first()
        if integration is None:
            raise CommandError(
                f"There is no email integration {name!r} that is enabled.", returncode=COME_BACK
            )
        return take_mail(integration=integration, raw=raw, now=timezone.now())


def _read(file: str) -> bytes:
    most = settings.MESSAGE_MAX_MB * 1024 * 1024
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            raw = stream.read(most + 1)
    except OSError as error:
        raise CommandError(
            f"{file} cannot be read: {error.strerror}.", returncode=COME_BACK
        ) from None
    if len(raw) > most:
        raise CommandError(
            f"The mail is larger than {settings.MESSAGE_MAX_MB} MB.", returncode=NEVER
        )
    return raw
