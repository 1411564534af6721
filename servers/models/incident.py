"""One problem: what a failed server or alerts of one key became."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Now

from servers.lifecycle import State as ServerState
from servers.models.integration import Integration
from servers.models.server import Server
from servers.models.storm import Storm
from tickets.lifecycle import Status
from tickets.models import Level, Ticket
from tickets.querysets import hidden_department_ids


class IncidentState(models.TextChoices):
    FIRING = "firing"
    #: It is well again, and resolved when it stays so until `resolve_at`.
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def active(self) -> Self:
        return self.exclude(state=IncidentState.RESOLVED)

    def latest_of(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], "Incident"]:
        """The newest incident of each (origin, key). If one of them is not resolved, it is this one."""
        rows = self.raw(
            f"""SELECT i.* FROM unnest(%s::text[], %s::text[]) AS wanted (origin, key)
                  JOIN LATERAL (SELECT * FROM {Incident._meta.db_table}
                                 WHERE origin = wanted.origin AND key = wanted.key
                                 ORDER BY id DESC LIMIT 1) i ON true""",
            [[origin for origin, _ in keys], [key for _, key in keys]],
        )
        return {(row.origin, row.key): row for row in rows}

    def due(self, *, now: datetime, still_since: datetime) -> Self:
        """What stayed well until `now`, and what flapped and did not change after `still_since`."""
        last = Cast(KeyTextTransform("-1", "changed_at"), models.DateTimeField())
        calm = Q(flapping_since__isnull=False, last_change__lte=still_since)
        return self.alias(last_change=last).filter(Q(resolve_at__lte=now) | calm).order_by("pk")

    def let_go(self, now: datetime) -> Self:
        """What fires without a ticket, and is covered by no maintenance window any more."""
        windows = MaintenanceWindow.objects.at(now).filter(labels__contained_by=OuterRef("labels"))
        firing = self.filter(state=IncidentState.FIRING, held__isnull=False)
        return firing.exclude(Exists(windows)).order_by("pk")

    def still_failed(self, dismissed_until: datetime, now: datetime) -> Self:
        """What a person ended until then, though the server has failed to this day and no window covers it."""
        windows = MaintenanceWindow.objects.at(now).filter(labels__contained_by=OuterRef("labels"))
        rows = self.filter(dismissed_at__lte=dismissed_until, integration=None)
        failed = rows.filter(server__state=ServerState.FAILED, ticket__merged_into=None)
        ended = failed.filter(ticket__status__in=[Status.RESOLVED, Status.CLOSED])
        return ended.exclude(Exists(windows)).order_by("pk")

    def lock(self, ids: Iterable[int]) -> None:
        """In the order of their ids, so that two callers never wait for each other."""
        rows = self.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
        list(rows.values_list("pk"))

    def visible_to(self, user: Any) -> Self:
        """Incidents whose ticket `user` may see; without a ticket, those that would get one he may see."""
        hidden = hidden_department_ids(user)
        if not hidden:
            return self
        return self.exclude(ticket__department__in=hidden).exclude(
            ticket=None, integration__department__in=hidden
        )


class Incident(models.Model):
    """One problem, one ticket. At most one per key is not resolved.

    firing ─► recovering ─► resolved        recovering ─► firing        resolved ─► firing, within the window
    """

    #: "server:<id>" or "integration:<id>".
    origin = models.CharField(max_length=40)
    key = models.CharField(max_length=300, help_text="What its alerts have in common")
    #: None, too, when it was removed.
    server = models.ForeignKey(
        Server, models.SET_NULL, null=True, related_name="incidents", db_constraint=False
    )
    integration = models.ForeignKey(
        Integration, models.CASCADE, null=True, related_name="incidents", db_constraint=False
    )
    #: None: it resolved before it fired, or a maintenance window kept it from opening one.
    ticket = models.ForeignKey(
        Ticket, models.CASCADE, null=True, related_name="incidents", db_constraint=False
    )
    state = models.CharField(max_length=10, choices=IncidentState)
    title = models.CharField(max_length=255)
    labels = models.JSONField(default=dict)
    #: The gravest that its alerts said; a graver one makes the ticket graver.
    impact = models.PositiveSmallIntegerField(null=True, choices=Level)
    urgency = models.PositiveSmallIntegerField(null=True, choices=Level)
    alerts = models.PositiveIntegerField(default=1, help_text="Messages that said it")
    first_at = models.DateTimeField()
    #: The newest message's own time: older ones change nothing any more.
    last_at = models.DateTimeField()
    resolve_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    suppressed = models.BooleanField(default=False, help_text="Began in a maintenance window")
    #: The ticket that it opens when the window has ended and it still fires.
    held = models.JSONField(null=True)
    #: When a person ended its ticket while it fired. None again once its sender says that it is over, it fires on,
    #: or another incident of its key begins.
    dismissed_at = models.DateTimeField(null=True)
    flapping_since = models.DateTimeField(null=True)
    #: The storm that it joined, also when its ticket was detached since: it joins that one no more.
    storm = models.ForeignKey(
        Storm,
        models.SET_NULL,
        null=True,
        related_name="incidents",
        db_constraint=False,
        db_index=False,
    )
    #: Times of its latest changes, oldest first, as many as the flapping rule counts.
    changed_at = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["origin", "key"],
                name="servers_incident_one_open",
                condition=~Q(state=IncidentState.RESOLVED),
            ),
            models.CheckConstraint(
                name="servers_incident_resolved_has_a_time",
                condition=Q(state=IncidentState.RESOLVED, resolved_at__isnull=False)
                | (~Q(state=IncidentState.RESOLVED) & Q(resolved_at=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["origin", "key", "-id"], name="servers_incident_key"),
            models.Index(
                fields=["resolve_at"],
                name="servers_incident_recovering",
                condition=Q(resolve_at__isnull=False),
            ),
            models.Index(
                fields=["id"],
                name="servers_incident_flapping",
                condition=Q(flapping_since__isnull=False),
            ),
            models.Index(
                fields=["dismissed_at"],
                name="servers_incident_dismissed",
                condition=Q(dismissed_at__isnull=False, integration=None),
            ),
            models.Index(
                fields=["id"], name="servers_incident_held", condition=Q(held__isnull=False)
            ),
            models.Index(fields=["-first_at", "-id"], name="servers_incident_first"),
            models.Index(
                fields=["storm"], name="servers_incident_storm", condition=Q(storm__isnull=False)
            ),
            models.Index(
                fields=["ticket"],
                name="servers_incident_free",
                condition=~Q(state=IncidentState.RESOLVED) & Q(storm=None),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def sender(self) -> str:
        return str(self.server or self.integration or self.labels.get("server", "removed"))


class MaintenanceWindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def at(self, now: datetime) -> Self:
        return self.filter(starts_at__lte=now, ends_at__gt=now)


class MaintenanceWindow(models.Model):
    """Work that was announced: what breaks meanwhile opens no ticket; what recovers still closes its own."""

    title = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    #: What it covers: every label given must be equal. Servers have server, role, region, host_group, environment.
    labels = models.JSONField(
        default=dict, help_text='{"region": "eu-1"}; alerts have those of their sender'
    )
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = MaintenanceWindowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="servers_maintenance_ends_after_it_starts",
                condition=Q(ends_at__gt=models.F("starts_at")),
            ),
            models.CheckConstraint(
                name="servers_maintenance_covers_something", condition=~Q(labels={})
            ),
        ]
        indexes = [models.Index(fields=["ends_at"], name="servers_maintenance_end")]

    def __str__(self) -> str:
        return self.title

    def covers(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(name) == value for name, value in self.labels.items())
