"""What became of the configuration file: one row, for all workers."""

from django.db import models
from django.db.models import Q


class ConfigFile(models.Model):
    """The content that was last looked at: applied, or refused with `error`; then what was before holds."""

    path = models.CharField(max_length=1000, default="")
    #: SHA-256 of that content; empty: there is no file.
    digest = models.CharField(max_length=64, default="")
    error = models.TextField(default="", help_text="What is wrong, by line")
    line = models.PositiveIntegerField(null=True, help_text="Of the first error")
    applied_at = models.DateTimeField(null=True)
    changes = models.JSONField(default=list, help_text="What that changed, in sentences")
    checked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "configuration file"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="sla_configfile_one_row")]

    def __str__(self) -> str:
        return self.path or "Configuration file"
