"""manage.py reencrypt_secrets: the step between a new SECRET_KEY and the end of the old one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workers.stored_secrets import reencrypt


class Command(BaseCommand):
    help = "Encrypt with SECRET_KEY what a key of SECRET_KEY_FALLBACKS still reads."

    def handle(self, *args: Any, **options: Any) -> None:
        done, lost = reencrypt()
        self.stdout.write(f"{done} stored secrets were encrypted anew.")
        if lost:
            raise CommandError(
                f"{lost} cannot be read by any key: put the right one into SECRET_KEY_FALLBACKS, "
                "or enter those secrets anew in the admin."
            )
