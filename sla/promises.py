"""The policies in force, loaded and ready to ask: which one holds for a ticket?"""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog
from django.db import connection
from pydantic import ValidationError

from sla.business_hours import BusinessHours
from sla.document import PolicyDocument, Targets
from sla.durations import show_duration
from sla.models import SlaPolicy, SlaPolicyVersion

log = structlog.get_logger("sla.promises")

#: How long a process goes on with what it knows before it looks whether anything was published.
FRESH_SECONDS: Final = 1.0


class Promise(NamedTuple):
    """A version of a policy, ready to compute with."""

    version: int
    policy: str
    document: PolicyDocument
    hours: BusinessHours


class Policies:
    """The newest versions of the enabled policies, in the order in which they are asked."""

    def __init__(self, promises: Sequence[Promise]) -> None:
        self.promises = tuple(promises)
        self._known: dict[tuple[str, str, int | None], tuple[Promise, Targets] | None] = {}

    def holding_for(
        self, department: str, tier: str, priority: int | None
    ) -> tuple[Promise, Targets] | None:
        """The first policy that has targets for such a ticket, and these. `department` is "" for none yet."""
        key = (department, tier, priority)
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(
        self, department: str, tier: str, priority: int | None
    ) -> tuple[Promise, Targets] | None:
        for promise in self.promises:
            only = promise.document.departments
            if only and department not in only:
                continue
            targets = promise.document.targets(tier, priority)
            if targets is not None:
                return promise, targets
        return None


_lock: Final = threading.Lock()
_loaded: Policies = Policies([])
_stamp: str | None = None
_fresh_until = 0.0
_versions: dict[int, Promise] = {}


def current() -> Policies:
    """Return the policies in force. A change elsewhere is seen within FRESH_SECONDS."""
    global _loaded, _stamp, _fresh_until
    with _lock:
        if time.monotonic() < _fresh_until:
            return _loaded
        stamp = _read_stamp()
        if stamp != _stamp:
            _loaded, _stamp = Policies(_newest()), stamp
        _fresh_until = time.monotonic() + FRESH_SECONDS
        return _loaded


def forget() -> None:
    """Look again at the next call: for the process that has just changed something."""
    global _fresh_until, _stamp
    with _lock:
        _fresh_until, _stamp = 0.0, None


def promise_of(version: int) -> Promise:
    """Return a version, which may be an old one. Versions never change, so each is read once a process."""
    found = _versions.get(version)
    if found is None:
        row = SlaPolicyVersion.objects.select_related("policy").get(pk=version)
        found = _versions[version] = ready(row, row.policy.name)
    return found


def ready(row: SlaPolicyVersion, policy: str) -> Promise:
    document = row.read()
    return Promise(row.pk, policy, document, BusinessHours(document.calendar))


def _newest() -> list[Promise]:
    rows = (
        SlaPolicyVersion.objects.filter(policy__enabled=True)
        .select_related("policy")
        .order_by("policy", "-number")
        .distinct("policy")
    )
    ordered = sorted(rows, key=lambda v: (v.policy.is_default, v.policy.position, v.policy_id))
    found = []
    for row in ordered:  # one policy must not stop the intake of tickets
        try:
            promise = ready(row, row.policy.name)
        except ValidationError as error:
            log.error("policy cannot be read", policy=row.policy.name, error=str(error)[:500])
            continue
        if problem := unreachable(promise.document):
            log.error("policy cannot be kept", policy=row.policy.name, error=problem)
            continue
        found.append(promise)
        _versions[row.pk] = promise
    return found


def unreachable(document: PolicyDocument) -> str:
    """What is wrong when a target takes more than ten years on the policy's calendar; "" when none does."""
    longest = document.longest_target
    if BusinessHours(document.calendar).fits(longest, datetime.now(UTC)):
        return ""
    return (
        f"{show_duration(longest)} take more than ten years on the calendar"
        f" {document.calendar.name!r}. Use a shorter target or longer hours."
    )


def _read_stamp() -> str:
    """A text that changes with every committed edit of a policy and with every new version."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT string_agg(id::text || ':' || xmin::text, ',' ORDER BY id)
                       || (SELECT max(id)::text FROM {SlaPolicyVersion._meta.db_table})
                  FROM {SlaPolicy._meta.db_table}"""
        )
        return str(cursor.fetchone()[0])
