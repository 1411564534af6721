"""The form's own fields: a grid of targets, and levels as YAML."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from sla.configfile import read_levels, show_levels
from sla.document import TIERS, Level, Metric, PolicyTerms
from sla.durations import parse_duration, show_duration
from sla.yamlfile import WrongFile

PRIORITIES = (1, 2, 3, 4)
#: Tier, priority, metric -> what is typed.
Cells = dict[tuple[str, int, str], str]


def cells_of(terms: PolicyTerms) -> Cells:
    return {
        (tier, priority, metric.value): show_duration(length)
        for tier, rows in terms.tiers.items()
        for priority, row in rows.items()
        for metric in Metric
        if (length := getattr(row, metric.value)) is not None
    }


def render_targets(cells: Cells, *, name: str = "", wrong: Any = ()) -> SafeString:
    """The grid; without a `name` to read only."""
    rows = [
        (
            tier,
            priority,
            [
                (_key(name, tier, priority, m), cells.get((tier, priority, m), ""), m.replace("_", " "),
                 (tier, priority, m) in wrong)
                for m in map(str, Metric)
            ],
        )
        for tier in TIERS
        for priority in PRIORITIES
        if name or any((tier, priority, m) in cells for m in map(str, Metric))
    ]  # fmt: skip
    columns = [str(metric).replace("_", " ").capitalize() for metric in Metric]
    context = {"rows": rows, "columns": columns, "editable": bool(name)}
    return render_to_string("admin/sla/targets.html", context)


def _key(name: str, tier: str, priority: int, metric: str) -> str:
    return f"{name}-{tier}-{priority}-{metric}"


class TargetsWidget(forms.Widget):
    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs)
        #: Cells that cannot be read, marked when the form is shown again.
        self.wrong: set[tuple[str, int, str]] = set()

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Cells:
        found: Cells = {}
        for tier in TIERS:
            for priority in PRIORITIES:
                for metric in map(str, Metric):
                    text = str(data.get(_key(name, tier, priority, metric), "")).strip()
                    if text:
                        found[tier, priority, metric] = text[:40]
        return found

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_targets(value or {}, name=name, wrong=self.wrong)

    def id_for_label(self, id_: str) -> str:
        return ""


class TargetsField(forms.Field):
    """Cleaned: tier -> priority -> metric -> timedelta."""

    widget = TargetsWidget

    def clean(self, value: Cells) -> dict[str, dict[int, dict[str, Any]]]:
        tiers: dict[str, dict[int, dict[str, Any]]] = {}
        errors, wrong = [], set()
        for (tier, priority, metric), text in value.items():
            try:
                tiers.setdefault(tier, {}).setdefault(priority, {})[metric] = parse_duration(text)
            except ValueError as error:
                wrong.add((tier, priority, metric))
                errors.append(
                    f"{tier.capitalize()} P{priority}, {metric.replace('_', ' ')}: {error}"
                )
        widget: Any = self.widget
        widget.wrong = wrong
        if errors:
            raise forms.ValidationError(errors)
        if not tiers:
            raise forms.ValidationError("Give targets for at least one tier and priority.")
        return tiers


class LevelsField(forms.CharField):
    """Cleaned: levels. What is wrong is told with its line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return show_levels(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[Level]:
        try:
            return read_levels(super().clean(value) or "")
        except WrongFile as error:
            raise forms.ValidationError(str(error).splitlines()) from None
