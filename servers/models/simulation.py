"""What the simulation of servers keeps: how far it is, and what is planned for them."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from servers.models.server import STATES, Server


class Simulation(models.Model):
    """The one simulation of this desk. Its row is the lock that one tick at a time holds."""

    seed = models.BigIntegerField(
        default=20,
        validators=[MinValueValidator(0), MaxValueValidator(2**63 - 1)],
        help_text="Everything that happens by chance follows from it.",
    )
    intensity = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1000.0)],
        help_text="How much more often things break than by the rates: 0 never, 1 as often, 10 ten times.",
    )
    paused = models.BooleanField(default=False)
    #: All changes up to this moment have happened.
    until = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "simulation"
        constraints = [
            models.CheckConstraint(name="servers_simulation_only_one", condition=Q(pk=1)),
            models.CheckConstraint(
                name="servers_simulation_intensity_in_bounds",
                condition=Q(intensity__gte=0, intensity__lte=1000),
            ),
        ]

    def __str__(self) -> str:
        return f"Simulation of seed {self.seed}"


class PlannedMove(models.Model):
    """What will be done to a simulated server from outside: by an outage, a cascade, a deploy, a scenario."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    to = models.CharField(max_length=8, choices=STATES)
    #: How long it stays so at least by itself. Empty: as long as chance has it.
    stay = models.DurationField(null=True)
    reason = models.CharField(max_length=300)

    class Meta:
        indexes = [models.Index(fields=["at"], name="servers_planned_at")]

    def __str__(self) -> str:
        return f"{self.server_id} → {self.to} at {self.at:%Y-%m-%d %H:%M:%S}"
