"""Publishing what is promised. A version is never changed: what a policy says from now on is a new one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from pydantic import BaseModel, ValidationError

from sla.catalog import FILE, Catalog, PolicyEntry
from sla.document import PolicyDocument
from sla.models import SlaPolicyVersion
from sla.problems import Problem, by_field, problems_of
from sla.promises import unreachable
from sla.services.retargeting import move_open_clocks
from sla.services.storing import (
    KnownNames,
    WrongFields,
    in_force,
    lock_catalog,
    read_catalog,
    store,
)
from workers.errors import PermanentError

_MODELS: Final[dict[str, type[BaseModel]]] = {"": PolicyDocument}
MOST_POSITION: Final = 32_767


class KeptByFile(PermanentError):
    """It comes from the configuration file, which alone changes it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} comes from {settings.SLA_CONFIG_FILE}. Change it there.")


class StaysAsItIs(PermanentError):
    """What a desk cannot do without."""


def read_document(data: Any) -> PolicyDocument:
    """Check a policy's document as clients send it. Its calendar is the name of a stored one, or that one whole.

    :raises WrongFields: with every problem, under `document`.
    """
    problems: list[Problem] = []
    if not isinstance(data, dict):
        raise WrongFields({"document": ["It must be an object."]})
    given: Mapping[str, Any] = data
    wanted = given.get("calendar")
    if isinstance(wanted, str):
        entry = read_catalog().calendar(wanted)
        if entry is None:
            problems.append((("calendar",), _no_calendar(wanted)))
        given = {**given, "calendar": entry.calendar if entry else {}}
    try:
        document = PolicyDocument.model_validate(given)
    except ValidationError as error:
        problems += problems_of(error, _MODELS)
    else:
        if isinstance(wanted, dict):
            entry = read_catalog().calendar(document.calendar.name)
            if entry is None:
                problems.append((("calendar", "name"), _no_calendar(document.calendar.name)))
            elif entry.calendar != document.calendar:
                name = document.calendar.name
                message = (
                    f"The calendar {name!r} says something else. Change it at sla/calendars/, "
                    f"or give its name here."
                )
                problems.append((("calendar",), message))
    if problems:
        raise WrongFields(by_field(problems, "document"))
    return document


def _no_calendar(name: str) -> str:
    known = ", ".join(sorted(entry.calendar.name for entry in read_catalog().calendars))
    return f"There is no calendar {name[:80]!r}. Known: {known}."


@transaction.atomic
def publish(
    *,
    name: str,
    document: PolicyDocument | None,
    actor: str,
    now: datetime,
    policy_id: int | None = None,
    position: int | None = None,
    enabled: bool | None = None,
    move_open: bool = False,
) -> SlaPolicyVersion:
    """Let a policy say `document` from now on; return its newest version.

    The policy is the one with `policy_id`, then called `name`, or else the one of that name, or a new one. What is
    None stays as it is. Nothing is published when it says so already. Running clocks keep their version unless
    `move_open`.

    :raises KeptByFile: the policy comes from the configuration file.
    :raises StaysAsItIs: the default policy would be switched off.
    :raises WrongFields: a name that is taken, or one that nobody has.
    """
    before = lock_catalog()
    after = with_policy(
        before,
        name=name,
        document=document,
        policy_id=policy_id,
        position=position,
        enabled=enabled,
    )
    store(before, after, actor=actor)
    if move_open:
        move_open_clocks(policies=in_force(read_catalog()), actor=actor, now=now)
    versions = SlaPolicyVersion.objects.select_related("policy").order_by("-number")
    found = versions.filter(policy__name=name).first()
    assert found is not None
    return found


def with_policy(
    catalog: Catalog,
    *,
    name: str,
    document: PolicyDocument | None,
    policy_id: int | None = None,
    position: int | None = None,
    enabled: bool | None = None,
) -> Catalog:
    """What `publish` would make of `catalog`. Writes nothing.

    :raises: as `publish`.
    """
    old = catalog.policy(name)
    if policy_id is not None:
        if old is not None and old.pk != policy_id:
            raise WrongFields({"name": [f"Another policy is named {name!r}."]})
        old = next((entry for entry in catalog.policies if entry.pk == policy_id), None)
    if old is None:
        if document is None:
            raise WrongFields({"document": ["A new policy needs one."]})
        old = PolicyEntry(name, document)
    entry, document = old, document or old.document
    if entry.source == FILE:
        raise KeptByFile(f"The policy {entry.name!r}")
    if entry.is_default and enabled is False:
        raise StaysAsItIs("The default policy stays enabled: it holds when no other does.")
    if entry.is_default and document.departments:
        raise WrongFields(
            {"document.departments": ["The default policy holds for all: name none."]}
        )
    if position is not None and not 0 <= position <= MOST_POSITION:
        raise WrongFields({"position": [f"Use 0 to {MOST_POSITION}."]})
    # What it says already may name a department that was renamed since; it can be disabled all the same.
    known = entry.version and document == entry.document
    if not known and (problems := KnownNames().problems(document)):
        raise WrongFields(by_field(problems, "document"))
    if not known and (problem := unreachable(document)):
        raise WrongFields({"document.tiers": [problem]})
    return catalog.put_policy(
        replace(
            entry,
            name=name,
            document=document,
            position=entry.position if position is None else position,
            enabled=entry.enabled if enabled is None else enabled,
        )
    )


@transaction.atomic
def disable_policy(*, policy_id: int, actor: str, now: datetime) -> None:
    """Let a policy hold for no more tickets. It is never deleted: clocks refer to what it said.

    :raises: as `publish`.
    """
    entry = next((policy for policy in lock_catalog().policies if policy.pk == policy_id), None)
    if entry is not None:
        publish(
            name=entry.name,
            document=None,
            policy_id=policy_id,
            enabled=False,
            actor=actor,
            now=now,
        )
