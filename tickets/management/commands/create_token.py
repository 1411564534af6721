"""manage.py create_token USER: an API token for a person or a program."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tickets.roles import ROLES
from tickets.services.access import create_token, give_role


class Command(BaseCommand):
    help = "Print a new API token for USER. Its text is shown this once; only a hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--days", type=int, help="Lifetime (default: API_TOKEN_DAYS)")
        parser.add_argument(
            "--create",
            choices=list(ROLES),
            help="Create the user, without a password, in this role",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days must lie between 1 and 3650.")
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            if not options["create"]:
                raise CommandError(
                    f"There is no user {options['user']!r}. Create one with --create ROLE."
                )
            user = User.objects.create_user(options["user"])
            give_role(user=user, role=options["create"])
        _, text = create_token(user=user, lifetime=timedelta(days=days) if days else None)
        self.stdout.write(text)
