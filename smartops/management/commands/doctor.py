"""manage.py doctor: look at everything, and say how to mend what is wrong."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from smartops.doctor import Finding, Level, examine

SIGNS = {Level.OK: "ok     ", Level.WARNING: "WARNING", Level.ERROR: "ERROR  "}


class Command(BaseCommand):
    help = "Check settings, servers, workers and what waits; name each fix. Ends with 1 when something is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--quiet", action="store_true", help="only what is not as it should be")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine()
        wrong = [one for one in found if one.level is not Level.OK]
        shown = wrong if options["quiet"] else found
        if options["json"]:
            self.stdout.write(json.dumps([one.as_dict() for one in shown], indent=1))
        else:
            for one in shown:
                self._show(one)
            errors = sum(one.level is Level.ERROR for one in found)
            self.stdout.write(f"\n{errors} errors, {len(wrong) - errors} warnings.")
        if any(one.level is Level.ERROR for one in found):
            sys.exit(1)

    def _show(self, finding: Finding) -> None:
        style = {
            Level.OK: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.ERROR: self.style.ERROR,
        }[finding.level]
        self.stdout.write(f"{style(SIGNS[finding.level])} {finding.about:11} {finding.says}")
        if finding.fix:
            self.stdout.write(f"{'':20}→ {finding.fix}")
