"""manage.py backup FILE: everything that must not be lost, in one file, while the desk goes on."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smartops.backup import Refused, write


class Command(BaseCommand):
    help = "Write a consistent, compressed backup of the database into one file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--overwrite", action="store_true", help="a file that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"].resolve()
        if path.exists() and not options["overwrite"]:
            raise CommandError(f"{path} is there already. Name another file, or use --overwrite.")
        try:
            manifest = write(path)
        except (Refused, OSError) as problem:
            raise CommandError(str(problem)) from None
        megabytes = path.stat().st_size / 2**20
        self.stdout.write(
            f"{path}: {sum(manifest.rows.values()):,} rows of {len(manifest.rows)} tables, {megabytes:.1f} MB. "
            f"Secrets in it need the SECRET_KEY with the fingerprint {manifest.key}: keep that elsewhere."
        )
