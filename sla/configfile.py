"""`config/sla.yaml` as data: calendars by name, policies in the order in which they are asked. Pure.

Another tool's file works as it is: `tiers:` at the top, in minutes, is a policy named File on the 24x7 calendar.
"""

from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sla.document import Calendar, Level, PolicyDocument, PolicyTerms
from sla.problems import Path, Problem, problems_of
from sla.yamlfile import YamlText, read_yaml

#: The calendar that is always open; it cannot be changed.
ALWAYS: Final = "24x7"
#: The policy that `tiers:` at the top of the file makes.
TOP_POLICY: Final = "File"


class FilePolicy(PolicyTerms):
    name: str = Field(min_length=1, max_length=80)
    calendar: str = Field(ALWAYS, description="By name")

    def document(self, calendar: Calendar) -> PolicyDocument:
        terms = {name: getattr(self, name) for name in PolicyTerms.model_fields}
        return PolicyDocument.model_construct(calendar=calendar, **terms)


class FileContent(BaseModel):
    """What the file may say. `tiers` and what goes with it is read into `policies`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calendars: dict[str, Calendar] = {}
    policies: list[FilePolicy] = Field([], max_length=200)
    alert_threshold: float | None = Field(None, ge=0.01, le=10)
    breach_threshold: float | None = Field(None, ge=0.01, le=10)
    tiers: Any = None

    @field_validator("calendars", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {} if value is None else value
        for name, calendar in value.items():
            if isinstance(calendar, dict) and "name" in calendar:
                raise ValueError(f"{name}: a calendar is named by its key; leave out `name`.")
        return {
            name: {**calendar, "name": name} if isinstance(calendar, dict) else calendar
            for name, calendar in value.items()
        }

    @field_validator("policies", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        return [] if value is None else value

    @model_validator(mode="after")
    def _rising(self) -> "FileContent":
        warn, breach = self.alert_threshold, self.breach_threshold
        if (0.85 if warn is None else warn) >= (1.0 if breach is None else breach):
            raise ValueError("alert_threshold (0.85) must be less than breach_threshold (1.0).")
        return self

    def thresholds(self) -> list[Level] | None:
        """The levels of policies that name none, where the file gives thresholds as shares (0.85)."""
        if self.alert_threshold is None and self.breach_threshold is None:
            return None
        warn = 0.85 if self.alert_threshold is None else self.alert_threshold
        breach = 1.0 if self.breach_threshold is None else self.breach_threshold
        return [
            Level(at=round(share * 100, 3), name=name)
            for share, name in ((warn, "warning"), (breach, "breach"))
        ]


@dataclass(frozen=True)
class FileConfig:
    """A file that is right in itself. `places`: where each policy stands in it, by name."""

    calendars: dict[str, Calendar]
    policies: list[FilePolicy]
    places: dict[str, Path]
    source: YamlText

    def refuse(self, problems: list[Problem]) -> None:
        """:raises WrongFile: with the lines, if there are any problems."""
        self.source.refuse(problems)


def read_config(content: bytes | str) -> FileConfig:
    """Read YAML (or JSON, which is YAML).

    :raises sla.yamlfile.WrongFile: with every problem and its line.
    """
    source = read_yaml(content)
    data = {} if source.data is None else source.data
    if not isinstance(data, dict):
        source.refuse([((), "It must name calendars, policies or tiers (policies: …).")])
    problems: list[Problem] = []
    try:
        config = FileContent.model_validate(data)
    except ValidationError as error:
        models: dict[str, type[BaseModel]] = {"": FileContent, "policies": FilePolicy}
        problems += problems_of(error, models)
    top: FilePolicy | None = None
    if data.get("tiers") is not None:
        try:
            top = FilePolicy.model_validate({"name": TOP_POLICY, "tiers": data["tiers"]})
        except ValidationError as error:
            problems += problems_of(error, {})
    source.refuse(problems)

    named = [(policy, ("policies", i)) for i, policy in enumerate(config.policies)]
    everything: list[tuple[FilePolicy, Path]] = [*named, *([(top, ("tiers",))] if top else [])]
    places: dict[str, Path] = {}
    for policy, path in everything:
        if policy.name in places:
            where = (*path, "name")
            problems.append((where, f"Another policy in this file is named {policy.name!r}."))
        places.setdefault(policy.name, path)
    source.refuse(problems)
    levels = config.thresholds()
    return FileConfig(
        calendars=config.calendars,
        policies=[
            policy.model_copy(update={"levels": levels})
            if levels and "levels" not in policy.model_fields_set
            else policy
            for policy, _ in everything
        ],
        places=places,
        source=source,
    )


def read_levels(text: str) -> list[Level]:
    """Levels alone, as YAML: what a policy's page lets people type.

    :raises sla.yamlfile.WrongFile: with every problem and its line.
    """
    source = read_yaml(text)
    levels = [] if source.data is None else source.data
    try:
        # The rest is only there because it must be.
        terms = PolicyTerms.model_validate({"tiers": {"gold": {"P1": {}}}, "levels": levels})
    except ValidationError as error:
        source.refuse([(path[1:], message) for path, message in problems_of(error, {})])
        raise
    return terms.levels


def show_levels(levels: list[Level]) -> str:
    """Levels as `read_levels` reads them; what is as usual is left out."""
    shown = []
    for level in levels:
        data = level.model_dump(mode="json", exclude_defaults=True)
        if level.at is not None:
            data["at"] = f"{level.at:g} %"
        shown.append(data)
    if not shown:
        return ""
    return yaml.safe_dump(
        shown, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
