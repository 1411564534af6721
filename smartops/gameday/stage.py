"""What a scenario needs before it begins: servers, their planned failures, integrations, channels."""

from collections.abc import Sequence

from django.db import transaction

from servers.lifecycle import State
from servers.models import Cause, Integration, Kind, PlannedMove, Server
from servers.services.fleet import Move, change_states, create_servers
from servers.services.integrations import create_integration
from servers.services.simulation import change_simulation
from sla.models import Channel, ChannelKind, ChannelRoute
from sla.services.channels import create_channel
from sla.signing import new_secret
from smartops.gameday.plan import Change, Plan, places_of
from smartops.gameday.receiver import Receiver
from smartops.gameday.scenario import Scenario
from smartops.gameday.scratch import Refused
from workers.encryption import encrypt

#: Who the game day is in the history of tickets and servers.
ACTOR = "gameday"


@transaction.atomic
def set_up(*, scenario: Scenario, plan: Plan, receiver: Receiver) -> dict[str, int]:
    """Prepare the scratch desk. Returns the integrations that the plan's messages go to, by name.

    :raises Refused: the scenario names an integration that the desk does not have.
    """
    _fleet(scenario)
    _planned(plan.changes)
    _channels(receiver)
    return _integrations({message.integration for message in plan.messages})


def _fleet(scenario: Scenario) -> None:
    fleet = scenario.fleet
    if fleet is None:
        return
    chance = {"seed": scenario.seed, "intensity": fleet.intensity}
    change_simulation(values=chance, now=scenario.start)
    made = create_servers(
        values=[
            {
                "name": place.name,
                "role": place.role,
                "region": place.region,
                "host_group": place.rack,
                "environment": fleet.environment,
                "kind": Kind.SIMULATED,
                "depends_on": place.needs,
                "state_since": scenario.start,
            }
            for place in places_of(fleet)
        ]
    )
    for state in (State.BOOTING, State.RUNNING):
        change_states(moves=[Move(s.pk, state, Cause.PERSON, ACTOR, scenario.start) for s in made])


def _planned(changes: Sequence[Change]) -> None:
    ids = dict(Server.objects.values_list("name", "pk"))
    PlannedMove.objects.bulk_create(
        PlannedMove(
            server_id=ids[change.server],
            at=change.at,
            to=change.to,
            stay=change.stay,
            reason=change.reason,
        )
        for change in changes
    )


def _channels(receiver: Receiver) -> None:
    """All channels of the desk lead to the receiver, and everything goes to one where no route leads anywhere."""
    for channel in Channel.objects.all():
        secret = new_secret()
        channel.encrypted_address = encrypt(receiver.address_of(str(channel.pk), secret))
        channel.encrypted_secret = encrypt(secret)
        channel.save(update_fields=["encrypted_address", "encrypted_secret"])
    if not ChannelRoute.objects.filter(channel__enabled=True).exists():
        values = {"name": "Game day", "kind": ChannelKind.WEBHOOK, "address": f"{receiver.url}/all"}
        channel, secret = create_channel(values={**values, "rate_per_minute": 60_000})
        receiver.secrets["all"] = secret
        ChannelRoute.objects.create(channel=channel)


def _integrations(wanted: set[str]) -> dict[str, int]:
    """Integrations of the desk by name; a plain one of its source for each name that is a source's."""
    found = dict(Integration.objects.filter(name__in=wanted).values_list("name", "pk"))
    for name in sorted(wanted - found.keys()):
        if name not in ("alertmanager", "generic"):
            raise Refused(f"alerts: the desk has no integration named {name!r}.")
        integration, _ = create_integration(values={"name": name, "source": name})
        found[name] = integration.pk
    return found
