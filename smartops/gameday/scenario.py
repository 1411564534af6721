"""What a game day's file may say. Read with every mistake at once, each with its line."""

import re
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from servers.models import Environment, Role
from sla.document import Duration
from sla.durations import parse_duration
from sla.problems import problems_of
from sla.yamlfile import read_yaml
from tickets.priority import parse_priority

#: A scenario beyond this is a mistake: it would take hours to play.
MOST_SERVERS: Final = 2000
MOST_ALERTS: Final = 10_000
LONGEST: Final = timedelta(days=7)
_HOURS: Final = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)")


def _moment(value: Any) -> timedelta:
    """A time since the start: a length of time, or 0."""
    return timedelta(0) if value in (0, "0", "0m") else parse_duration(value)


def _start(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.strptime(value.strip(), "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise ValueError(f"{str(value)[:40]!r} is not a time. Use 2026-03-02 08:00 (UTC).")


def _hours(value: Any) -> Any:
    found = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        h1, m1, h2, m2 = map(int, found.groups() if found else ())
        first, last = time_of_day(h1, m1), time_of_day(h2, m2)
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} are not hours. Use 08:00-18:00 (UTC).") from None
    if first >= last:
        raise ValueError("The shift must begin before it ends, on one day.")
    return (first, last)


Moment = Annotated[timedelta, BeforeValidator(_moment)]
Start = Annotated[datetime, BeforeValidator(_start)]
Hours = Annotated[tuple[time_of_day, time_of_day], BeforeValidator(_hours)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]
Priority = Annotated[int, BeforeValidator(parse_priority)]
Words = Annotated[str, Field(min_length=1, max_length=255)]


class Part(BaseModel):
    """A piece of a scenario: unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Fleet(Part):
    """Simulated servers. Every region has the same, spread over its racks."""

    regions: list[Name] = Field(min_length=1, max_length=20)
    racks: int = Field(2, ge=1, le=50, description="In each region")
    servers: dict[Role, Annotated[int, Field(ge=1, le=500)]] = Field(
        min_length=1, description="Of each role, in each region"
    )
    needs: dict[Role, list[Role]] = Field({}, description="Roles that a role depends on")
    environment: Environment = Environment.PRODUCTION
    intensity: float = Field(
        1.0, ge=0, le=1000, description="How often things break by chance: 0 never, 1 as usual"
    )

    @field_validator("regions")
    @classmethod
    def _once(cls, regions: list[str]) -> list[str]:
        if len(set(regions)) < len(regions):
            raise ValueError("A region stands here twice.")
        return regions

    @model_validator(mode="after")
    def _known(self) -> Self:
        if len(self.regions) * sum(self.servers.values()) > MOST_SERVERS:
            raise ValueError(f"These are more than {MOST_SERVERS:,} servers.")
        for role in {*self.needs, *(role for needed in self.needs.values() for role in needed)}:
            if role not in self.servers:
                raise ValueError(f"needs: there are no servers of role {role}.")
        try:
            TopologicalSorter(self.needs).prepare()
        except CycleError as error:
            way = " → ".join(str(role) for role in reversed(error.args[1]))
            raise ValueError(f"needs: these roles would need each other: {way}.") from None
        return self

    def rack(self, region: str, number: int) -> str:
        """The name of a rack, whose servers stand and fall together. `number` counts from 1."""
        return f"{region}-rack-{number}"

    @property
    def racks_of_all(self) -> list[str]:
        return [self.rack(region, n + 1) for region in self.regions for n in range(self.racks)]

    def server(self, region: str, role: str, number: int) -> str:
        return f"{region}-{role}-{number:02}"

    @property
    def names(self) -> list[str]:
        return [
            self.server(region, role, number + 1)
            for region in self.regions
            for role, count in self.servers.items()
            for number in range(count)
        ]


class Outage(Part):
    """A region, a rack or a server that is down for a while."""

    at: Moment
    lasts: Duration = Field(timedelta(minutes=30), alias="for")
    region: str = ""
    rack: str = ""
    server: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(map(bool, (self.region, self.rack, self.server))) != 1:
            raise ValueError("Name one of region, rack and server.")
        return self


class Flapping(Part):
    """A server that fails and comes back, again and again."""

    at: Moment
    lasts: Duration = Field(timedelta(minutes=30), alias="for")
    server: str
    every: Duration = timedelta(minutes=4)


class Deploy(Part):
    """The servers of a role restart one after another, and some do not come back by themselves."""

    at: Moment
    role: Role
    region: str = Field("", description="Empty: all")
    every: Duration = timedelta(minutes=1)
    failing: float = Field(0.05, ge=0, le=1, description="The share that fails")


class Alerts(Part):
    """Problems that another system reports, each in its time within `over`."""

    at: Moment
    over: Duration = timedelta(minutes=5)
    problems: int = Field(ge=1, le=MOST_ALERTS, description="Different ones: a ticket each")
    repeats: int = Field(1, ge=1, le=1000, description="How often each is sent")
    resolve_after: Duration | None = Field(None, description="Empty: it stays")
    source: Literal["alertmanager", "generic"] = "alertmanager"
    integration: str = Field("", description="One of the desk by its name; empty: a plain one")
    title: Words
    severity: Literal["critical", "error", "warning", "info"] = "error"
    labels: dict[str, str] = Field({}, max_length=20)


class Text(Part):
    title: Words
    description: str = Field("", max_length=5000)


class Requests(Part):
    """Tickets that people open, as chance has it."""

    per_hour: float = Field(gt=0, le=2000)
    since: Moment = Field(timedelta(0), alias="from")
    until: Moment | None = None
    tier: Literal["gold", "silver", "bronze", "standard"] = "standard"
    texts: list[Text] = Field(min_length=1, max_length=200)


class Team(Part):
    """Agents who take the most urgent ticket that is free, one at a time."""

    agents: int = Field(ge=1, le=200)
    hours: Hours | None = Field(None, description="Empty: always")
    notice: Duration = Field(timedelta(minutes=2), description="Before they see a new ticket")
    work: dict[Priority, Duration] = Field(
        {
            1: timedelta(minutes=40),
            2: timedelta(minutes=30),
            3: timedelta(minutes=20),
            4: timedelta(minutes=15),
        },
        description="Typical time for a ticket of a priority",
    )

    @field_validator("work")
    @classmethod
    def _all(cls, work: dict[int, timedelta]) -> dict[int, timedelta]:
        missing = [f"P{n}" for n in range(1, 5) if n not in work]
        if missing:
            raise ValueError(f"It says nothing of {', '.join(missing)}.")
        return work


class Scenario(Part):
    name: Words
    seed: int = Field(1, ge=0, le=2**63 - 1)
    start: Start = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday
    lasts: Duration
    fleet: Fleet | None = None
    outages: list[Outage] = Field([], max_length=200)
    flapping: list[Flapping] = Field([], max_length=200)
    deploys: list[Deploy] = Field([], max_length=200)
    alerts: list[Alerts] = Field([], max_length=200)
    requests: list[Requests] = Field([], max_length=50)
    teams: list[Team] = Field([], max_length=20)

    @field_validator("lasts")
    @classmethod
    def _not_for_ever(cls, lasts: timedelta) -> timedelta:
        if lasts > LONGEST:
            raise ValueError("A game day lasts at most 7 days.")
        return lasts


_MODELS: Final[dict[str, type[BaseModel]]] = {
    "": Scenario,
    "outages": Outage,
    "flapping": Flapping,
    "deploys": Deploy,
    "alerts": Alerts,
    "requests": Requests,
    "texts": Text,
    "teams": Team,
}


def read_scenario(content: bytes | str) -> Scenario:
    """Read YAML.

    :raises sla.yamlfile.WrongFile: with every problem and its line.
    """
    source = read_yaml(content)
    if not isinstance(source.data, dict):
        source.refuse([((), "It must name what happens (name: …, lasts: …).")])
    try:
        scenario = Scenario.model_validate(source.data)
    except ValidationError as error:
        source.refuse(problems_of(error, _MODELS))
        raise
    source.refuse(_unknown_places(scenario))
    return scenario


def _unknown_places(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str]]:
    """What names a place that the fleet does not have, or a time after the end."""
    fleet = scenario.fleet
    known: dict[str, list[str]] = {
        "region": list(fleet.regions) if fleet else [],
        "rack": fleet.racks_of_all if fleet else [],
        "server": fleet.names if fleet else [],
        "role": [str(role) for role in fleet.servers] if fleet else [],
    }
    found: list[tuple[tuple[str | int, ...], str]] = []
    for section in ("outages", "flapping", "deploys", "alerts"):
        for number, item in enumerate(getattr(scenario, section)):
            path = (section, number)
            if item.at >= scenario.lasts:
                found.append(((*path, "at"), "This is after the end of the game day."))
            for place, names in known.items() if section != "alerts" else ():
                value = getattr(item, place, "")
                if value and value not in names:
                    shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
                    message = f"The fleet has no {place} {str(value)[:60]!r}."
                    found.append(((*path, place), f"{message} Known: {shown or 'none'}."))
    return found
