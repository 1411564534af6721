import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sla import messages
from sla.messages import AlertFacts, TicketFacts, message

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def payload(*, breach: bool = True, title: str = "Printer on strike", **ticket: Any) -> Any:
    given_ticket = {
        "id": 7,
        "url": "http://desk/7",
        "title": title,
        "status": "open",
        "priority": 1,
        "customer_tier": "gold",
        "category": "hardware",
        "department": "IT",
        "group": None,
        "assignee": None,
        "source": "api",
        "external_id": None,
        "owner_id": None,
        **ticket,
    }
    conceal = given_ticket.pop("conceal", False)
    alert = AlertFacts(
        id=3,
        metric="first_response",
        breach=breach,
        level=2,
        level_name="breach",
        threshold="breach",
        due_at=NOON,
        detected_at=NOON,
        elapsed_minutes=61.234567,
        target_minutes=60,
        percent_used=102.0571,
    )
    facts = TicketFacts(**given_ticket)
    data = {"ticket": facts.data(conceal=conceal), "sla": alert.data()}
    return message("sla.breached" if breach else "sla.warning", NOON, data)


def test_slack_gets_the_fields_that_alert_tools_know_and_a_link() -> None:
    sent = messages.slack_message(payload())

    assert sent["text"] == "SLA ALERT for Ticket 7"
    [attachment] = sent["attachments"]
    assert attachment["color"] == "#ff0000"
    assert {field["title"]: field["value"] for field in attachment["fields"]} == {
        "Ticket ID": "7",
        "Priority": "P1",
        "Customer Tier": "gold",
        "SLA Type": "response",
        "State": "breach",
        "Escalation Lv.": "2",
        "Elapsed (min)": "61.2",
        "Target (min)": "60.0",
        "Details": "breach, 102 % of the time is used; IT",
        "Timestamp": "2026-03-03T12:00:00+00:00",
    }
    assert "<http://desk/7|" in sent["blocks"][0]["text"]["text"]


def test_a_warning_is_amber_and_says_so() -> None:
    [attachment] = messages.slack_message(payload(breach=False))["attachments"]

    assert attachment["color"] == "#ffa500"
    assert {"title": "State", "value": "alert", "short": True} in attachment["fields"]


def test_a_title_cannot_call_everybody_in_slack() -> None:
    sent = json.dumps(messages.slack_message(payload(title="<!channel> & <https://evil|click>")))

    assert "<!channel>" not in sent
    assert "&lt;!channel&gt; &amp; &lt;https://evil|click&gt;" in sent


def test_titles_are_cut_and_a_concealed_one_is_nowhere() -> None:
    assert len(payload(title="x" * 255)["data"]["ticket"]["title"]) == messages.TITLE
    secret = payload(title="Salary of Zoe", conceal=True)
    assert "Zoe" not in json.dumps([secret, messages.slack_message(secret)])


@given(st.lists(st.text(max_size=255), min_size=2, max_size=60))
def test_a_digest_of_any_titles_fits_into_slacks_limits(titles: list[str]) -> None:
    sent = messages.slack_digest(
        [payload(title=title) for title in titles], more_url="http://desk/all"
    )

    assert len(sent["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in sent["blocks"])
    assert sent["text"] == f"{len(titles)} SLA alerts, {len(titles)} of them overdue"


def test_a_webhooks_body_is_the_same_bytes_after_the_database_has_kept_it() -> None:
    made = payload(title="Grüße")
    kept = json.loads(json.dumps(dict(reversed(made.items()))))

    assert messages.webhook_body(made) == messages.webhook_body(kept)
    assert json.loads(messages.webhook_body(made))["type"] == "sla.breached"


def test_a_ticket_without_a_priority_reads_well() -> None:
    assert messages.headline(payload(priority=None)).startswith("Ticket #7: first response is over")
