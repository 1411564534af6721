"""A list of tickets that somebody, or the whole desk, comes back to."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

#: What a user without a role needs to change views of others: the role Admin has it.
MANAGE = "tickets.manage_savedview"
SHARE = "tickets.share_savedview"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: Any) -> Self:
        """His own ones and those that are shared."""
        return self.filter(Q(owner=user.pk) | Q(shared=True))

    def in_order(self) -> Self:
        return self.select_related("owner").order_by("position", "name", "id")


def leave_shared_ones(collector: Any, field: Any, views: Any, using: str) -> None:
    """When their owner is deleted: others use the shared views, which become the desk's; the private ones go."""
    models.CASCADE(collector, field, views.filter(shared=False), using)
    models.SET_NULL(collector, field, views.filter(shared=True), using)


class SavedView(models.Model):
    """Filters of the ticket list under a name. A shared one is seen by everybody who sees tickets."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=leave_shared_ones,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the desk's own, which those who manage views may change.",
    )
    name = models.CharField(max_length=80)
    shared = models.BooleanField(default=False, help_text="Everybody sees it.")
    #: Filter -> text, as in the list's address: {"status": "open,on_hold", "assignee": "me"}.
    query = models.JSONField(default=dict, blank=True)
    ordering = models.CharField(max_length=20, blank=True, help_text="As in the list's address")
    position = models.PositiveSmallIntegerField(default=100, help_text="Lowest first")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = "view"
        permissions = [
            ("share_savedview", "Can share views with everybody"),
            ("manage_savedview", "Can change everybody's shared views"),
        ]
        constraints = [
            # Two people who leave may have shared views of the same name.
            models.UniqueConstraint(
                fields=["owner", "name"], name="tickets_savedview_once_per_person"
            ),
            models.CheckConstraint(
                name="tickets_savedview_of_the_desk_is_shared",
                condition=Q(owner__isnull=False) | Q(shared=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.owner.get_username() if self.owner else 'the desk'}"

    def may_be_changed_by(self, user: Any) -> bool:
        own = self.owner_id is not None and self.owner_id == user.pk
        return own or (self.shared and user.has_perm(MANAGE))
