"""How fresh the figures are, for operators."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from analytics.models import ChangedTicket, RollupState
from workers.admin import ReadOnly

#: Counted up to here: more is "many".
_COUNTED = 10_000


@admin.register(RollupState)
class RollupStateAdmin(ReadOnly, ModelAdmin):
    list_display = ("as_of", "refreshed_at", "tickets", "milliseconds", "waiting")
    list_display_links = None
    ordering = ("pk",)

    @admin.display(description="Changes that wait")
    def waiting(self, state: RollupState) -> str:
        count = ChangedTicket.objects.values("pk")[: _COUNTED + 1].count()
        return f"{count:,}" if count <= _COUNTED else f"more than {_COUNTED:,}"
