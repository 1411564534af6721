"""Whom an alert is for: channels by route and by name, people by their part in the ticket, owners' callbacks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.contrib.auth import get_user_model

from sla.document import UNRANKED_PRIORITY, Level
from sla.models import Channel, ChannelRoute, MessageKind
from tickets.models import Department, SupportGroup, Ticket


class Receiver(NamedTuple):
    channel: int
    recipient: str  # a person's mail address, or nothing
    conceal: bool  # leave the title out


@dataclass
class Found:
    """Who gets an alert, and sentences for people about it."""

    receivers: list[Receiver] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def add(self, receiver: Receiver, sentence: str) -> None:
        if all(receiver[:2] != known[:2] for known in self.receivers):
            self.receivers.append(receiver)
            self.sentences.append(sentence)


@dataclass
class Recipients:
    """Everything that the choice needs, read at once for many alerts."""

    channels: dict[int, Channel]
    routes: Sequence[ChannelRoute]
    members: dict[int, list[Any]]  # group -> people
    leads: dict[int, Any]  # person's id -> person
    insiders: dict[int, set[int]]  # restricted department -> ids of its members

    @classmethod
    def load(cls, wanted: Sequence[tuple[Ticket, Level]]) -> Self:
        """Read for these tickets; the number of statements does not grow with them."""
        groups = {t.group_id for t, level in wanted if level.notify.group and t.group_id}
        leads = {t.department.lead_id for t, level in wanted if level.notify.lead and t.department}
        restricted = {
            t.department_id for t, _ in wanted if t.department and t.department.restricted
        }
        channels = Channel.objects.order_by("pk").defer(
            "encrypted_address", "encrypted_secret", "encrypted_previous_secret"
        )
        return cls(
            channels={channel.pk: channel for channel in channels},
            routes=list(ChannelRoute.objects.order_by("pk")),
            members=_members(groups),
            leads=get_user_model().objects.in_bulk(leads - {None}),
            insiders=_insiders(restricted),
        )

    def routed(self, ticket: Ticket) -> list[Receiver]:
        """The channels to which routes lead from `ticket` at the first level."""
        found = Found()
        self._routed(found, ticket, 1)
        return found.receivers

    def of(self, ticket: Ticket, level: Level, *, reached: int, breach: bool) -> Found:
        """Choose for one alert. `reached` is the number of its level, 1 for the first."""
        found = Found()
        if level.notify.routed:
            self._routed(found, ticket, reached)
        self._named(found, ticket, level)
        self._people(found, ticket, level)
        self._callbacks(found, ticket, breach)
        return found

    def _routed(self, found: Found, ticket: Ticket, reached: int) -> None:
        matching = [
            route
            for route in self.routes
            # A channel that was made after the others were read is not known yet.
            if route.channel_id in self.channels and _matches(route, ticket, reached)
        ]
        if not matching:
            found.sentences.append("No route leads to a channel.")
        # Routes that name the department first: they let the title through.
        for route in sorted(matching, key=lambda r: not (r.department_id or r.group_id)):
            named = bool(route.department_id or route.group_id)
            self._tell(found, self.channels[route.channel_id], ticket, open_to_it=named)

    def _named(self, found: Found, ticket: Ticket, level: Level) -> None:
        by_name = {channel.name.casefold(): channel for channel in self.channels.values()}
        for name in level.notify.channels:
            channel = by_name.get(name.casefold())
            if channel is None:
                found.sentences.append(f"There is no channel named {name}.")
            else:
                self._tell(found, channel, ticket, open_to_it=False)

    def _tell(self, found: Found, channel: Channel, ticket: Ticket, *, open_to_it: bool) -> None:
        conceal = _is_restricted(ticket) and not open_to_it
        if not channel.enabled:
            why = f" ({channel.disabled_reason})" if channel.disabled_reason else ""
            sentence = f"Channel {channel.name} is switched off{why}: not told."
            if sentence not in found.sentences:
                found.sentences.append(sentence)
            return
        if channel.kind == "email" and not channel.recipients:
            found.sentences.append(f"Channel {channel.name} has no recipients: not told.")
            return
        without = ", without the title" if conceal else ""
        found.add(
            Receiver(channel.pk, "", conceal), f"Channel {channel.name} will be told{without}."
        )

    def _people(self, found: Found, ticket: Ticket, level: Level) -> None:
        people, notify = [], level.notify
        if notify.assignee:
            people += [ticket.assignee] if ticket.assignee else []
            if not ticket.assignee:
                found.sentences.append("Nobody is assigned.")
        if notify.group:
            members = self.members.get(ticket.group_id or 0, [])
            people += members
            if not members:
                group = ticket.group
                found.sentences.append(
                    f"Group {group} has no members." if group else "The ticket has no group."
                )
        if notify.lead:
            department = ticket.department
            lead = self.leads.get((department.lead_id if department else None) or 0)
            people += [lead] if lead else []
            if not lead:
                found.sentences.append(
                    f"No lead is set for {department}."
                    if department
                    else "The ticket has no department, so no lead."
                )
        self._mail(found, ticket, {person.pk: person for person in people}.values())

    def _mail(self, found: Found, ticket: Ticket, people: Iterable[Any]) -> None:
        mail = next((c for c in self.channels.values() if c.for_people and c.enabled), None)
        for person in people:
            name = person.get_username()
            if not person.is_active:
                found.sentences.append(f"{name} is not active: not told.")
            elif not self._may_see(person, ticket):
                found.sentences.append(
                    f"{name} is not a member of {ticket.department}, which is restricted: not told."
                )
            elif not person.email:
                found.sentences.append(f"{name} has no mail address: not told.")
            elif mail is None:
                found.sentences.append(f"No enabled mail channel for people: {name} is not told.")
            else:
                found.add(Receiver(mail.pk, person.email, False), f"{name} will be told by mail.")

    def _callbacks(self, found: Found, ticket: Ticket, breach: bool) -> None:
        kind = MessageKind.SLA_BREACHED if breach else MessageKind.SLA_WARNING
        for channel in self.channels.values():
            if not (channel.enabled and kind in channel.events):
                continue
            if may_hear(channel.owner_id, ticket):
                found.add(Receiver(channel.pk, "", False), f"Callback {channel.name} will be told.")

    def _may_see(self, person: Any, ticket: Ticket) -> bool:
        insiders = self.insiders.get(ticket.department_id or 0)
        return insiders is None or person.is_superuser or person.pk in insiders


def may_hear(owner: UUID | None, ticket: Ticket) -> bool:
    """An owner hears of its tickets; a callback for all owners hears of no restricted department's."""
    return not _is_restricted(ticket) if owner is None else ticket.owner_id == owner


def _matches(route: ChannelRoute, ticket: Ticket, reached: int) -> bool:
    return (
        route.department_id in (None, ticket.department_id)
        and route.group_id in (None, ticket.group_id)
        and reached >= route.min_level
        and (
            route.max_priority is None
            or (ticket.priority or UNRANKED_PRIORITY) <= route.max_priority
        )
    )


def _is_restricted(ticket: Ticket) -> bool:
    return bool(ticket.department and ticket.department.restricted)


def _members(groups: set[int]) -> dict[int, list[Any]]:
    if not groups:
        return {}
    rows = SupportGroup.members.through.objects.filter(supportgroup__in=groups)
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.select_related("user").order_by("user_id"):
        found[row.supportgroup_id].append(row.user)
    return found


def _insiders(departments: set[int | None]) -> dict[int, set[int]]:
    if not departments:
        return {}
    found: dict[int, set[int]] = {pk: set() for pk in departments if pk}
    rows = Department.members.through.objects.filter(department__in=found)
    for department, user in rows.values_list("department_id", "user_id"):
        found[department].add(user)
    return found
