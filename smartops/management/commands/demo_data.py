"""manage.py demo_data: people and two weeks of tickets to look around with."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from smartops import demo, embedded
from workers.context import request_id


class Command(BaseCommand):
    help = "Create the demo's people and tickets. Does nothing the second time. Only with SMARTOPS_DEMO=1."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Demo people have a known password: set SMARTOPS_DEMO=1 if that is what you want."
            )
        with request_id("demo-data"):
            demo.people(password=embedded.kept_secret(settings.VAR_DIR / "demo_password"))
            made = demo.tickets(now=timezone.now())
        self.stdout.write(f"{made} demo tickets made." if made else "The demo data is there.")
