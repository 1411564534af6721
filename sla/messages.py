"""What a message says: its data, and how Slack and a webhook get it. Pure.

A message is data first, stored when it is made: {"type", "timestamp", "data"}. That is the body of a webhook;
Slack's blocks and mails are made from the same. No secret enters it, and titles are cut.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

TITLE: Final = 140
RED: Final = "#ff0000"
AMBER: Final = "#ffa500"
CONCEALED: Final = "(a ticket of a restricted department)"
#: So many alerts are listed in a digest; the rest is counted. Slack takes 50 blocks and 3,000 letters each.
LISTED: Final = 20

Payload = dict[str, Any]


@dataclass(frozen=True)
class TicketFacts:
    """What messages tell of a ticket."""

    id: int
    url: str
    title: str
    status: str
    priority: int | None
    customer_tier: str
    category: str | None
    department: str | None
    group: str | None
    assignee: str | None
    source: str
    external_id: str | None
    owner_id: str | None

    def data(self, *, conceal: bool = False) -> dict[str, Any]:
        return {
            **self.__dict__,
            "title": CONCEALED if conceal else cut(self.title, TITLE),
            "priority": f"P{self.priority}" if self.priority else None,
        }


@dataclass(frozen=True)
class AlertFacts:
    """What messages tell of an escalation."""

    id: int
    metric: str
    breach: bool
    level: int
    level_name: str
    threshold: str
    due_at: datetime
    detected_at: datetime
    elapsed_minutes: float
    target_minutes: float
    percent_used: float

    def data(self) -> dict[str, Any]:
        numbers = ("elapsed_minutes", "target_minutes", "percent_used")
        return {
            **self.__dict__,
            **{name: round(getattr(self, name), 2) for name in numbers},
            "state": "breach" if self.breach else "alert",
            "due_at": self.due_at.isoformat(),
            "detected_at": self.detected_at.isoformat(),
        }


def message(kind: str, at: datetime, data: dict[str, Any]) -> Payload:
    return {"type": kind, "timestamp": at.isoformat(), "data": data}


def webhook_body(payload: Payload) -> bytes:
    """The same bytes every time."""
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def headline(payload: Payload) -> str:
    """One line that says what happened, for subjects and lists; plain text."""
    data = payload["data"]
    if "sla" not in data:
        return cut(str(data.get("message", payload["type"])), 200)
    ticket, sla = data["ticket"], data["sla"]
    metric = sla["metric"].replace("_", " ")
    what = f"{metric} is overdue" if sla["breach"] else f"{metric} at {sla['percent_used']:.0f} %"
    name = " ".join(part for part in (f"Ticket #{ticket['id']}", ticket["priority"]) if part)
    return f"{name}: {what} – {ticket['title']}"


def sla_type(metric: str) -> str:
    """The metric's name in messages: older receivers know `response` and `resolution`."""
    return "response" if metric == "first_response" else metric


def fields(payload: Payload) -> list[tuple[str, str]]:
    """What an alert tells, name by name, in the order in which people read it."""
    data = payload["data"]
    if "sla" not in data:
        return []
    ticket, sla = data["ticket"], data["sla"]
    place = " › ".join(name for name in (ticket["department"], ticket["group"]) if name)
    details = f"{sla['threshold']}, {sla['percent_used']:.0f} % of the time is used"
    return [
        ("Ticket ID", str(ticket["id"])),
        ("Priority", ticket["priority"] or "none yet"),
        ("Customer Tier", ticket["customer_tier"]),
        ("SLA Type", sla_type(sla["metric"])),
        ("State", sla["state"]),
        ("Escalation Lv.", str(sla["level"])),
        ("Elapsed (min)", f"{sla['elapsed_minutes']:.1f}"),
        ("Target (min)", f"{sla['target_minutes']:.1f}"),
        ("Details", "; ".join(part for part in (details, place) if part)),
        ("Timestamp", sla["detected_at"]),
    ]


def slack_message(payload: Payload) -> dict[str, Any]:
    """Slack's JSON: blocks with a link, and an attachment with the fields that alert tools know."""
    data = payload["data"]
    if "sla" not in data:
        text = slack_text(headline(payload))
        return {"text": text, "blocks": [_section(text)]}
    ticket, sla = data["ticket"], data["sla"]
    text = f"SLA ALERT for Ticket {ticket['id']}"
    head = f":{'red' if sla['breach'] else 'large_orange'}_circle: *{slack_text(text)}*"
    return {
        "text": text,
        "blocks": [_section(f"{head}\n<{ticket['url']}|{slack_text(headline(payload))}>")],
        "attachments": [
            {
                "color": RED if sla["breach"] else AMBER,
                "fallback": slack_text(headline(payload)),
                "fields": [
                    {"title": name, "value": slack_text(value), "short": name != "Details"}
                    for name, value in fields(payload)
                ],
            }
        ],
    }


def slack_digest(payloads: Sequence[Payload], *, more_url: str) -> dict[str, Any]:
    """Many alerts as one Slack message."""
    text = digest_headline(payloads)
    lines = [
        f"• <{payload['data']['ticket']['url']}|{slack_text(cut(headline(payload), 120))}>"
        for payload in payloads[:LISTED]
    ]
    if len(payloads) > LISTED:
        lines.append(f"… and <{more_url}|{len(payloads) - LISTED} more>.")
    blocks = [_section(f"*{text}*")]
    for start in range(0, len(lines), 3):  # a block takes 3,000 letters, and & becomes five
        blocks.append(_section("\n".join(lines[start : start + 3])))
    return {"text": text, "blocks": blocks}


def digest_headline(payloads: Sequence[Payload]) -> str:
    breaches = sum(bool(payload["data"]["sla"]["breach"]) for payload in payloads)
    return f"{len(payloads)} SLA alerts, {breaches} of them overdue"


def slack_text(text: str) -> str:
    """Slack reads &, < and > as control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
