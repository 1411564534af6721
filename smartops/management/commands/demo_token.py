"""manage.py demo_token: an API token of the demo's admin, the same one until it expires."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from smartops import embedded
from tickets.services.access import create_token

LOGIN = "admin"


class Command(BaseCommand):
    help = "Print the demo's API token; with --json also the demo login."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=LOGIN).first()
        if not settings.DEMO or user is None:
            raise CommandError("There is no demo here. `make run` makes one (SMARTOPS_DEMO=1).")
        path = settings.VAR_DIR / "demo_token"
        text = path.read_text().strip() if path.exists() else ""
        if not text or not self._works(text):
            _, text = create_token(user=user)
            path.touch(mode=0o600)
            path.write_text(text)
        if options["json"]:
            password = embedded.kept_secret(settings.VAR_DIR / "demo_password")
            text = json.dumps({"username": LOGIN, "password": password, "token": text})
        self.stdout.write(text)

    def _works(self, text: str) -> bool:
        try:
            _, token = TokenAuthentication().authenticate_credentials(text.encode())
        except AuthenticationFailed:
            return False
        return token.expiry is None or token.expiry > timezone.now()
