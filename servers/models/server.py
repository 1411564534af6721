"""The fleet: what a server is, what it stands on, and what happened to it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from servers.lifecycle import State
from tickets.models import Ticket
from workers.names import TaskName


class Kind(models.TextChoices):
    SIMULATED = "simulated"
    MONITORED = "monitored"


class Environment(models.TextChoices):
    PRODUCTION = "production"
    STAGING = "staging"
    TEST = "test"
    DEVELOPMENT = "development"


class Role(models.TextChoices):
    WEB = "web"
    API = "api"
    DATABASE = "database"
    CACHE = "cache"
    QUEUE = "queue"
    WORKER = "worker"
    STORAGE = "storage"
    NETWORK = "network"
    OTHER = "other"


#: Addresses of the API beside those of servers.
RESERVED: Final = ("summary", "simulation")


def check_name(name: str) -> None:
    """A name is part of addresses.

    :raises ValidationError: it cannot be.
    """
    if name.lower() in RESERVED:
        raise ValidationError(f"{name!r} is an address of the API itself.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]*", name):
        raise ValidationError(
            "Use letters, digits, '.', '_', ':' and '-'; begin with a letter or a digit."
        )


STATES = [(state.value, state.value) for state in State]


#: The labels by which maintenance windows and storms know a server, and the columns that hold them.
LABELS = {name: name for name in ("role", "region", "host_group", "environment")} | {
    "server": "name"
}


class ServerQuerySet(models.QuerySet["Server"]):
    def counts(self) -> list[tuple[str, str, str, int]]:
        """(region, host group, state, how many), in this order."""
        rows = self.values_list("region", "host_group", "state").annotate(models.Count("pk"))
        return list(rows.order_by("region", "host_group", "state"))

    def labelled(self, labels: Mapping[str, str]) -> Self:
        """Servers that have all of these labels; none when one of them is no label of servers."""
        if not labels.keys() <= LABELS.keys():
            return self.none()
        return self.filter(**{LABELS[name]: value for name, value in labels.items()})


class Server(models.Model):
    name = models.CharField(
        max_length=120, unique=True, validators=[check_name], help_text="As tickets name it"
    )
    role = models.CharField(max_length=8, choices=Role, default=Role.OTHER)
    region = models.CharField(max_length=40, blank=True)
    host_group = models.CharField(max_length=60, blank=True, help_text="Rack or host group")
    environment = models.CharField(
        max_length=11, choices=Environment, default=Environment.PRODUCTION
    )
    kind = models.CharField(max_length=9, choices=Kind, default=Kind.MONITORED)
    state = models.CharField(max_length=8, choices=STATES, default=State.STOPPED)
    state_since = models.DateTimeField(db_default=Now())
    #: Why it is in this state, in words: "no heartbeat for 3 minutes".
    reason = models.CharField(max_length=300, blank=True)
    #: How often its state changed. Its next change is drawn from this number.
    changes = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    #: Of a simulated server: when it changes by itself. Empty: not drawn yet.
    next_change_at = models.DateTimeField(null=True, editable=False)
    depends_on = models.ManyToManyField(
        "self", symmetrical=False, through="ServerLink", related_name="dependents", blank=True
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ServerQuerySet.as_manager()

    class Meta:
        permissions = [("operate_server", "Can start, stop, fail and recover servers")]
        constraints = [
            models.CheckConstraint(
                name="servers_server_state_is_known", condition=Q(state__in=list(State))
            )
        ]
        indexes = [
            models.Index(fields=["region", "host_group"], name="servers_server_place"),
            # Read by the simulation's tick: what is due, and what has no next change yet.
            models.Index(
                fields=["next_change_at"],
                name="servers_server_due",
                condition=Q(kind=Kind.SIMULATED) & ~Q(state=State.STOPPED),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def open_ticket(self, user: Any) -> int | None:
        """The id of the ticket of its open incident, if `user` may see it."""
        tickets = Ticket.objects.visible_to(user).filter(
            incidents__server=self, incidents__resolved_at=None
        )
        return tickets.order_by("-pk").values_list("pk", flat=True).first()

    @property
    def labels(self) -> dict[str, str]:
        found = {label: getattr(self, column) for label, column in LABELS.items()}
        return {label: value for label, value in found.items() if value}


class ServerLink(models.Model):
    """`server` needs `needs` to work."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="+", db_index=False)
    needs = models.ForeignKey(Server, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "needs"], name="servers_link_once"),
            models.CheckConstraint(name="servers_link_to_another", condition=~Q(server=F("needs"))),
        ]

    def __str__(self) -> str:
        return f"{self.server_id} needs {self.needs_id}"


class Cause(models.TextChoices):
    PERSON = "person"
    SIMULATION = "simulation"
    HEARTBEAT = "heartbeat"
    CHECK = "check"


class ServerEventQuerySet(models.QuerySet["ServerEvent"]):
    def waiting(self) -> Self:
        """Those that the incidents have to take note of, oldest first."""
        return self.filter(handled_at=None).order_by("pk")


class ServerEvent(models.Model):
    """One change of state. Append-only but for `handled_at`: when the incidents took note of it."""

    TASK_NAME = TaskName.SERVERS_FOLLOW_EVENTS

    server = models.ForeignKey(
        Server, models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    old = models.CharField(max_length=8, choices=STATES)
    new = models.CharField(max_length=8, choices=STATES)
    at = models.DateTimeField()
    cause = models.CharField(max_length=10, choices=Cause)
    actor = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)
    handled_at = models.DateTimeField(null=True, editable=False)

    objects = ServerEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["server", "id"], name="servers_event_history"),
            models.Index(fields=["at"], name="servers_event_age"),
            models.Index(
                fields=["id"], name="servers_event_unhandled", condition=Q(handled_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.server_id}: {self.old} → {self.new} at {self.at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def revive(cls, ids: Sequence[int]) -> list[int]:
        """Let the incidents take note of these again; what is older than they know changes nothing."""
        found = list(cls.objects.filter(pk__in=ids).values_list("pk", flat=True))
        cls.objects.filter(pk__in=found).update(handled_at=None)
        return found
