"""Departments, groups, categories."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tickets.admin.fields import LISTS_ON_ONE_LINE
from tickets.models import Category, Department, SupportGroup


@admin.register(Department)
class DepartmentAdmin(ModelAdmin):
    list_display = ("name", "description", "restricted", "lead")
    list_select_related = ("lead",)
    search_fields = ("name",)
    ordering = ("name",)
    filter_horizontal = ("members",)
    autocomplete_fields = ("lead",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(request.user)


@admin.register(SupportGroup)
class SupportGroupAdmin(ModelAdmin):
    list_display = ("name", "department", "description")
    list_filter = ("department",)
    list_select_related = ("department",)
    search_fields = ("name",)
    ordering = ("department__name", "name")
    filter_horizontal = ("members",)


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    formfield_overrides = LISTS_ON_ONE_LINE
    list_display = ("name", "slug", "description", "aliases")
    search_fields = ("name", "slug")
    ordering = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: Category | None = None) -> Any:
        # Labels and classifiers speak of it by its slug: another one would make them speak of nothing.
        return ("slug",) if obj else ()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What names a category keeps it: a route without its last one would take every ticket."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        named = [
            f"{relation.related_model._meta.verbose_name}: {row}"
            for relation in Category._meta.related_objects
            if relation.many_to_many
            for row in relation.related_model._default_manager.filter(
                **{f"{relation.field.name}__in": objs}
            ).distinct()
        ]
        return deleted, counts, missing, [*protected, *named]
