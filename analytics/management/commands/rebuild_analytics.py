"""manage.py rebuild_analytics: count all figures again from the raw tables."""

from typing import Any

from django.core.management.base import BaseCommand

from analytics import services


class Command(BaseCommand):
    help = (
        "Forget all that was counted and count every ticket again. The desk goes on working; until it is done,"
        " the figures are not whole and say that they have no age. Stopped in between, the next tick goes on."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        def tell(count: int) -> None:
            self.stdout.write(f"{count:,} tickets counted.")

        self.stdout.write(f"{services.rebuild_figures(tell=tell):,} tickets counted: done.")
