"""Who answers for tickets, and what they can be about."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from tickets.querysets import DepartmentQuerySet


class Department(models.Model):
    """Who answers for a ticket. A restricted one is seen by its members only."""

    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True)
    restricted = models.BooleanField(default=False, help_text="Only members see its tickets.")
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="departments",
        help_text="Needed when restricted.",
    )
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Hears of escalations.",
    )

    objects = DepartmentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class SupportGroup(models.Model):
    """The people of a department who do one kind of work."""

    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True)
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="groups")
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="support_groups",
        help_text="Hear of escalations of the group's tickets.",
    )

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """What a ticket is about. The slug is what the API speaks and what models are trained on."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    aliases = ArrayField(
        models.CharField(max_length=50),
        default=list,
        blank=True,
        help_text="Other words for it, as clients send them.",
    )

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name
