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

    def editable_by(self, user: Any) -> Self:
        """His own ones; for those who manage views every one that they see."""
        return self.visible_to(user) if user.has_perm(MANAGE) else self.filter(owner=user.pk)

    def in_order(self) -> Self:
        return self.select_related("owner").order_by("position", "name", "id")


class SavedView(models.Model):
    """Filters of the ticket list under a name. A shared one is seen by everybody who sees tickets."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
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
            models.UniqueConstraint(
                fields=["owner", "name"],
                name="tickets_savedview_once_per_owner",
                nulls_distinct=False,
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
