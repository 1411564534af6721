"""manage.py read_mail INTEGRATION [FILE]: take in a mail that a mail server hands over."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from servers.models import Integration, MailResult, Source
from servers.services.mails import take_mail


class Command(BaseCommand):
    help = "Take in one mail, from FILE or standard input. The same mail again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("integration", help="Name of an integration whose source is email")
        parser.add_argument("file", nargs="?", default="-", help="- is standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        name, file = options["integration"], options["file"]
        integration = Integration.objects.filter(
            name=name, source=Source.EMAIL, enabled=True
        ).first()
        if integration is None:
            raise CommandError(f"There is no email integration {name!r} that is enabled.")
        try:
            raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        if len(raw) > settings.MESSAGE_MAX_MB * 1024 * 1024:
            raise CommandError(f"The mail is larger than {settings.MESSAGE_MAX_MB} MB.")
        row = take_mail(integration=integration, raw=raw, now=timezone.now())
        about = f"ticket {row.ticket_id}" if row.ticket_id else row.detail
        self.stdout.write(f"{row.result}: {about}")
        if row.result == MailResult.FAILED:
            raise CommandError("It is kept (admin, Mails).")
