"""Policies for tests: one statement a policy, said as the file would say it."""

from typing import Any

from sla import promises
from sla.document import PolicyDocument
from sla.models import SlaPolicy, SlaPolicyVersion

#: Minutes, the same for all tiers unless a test says otherwise.
TARGETS = {
    "P1": {"first_response": 15, "next_update": 60, "resolution": 240},
    "P2": {"first_response": 30, "next_update": 120, "resolution": 480},
    "P3": {"first_response": 60, "next_update": 240, "resolution": 1440},
    "P4": {"first_response": 120, "next_update": 480, "resolution": 2880},
}
OFFICE = {
    "name": "Office",
    "time_zone": "Europe/Berlin",
    "hours": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
}


def publish_policy(name: str = "Test", *, position: int = 1, **document: Any) -> SlaPolicyVersion:
    """Publish a version of policy `name`, in force at once and asked before the default one."""
    document.setdefault("tiers", dict.fromkeys(("gold", "silver", "bronze", "standard"), TARGETS))
    policy, _ = SlaPolicy.objects.get_or_create(name=name, defaults={"position": position})
    version = SlaPolicyVersion.objects.create(
        policy=policy,
        number=policy.versions.count() + 1,
        document=PolicyDocument.model_validate(document).canonical(),
        created_by="test",
    )
    promises.forget()
    return version
