"""Saved views of the ticket list: one's own, the shared ones and, for those who manage them, the desk's."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.serializers import ValidationError
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from tickets import services
from tickets.models import SavedView
from tickets.models.view import MANAGE, SHARE
from tickets.saved import address_of, check_rank, checked_ordering, checked_query
from tickets.services.saving import TooManyViews, check_room


class SavedViewForm(forms.ModelForm):
    query = forms.JSONField(
        widget=UnfoldAdminTextareaWidget,
        initial=dict,
        required=False,
        help_text='Filters as in the address of the list: {"status": "open", "assignee": "me"}',
    )

    class Meta:
        model = SavedView
        fields = ("name", "shared", "query", "ordering", "position")

    def clean_query(self) -> dict[str, str]:
        query = self.cleaned_data["query"] or {}
        if not isinstance(query, dict) or not all(isinstance(v, str) for v in query.values()):
            raise forms.ValidationError("Give an object of filters with their values as text.")
        return self._as_form(checked_query, query)

    def clean_ordering(self) -> str:
        return self._as_form(checked_ordering, self.cleaned_data["ordering"])

    def _as_form(self, check: Any, value: Any) -> Any:
        try:
            return check(value)
        except ValidationError as error:
            details: Any = error.detail
            raise forms.ValidationError([str(detail) for detail in details]) from None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        same = SavedView.objects.filter(owner=self.owner_of(), name=values.get("name"))
        # Who keeps a name may: people who left may have left the desk two of it.
        if "name" in self.changed_data and same.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "There is a view of this name already.")
        if not self.instance.pk:
            try:
                check_room(self.asker.pk)
            except TooManyViews as error:
                self.add_error(None, str(error))
        try:
            check_rank(values.get("query") or {}, values.get("ordering") or "")
        except ValidationError as error:
            self.add_error("ordering", [str(why) for why in error.detail["ordering"]])  # type: ignore[call-overload]
        return values

    def owner_of(self) -> Any:
        return self.instance.owner_id if self.instance.pk else self.asker.pk

    asker: Any = None


@admin.register(SavedView)
class SavedViewAdmin(ModelAdmin):
    form = SavedViewForm
    list_display = ("name", "owner", "shared", "filters", "position")
    list_filter = ("shared",)
    list_select_related = ("owner",)
    search_fields = ("name",)
    ordering = ("position", "name")

    @admin.display(description="Filters")
    def filters(self, view: SavedView) -> str:
        return address_of(view)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(request.user)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        form.asker = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: SavedView | None = None) -> Any:
        of_the_desk = obj is not None and obj.owner_id is None
        return () if request.user.has_perm(SHARE) and not of_the_desk else ("shared",)

    def has_change_permission(self, request: HttpRequest, obj: SavedView | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.may_be_changed_by(request.user))

    def has_delete_permission(self, request: HttpRequest, obj: SavedView | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        if obj is None:  # the list's action: only for those who may remove what others share
            return allowed and request.user.has_perm(MANAGE)
        # A person's private views, which nobody else sees here, go when the person is deleted.
        with_owner = not obj.shared and request.user.has_perm("auth.delete_user")
        return allowed and (with_owner or obj.may_be_changed_by(request.user))

    def save_model(self, request: HttpRequest, obj: SavedView, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.cleaned_data}
        if change:
            services.change_view(view=obj, values=values, now=timezone.now())
        else:
            obj.pk = services.create_view(owner=request.user, values=values).pk
            obj.owner_id = request.user.pk  # the message and the log name the view by its owner
