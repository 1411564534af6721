"""Terms of a rule as a person types them: one a line, `vpn 4` or just `vpn`."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from triage.terms import words_of

MOST_TERMS = 500
MOST_WEIGHT = 100.0


class TermsField(forms.CharField):
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "font-mono"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        kwargs.setdefault(
            "help_text",
            "One a line: a word or phrase, then its weight if it is not 1 (vpn 4; refund* 2).",
        )
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(f"{term['text']} {term.get('weight', 1):g}" for term in value)
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        lines = [line.strip() for line in (super().clean(value) or "").splitlines()]
        terms = [read_line(number, line) for number, line in enumerate(lines, start=1) if line]
        if len(terms) > MOST_TERMS:
            raise forms.ValidationError(
                f"{len(terms)} terms are too many; at most {MOST_TERMS} are allowed."
            )
        return terms


def read_line(number: int, line: str) -> dict[str, Any]:
    """Return one line as a term. A last word that is a number is the weight."""
    text, _, last = line.replace("=", " ").rstrip().rpartition(" ")
    try:
        weight = float(last)
    except ValueError:
        text, weight = line, 1.0
    text = " ".join(text.split())
    if not words_of(text):
        raise forms.ValidationError(f"Line {number} holds no word: {line!r}.")
    if not 0 < weight <= MOST_WEIGHT:
        raise forms.ValidationError(
            f"Line {number}: the weight must lie above 0 and at most {MOST_WEIGHT:g}, not {weight:g}."
        )
    return {"text": text, "weight": weight}
