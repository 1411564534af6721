"""The ticket's form: what people may edit, and the version that they saw."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from tickets.intake import DESCRIPTION_MAX_BYTES
from tickets.models import Ticket

EDITABLE = (
    *(
        "title",
        "description",
        "requester_name",
        "requester_email",
        "customer_tier",
        "server",
        "tags",
    ),
    *("impact", "urgency", "priority", "category", "department", "group", "assignee"),
)


class TicketForm(forms.ModelForm):
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Ticket
        fields = EDITABLE
        widgets = {"title": UnfoldAdminTextInputWidget, "description": UnfoldAdminTextareaWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean_description(self) -> str:
        text: str = self.cleaned_data["description"]
        if len(text.encode()) > DESCRIPTION_MAX_BYTES:
            raise forms.ValidationError("At most 64 KB are allowed.")
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        group, department = data.get("group"), data.get("department")
        if group and department and group.department_id != department.pk:
            if "group" in self.changed_data:
                self.add_error("group", f"{group} belongs to {group.department}, not {department}.")
            else:
                data["group"] = None
        seen = data.get("seen_version")
        if self.instance.pk and seen:
            now = (
                Ticket.objects.filter(pk=self.instance.pk).values_list("version", flat=True).first()
            )
            if now != seen:
                raise forms.ValidationError(
                    "Somebody changed this ticket while you were writing. Look at it in another tab: "
                    "what you typed is still here."
                )
        return data


class FilesWidget(UnfoldAdminFileFieldWidget):
    allow_multiple_selected = True


class CommentForm(forms.Form):
    body = forms.CharField(
        label="",
        max_length=20_000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "Write a comment"}),
    )
    uploads = forms.FileField(
        required=False, widget=FilesWidget(attrs={"multiple": True, "aria-label": "Files"})
    )
    internal = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, label="Internal: the requester does not see it"
    )
    from_requester = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, label="The requester said it"
    )
