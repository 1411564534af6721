"""manage.py demo_data: people, servers and two weeks of tickets to look around with."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from smartops import demo, demo_fleet, embedded
from workers.context import request_id


class Command(BaseCommand):
    help = "Create the demo's people, tickets and servers, once. Only with SMARTOPS_DEMO=1."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Demo people have a known password: set SMARTOPS_DEMO=1 if that is what you want."
            )
        with request_id("demo-data"), connection.cursor() as cursor:
            # Thousands of small transactions that nobody would miss: none waits for the disk.
            cursor.execute("SET synchronous_commit TO off")
            demo.people(password=embedded.kept_secret(settings.VAR_DIR / "demo_password"))
            made = demo.tickets(now=timezone.now())
            servers = demo_fleet.servers(now=timezone.now())
        there = "The demo data is there."
        self.stdout.write(f"{made} tickets, {servers} servers made." if made or servers else there)
