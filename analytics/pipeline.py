"""Whether the machinery keeps up: what waits, for how long, and when beat was heard last."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db import connection, models
from django.urls import reverse

from sla.models import Notification
from triage.models import TriageJob
from workers import leases
from workers.models import DeadLetter, Heartbeat

_LATE: Final = timedelta(minutes=1)
_ACTIVE: Final = {"state__in": "pending,running"}
#: Messages have states of their own, and a time at which their turn comes.
_UNSENT: Final = {"state__in": "queued,sending,retrying"}


@dataclass(frozen=True)
class Work:
    """Rows of one kind that have not ended. `since`: from when on its `oldest` one has waited for a worker."""

    kind: type[models.Model]
    count: int
    oldest: int | None
    since: datetime | None

    @property
    def label(self) -> str:
        names = self.kind._meta
        return str(names.verbose_name if self.count == 1 else names.verbose_name_plural)

    def listed(self, user: Any) -> str:
        """The list of these rows, for whoever may see such."""
        return self._listed(user, _UNSENT if self.kind is Notification else _ACTIVE)

    def first(self, user: Any) -> str:
        """The list with the oldest one alone."""
        return self._listed(user, {"id__exact": self.oldest})

    def _listed(self, user: Any, filters: dict[str, Any]) -> str:
        app, name = self.kind._meta.app_label, self.kind._meta.model_name
        if not user.has_perm(f"{app}.view_{name}"):
            return ""
        address = reverse(f"admin:{app}_{name}_changelist")
        return f"{address}?{urlencode(filters, safe=',')}"


def pipeline(user: Any, now: datetime) -> dict[str, Any]:
    works = _unfinished()
    waiting = [work for work in works if work.since is not None]
    first = min(waiting, key=lambda work: work.since or now, default=None)
    beat = Heartbeat.objects.filter(name="beat").values_list("beat_at", flat=True).first()
    return {
        "triage": _shown(next(work for work in works if work.kind is TriageJob), user),
        "others": [
            _shown(work, user) for work in works if work.count and work.kind is not TriageJob
        ],
        "oldest": first
        and {
            "kind": str(first.kind._meta.verbose_name),
            "address": first.first(user),
            "since": first.since,
        },
        "oldest_late": first is not None and first.since is not None and now - first.since > _LATE,
        "beat": beat,
        "beat_late": beat is None or now - beat > _LATE,
        "dead_letters": DeadLetter.objects.filter(settled_at__isnull=True).count(),
    }


def _shown(work: Work, user: Any) -> dict[str, Any]:
    return {"label": work.label, "count": work.count, "address": work.listed(user)}


def _unfinished() -> list[Work]:
    """Rows of every kind, in one statement that reads the partial indexes of what has not ended.

    A row waits while no worker holds it; one that was put back on purpose, or is to be tried later, does not."""
    kinds: list[type[models.Model]] = [*leases.kinds(), Notification]
    parts = [_part(place, kind) for place, kind in enumerate(kinds)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return [Work(kinds[place], *found) for place, *found in cursor.fetchall()]


def _part(place: int, kind: type[models.Model]) -> str:
    if issubclass(kind, leases.LeasedWork):
        active, since = "state IN ('pending', 'running')", "created_at"
        waits = f"(state = 'pending' AND NOT ({kind.WAS_PUT_BACK}) OR lease_until < now())"
    else:
        active, since = "state IN ('queued', 'sending', 'retrying')", "next_attempt_at"
        waits = "(state <> 'sending' AND next_attempt_at <= now() OR lease_until < now())"
    table = connection.ops.quote_name(kind._meta.db_table)
    return f"""SELECT {place}, (SELECT count(*) FROM {table} WHERE {active}), oldest.id, oldest.since
                 FROM (SELECT) one LEFT JOIN LATERAL (
                      SELECT id, {since} AS since FROM {table} WHERE {active} AND {waits}
                       ORDER BY 2, 1 LIMIT 1) oldest ON true"""
