"""manage.py demo_data: people, servers and two weeks of tickets to look around with."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from smartops import demo, demo_fleet, embedded
from workers.context import request_id


class Command(BaseCommand):
    help = "Create the demo's people, tickets and servers, once. Only with SMARTOPS_DEMO=1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--login", action="store_true", help="Print what demo_token --json does"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Demo people have a known password: set SMARTOPS_DEMO=1 if that is what you want."
            )
        with request_id("demo-data"), connection.cursor() as cursor:
            # Thousands of small transactions that nobody would miss: none waits for the disk. A pooler would lend
            # the connection so to others.
            if not settings.DATABASE_POOLER:
                cursor.execute("SET synchronous_commit TO off")
            demo.people(password=embedded.kept_secret(settings.VAR_DIR / "demo_password"))
            made = demo.tickets(now=timezone.now())
            servers = demo_fleet.servers(now=timezone.now())
        if options["login"]:
            call_command("demo_token", "--json", stdout=self.stdout)
        elif made or servers:
            self.stdout.write(f"{made} tickets, {servers} servers made.")
        else:
            self.stdout.write("The demo data is there.")
