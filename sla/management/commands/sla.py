"""manage.py sla plan FILE, sla apply FILE: try a configuration file out, and put it in force."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from sla.catalog import Change
from sla.services.config import apply_file, plan_file
from sla.services.planning import Plan
from sla.yamlfile import MOST_BYTES, WrongFile


class Command(BaseCommand):
    help = "Plan or apply a file with calendars and policies (docs/sla.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="what", required=True, metavar="plan|apply")
        plan = commands.add_parser("plan", help="Print what FILE would change; write nothing")
        apply = commands.add_parser("apply", help="Put FILE in force, whole or not at all")
        for command in (plan, apply):
            command.add_argument("file", type=Path)
        apply.add_argument(
            "--move-open",
            action="store_true",
            help="Move the deadlines of open tickets too (a changed calendar always does)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=2) from None
        try:
            if options["what"] == "plan":
                self._show(plan_file(content=content, now=timezone.now()))
            else:
                self._apply(content, path, options["move_open"])
        except WrongFile as error:
            for line in str(error).splitlines():
                self.stderr.write(f"{path}: {line}")
            self.stderr.write("Nothing was changed.")
            sys.exit(1)

    def _apply(self, content: bytes, path: Path, move_open: bool) -> None:
        changes, moved = apply_file(
            content=content, path=path, actor="manage.py", now=timezone.now(), move_open=move_open
        )
        self._changes(tuple(changes))
        self.stdout.write(f"Applied. The deadlines of {moved:,} open tickets moved.")

    def _show(self, plan: Plan) -> None:
        self._changes(plan.changes, plan.open_tickets)
        if not plan.changes:
            return
        self.stdout.write(str(plan.moves))
        when = (
            "They move when this is applied, because a calendar changes."
            if plan.moves_calendar
            else "They stay as they are unless it is applied with --move-open."
        )
        if plan.moves.tickets:
            self.stdout.write(when)

    def _changes(self, changes: tuple[Change, ...], tickets: dict[str, int] | None = None) -> None:
        for change in changes:
            count = (tickets or {}).get(change.name, 0)
            used = f" ({count:,} open tickets)" if change.kind == "policy" and count else ""
            self.stdout.write(f"{change.kind} {change.name}: {change.action}{used}")
            for field, old, new in change.fields:
                old_text = f"{old or '–'} → " if change.action != "new" else ""
                self.stdout.write(f"    {field}: {old_text}{new or '–'}")
        if not changes:
            self.stdout.write(
                "Nothing would change." if tickets is not None else "Nothing changed."
            )
