"""An agent's day in the admin."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.factories import make_ticket
from tests.sla.policies import publish_policy
from tickets.models import Ticket


def sign_in(page: Page, desk: str) -> None:
    page.goto(f"{desk}/admin/")
    page.fill("input[name=username]", "ana")
    page.fill("input[name=password]", "correct-horse-battery")
    page.click("button[type=submit]")
    expect(page.get_by_role("link", name="Open P1 critical")).to_be_visible()


def test_an_agent_finds_reads_answers_and_resolves_a_ticket(page: Page, desk: str) -> None:
    sign_in(page, desk)
    page.goto(f"{desk}/admin/tickets/ticket/")
    expect(page.get_by_text("<b>Bold</b> invoice question")).to_be_visible()
    page.fill("input[name=q]", "vpn")
    page.press("input[name=q]", "Enter")
    expect(page.get_by_text("Printer jammed")).to_have_count(0)
    page.get_by_role("link", name="VPN down for the whole office").first.click()

    expect(page.get_by_text("“vpn”").first).to_be_visible()
    page.fill("[aria-label=Comments] textarea", "I am looking into it.")
    page.get_by_role("button", name="Add comment").click()
    expect(page.get_by_label("Comments").get_by_text("I am looking into it.")).to_be_visible()
    page.get_by_role("button", name="→ Resolved").click()
    expect(page.locator("[data-status=resolved]")).to_be_visible()

    ticket = Ticket.objects.get(title__startswith="VPN")
    assert (ticket.status, ticket.first_response_at is not None) == ("resolved", True)


def test_an_agent_corrects_a_ticket_and_hands_it_back(page: Page, desk: str) -> None:
    sign_in(page, desk)
    ticket = Ticket.objects.get(title="Printer jammed")
    page.goto(f"{desk}/admin/tickets/ticket/{ticket.pk}/change/")
    page.select_option("select[name=priority]", "1")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("Decided by a person or the sender: priority.")).to_be_visible()

    page.get_by_role("button", name="Let triage decide again").click()

    expect(page.get_by_text("Triage may decide these fields again.")).to_be_visible()
    assert Ticket.objects.get(pk=ticket.pk).locked_fields == []


def test_many_tickets_are_moved_at_once(page: Page, desk: str) -> None:
    sign_in(page, desk)
    page.goto(f"{desk}/admin/tickets/ticket/")
    for box in page.locator("input[name=_selected_action]").all():
        box.check()
    page.select_option("select[name=action]", "start")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("3 tickets changed.")).to_be_visible()
    assert set(Ticket.objects.values_list("status", flat=True)) == {"in_progress"}


def test_the_list_is_readable_on_a_phone(page: Page, desk: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, desk)
    page.goto(f"{desk}/admin/tickets/ticket/")

    expect(page.get_by_text("Printer jammed").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_api_documentation_works_without_the_internet(page: Page, desk: str) -> None:
    sign_in(page, desk)
    page.goto(f"{desk}/api/docs/")

    page.locator("#operations-tag-tickets").click(timeout=20_000)
    expect(page.get_by_text("/api/v1/tickets/batch/").first).to_be_visible(timeout=20_000)


def test_an_agent_sees_a_deadline_count_down_learns_why_and_acknowledges_it(
    page: Page, desk: str
) -> None:
    publish_policy(tiers={"standard": {p: {"resolution": "2h"} for p in ("P1", "P2", "P3", "P4")}})
    now = datetime.now(UTC)
    ticket = make_ticket(
        title="Lift is stuck", priority=2, at=now, opened_at=now - timedelta(hours=1)
    )
    sign_in(page, desk)
    page.goto(f"{desk}/admin/tickets/ticket/?sla=ok")
    row = page.get_by_role("row").filter(has_text="Lift is stuck")
    expect(row.locator("[data-due]")).to_have_text(re.compile(r"^(59 min|1 h 00 min)$"))

    page.goto(f"{desk}/admin/tickets/ticket/{ticket.pk}/change/")
    clock = page.locator("[data-clock=resolution]")
    expect(clock.get_by_text("2h by Test, 24x7")).to_be_visible()
    before = clock.locator("[data-due]").text_content()
    clock.get_by_text("Why: every interval that counted or not").click()
    expect(clock.get_by_text("counted 1h")).to_be_visible()
    page.fill("[name=lasting]", "45m")
    page.get_by_role("button", name="Acknowledge").click()

    expect(page.get_by_text("Acknowledged until").first).to_be_visible()
    assert before is not None
    assert before.startswith("due in")


def test_an_agent_attaches_a_file_and_fetches_it(page: Page, desk: str) -> None:
    sign_in(page, desk)
    ticket = Ticket.objects.get(title="Printer jammed")
    page.goto(f"{desk}/admin/tickets/ticket/{ticket.pk}/change/")

    page.set_input_files(
        "input[name=uploads]", {"name": "jam.txt", "mimeType": "text/plain", "buffer": b"paper"}
    )
    page.get_by_role("button", name="Add comment").click()

    with page.expect_download() as download:
        page.get_by_role("link", name="jam.txt").click()
    assert download.value.path().read_bytes() == b"paper"
    expect(page.get_by_role("button", name="Remove jam.txt")).to_have_count(0)
