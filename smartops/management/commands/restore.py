"""manage.py restore FILE: the database as it was when the backup was written."""

import signal
import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from analytics.services.exporting import expire_lost_files
from smartops.backup import Refused, Unfinished, restore
from smartops.backup.restoring import aftermath, has_another_key, in_a_line
from workers.words import number_of


class Command(BaseCommand):
    help = "Restore a backup into the database. Stop web, workers and beat first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="also a database that is in use")
        parser.add_argument(
            "--connected",
            action="store_true",
            help="also while others are connected, such as a pooler",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"].resolve()
        for number in (signal.SIGTERM, signal.SIGHUP):  # `docker stop`, a closed terminal
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        try:
            manifest = restore(path, replace=options["replace"], connected=options["connected"])
        except Refused as problem:
            raise CommandError(f"{problem} Nothing was changed.") from None
        except Unfinished as problem:
            raise CommandError(str(problem)) from None
        except (DatabaseError, InterfaceError, OSError) as problem:
            raise CommandError(f"{in_a_line(problem)}. {aftermath()}") from None
        except (SystemExit, KeyboardInterrupt) as stop:
            self.stderr.write(f"Stopped. {aftermath()}")
            sys.exit(stop.code if isinstance(stop, SystemExit) else 130)
        rows = sum(manifest.rows.values())
        self.stdout.write(
            f"{rows:,} rows of {len(manifest.rows)} tables, as of {manifest.made_at}."
        )
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write(
                f"It was of version {manifest.smartops}; its tables are brought up to date."
            )
            self._migrate()
        if lost := expire_lost_files():
            self.stdout.write(
                f"Backups hold no files of exports: {number_of(lost, 'has', 'have')} expired."
            )
        if has_another_key(manifest):
            self.stdout.write(
                self.style.WARNING(
                    f"It was made with another SECRET_KEY (fingerprint {manifest.key}): put that one into "
                    "SECRET_KEY_FALLBACKS, or enter addresses and passwords of channels and mailboxes anew."
                )
            )
        self.stdout.write("Start web, workers and beat: sweeps find all work that waits.")

    def _migrate(self) -> None:
        try:
            call_command("migrate", verbosity=1)
        except (DatabaseError, InterfaceError, CommandError) as problem:
            raise CommandError(
                f"{in_a_line(problem)}. All rows are back, in tables of the backup's version: mend that and run "
                "`manage.py migrate` before anything starts."
            ) from None
