"""manage.py fleet create: simulated servers to look at, to train on, or to put load on a desk."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from servers.services.simulation import make_fleet
from servers.simulation.layout import REGIONS
from workers.errors import PermanentError


class Command(BaseCommand):
    help = "Make simulated servers (docs/servers.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="what", required=True, metavar="create")
        create = commands.add_parser("create", help="Make servers, which boot at once")
        create.add_argument("--servers", type=int, default=60, help="How many (60)")
        create.add_argument("--regions", type=int, default=3, help=f"1 to {len(REGIONS)} (3)")
        create.add_argument("--seed", type=int, default=20, help="What happens follows from it")

    def handle(self, *args: Any, **options: Any) -> None:
        count, regions, seed = options["servers"], options["regions"], options["seed"]
        if not 1 <= count <= 1_000_000:
            raise CommandError("--servers: give a number from 1 to 1,000,000.")
        if not 1 <= regions <= len(REGIONS):
            raise CommandError(f"--regions: give a number from 1 to {len(REGIONS)}.")
        if not 0 <= seed < 2**63:
            raise CommandError("--seed: give a number from 0 to 2^63 - 1.")
        try:
            make_fleet(count=count, regions=regions, seed=seed, now=timezone.now())
        except PermanentError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count:,} simulated servers are booting.")
