"""manage.py gameday --scenario FILE: play hours of failures in minutes, and report (docs/gameday.md)."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sla.yamlfile import MOST_BYTES, WrongFile
from smartops.gameday.driver import Failed, Stopped, rehearse
from smartops.gameday.report import show
from smartops.gameday.scenario import Scenario, read_scenario
from smartops.gameday.scratch import Refused


class Command(BaseCommand):
    help = (
        "Play hours of failures in minutes with this desk's policies, rules and routes, on a scratch database. "
        "Ends with 0, with 1 when something was lost or happened twice, with 2 when it could not be played."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scenario",
            type=Path,
            required=True,
            help="A YAML file, such as those of config/gamedays/",
        )
        parser.add_argument(
            "--speed",
            type=float,
            default=600,
            help="Times real time, at most (600: an hour in 6 s)",
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON")
        parser.add_argument("--keep", action="store_true", help="Keep the database to look at it")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["speed"] <= 100_000:
            raise CommandError("--speed must be between 1 and 100000.", returncode=2)
        scenario = self._read(options["scenario"])
        # No exception at any moment: Python drops one that comes while it starts a process.
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        try:
            found = rehearse(
                options["scenario"],
                scenario,
                speed=options["speed"],
                keep=options["keep"],
                say=self._say,
                stopping=stopping,
            )
        except (Refused, Failed, psycopg.OperationalError) as error:
            raise CommandError(str(error), returncode=2) from None
        except Stopped:
            raise CommandError("Stopped. Nothing is left of it.", returncode=2) from None
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else show(found))
        if found["wrong"]:
            sys.exit(1)

    def _read(self, path: Path) -> Scenario:
        try:
            with path.open("rb") as file:
                return read_scenario(file.read(MOST_BYTES + 1))
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=2) from None
        except WrongFile as error:
            lines = "\n".join(f"{path}: {line}" for line in str(error).splitlines())
            raise CommandError(lines, returncode=2) from None

    def _say(self, line: str) -> None:
        self.stderr.write(line)
