"""What became of the configuration file, to read."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import display

from sla.models import ConfigFile
from workers.admin import ReadOnly


@admin.register(ConfigFile)
class ConfigFileAdmin(ReadOnly, ModelAdmin):
    list_display = ("path", "state", "applied_at", "checked_at")
    fields = ("path", "state", "wrong", "applied_at", "changed", "checked_at")
    readonly_fields = fields
    ordering = ("pk",)

    @display(description="State", label={"applied": "success", "refused": "danger"})
    def state(self, row: ConfigFile) -> str:
        if row.error:
            return "refused"
        return "applied" if row.digest else "no file"

    @admin.display(description="What is wrong in it; what was before holds")
    def wrong(self, row: ConfigFile) -> str:
        return _lines(row.error.splitlines())

    @admin.display(description="What was changed then")
    def changed(self, row: ConfigFile) -> str:
        return _lines(row.changes)


def _lines(lines: list[str]) -> str:
    items = format_html_join(
        "", '<li class="mb-1 break-words">{}</li>', ((line,) for line in lines)
    )
    return format_html("<ul>{}</ul>", items) if lines else "–"
