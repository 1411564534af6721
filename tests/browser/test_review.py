"""The review page, worked through with the keyboard alone."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_agent import sign_in
from tests.factories import make_ticket
from tickets.models import Ticket, TriageStatus
from tickets.services import change_tickets
from triage.models import Correction, TriageJob
from triage.services import run_jobs

SIMILAR = {
    "results": [
        {
            "id": 7,
            "title": "VPN was down in March",
            "category": "network",
            "status": "closed",
            "score": 0.81,
            "solution": {"text": "Restarted the concentrator.", "by": "bob"},
        }
    ]
}


@pytest.fixture
def queue(desk: str) -> str:
    """Three tickets wait: VPN (overdue), printer, invoice, in this order."""
    now = datetime.now(UTC)
    for ticket, confidence, hours in zip(
        Ticket.objects.order_by("pk"), (0.4, 0.5, 0.9), (-1, 1, 40), strict=True
    ):
        Ticket.objects.filter(pk=ticket.pk).update(
            triage_status=TriageStatus.NEEDS_REVIEW,
            confidence=confidence,
            priority=2,
            due_at=now + timedelta(hours=hours),
        )
    return desk


@pytest.fixture
def open_queue(page: Page, queue: str) -> Page:
    """The review page, signed in, with the first ticket on it."""
    page.route("**/similar/", _similar)
    sign_in(page, queue)
    page.goto(f"{queue}/review/")
    expect(title(page)).to_have_text("VPN down for the whole office")
    return page


def _similar(route: Route) -> None:
    route.fulfill(status=200, content_type="application/json", body=json.dumps(SIMILAR))


def title(page: Page) -> Any:
    return page.locator("#review-title")


def said(page: Page) -> Any:
    return page.locator("[data-part=said]")


def test_three_tickets_are_decided_with_keys_only(open_queue: Page) -> None:
    page = open_queue
    expect(page.locator("[data-part=waiting]")).to_have_text("3")

    page.keyboard.press("Enter")
    expect(title(page)).to_have_text("Printer jammed")
    expect(said(page)).to_contain_text("confirmed as")
    page.keyboard.press("2")
    expect(title(page)).to_have_text("<b>Bold</b> invoice question")
    page.keyboard.press("/")
    page.keyboard.type("facil")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Nothing waits for a review.")).to_be_visible()
    expect(page.locator("[data-part=decided]")).to_have_text("3")
    expect(said(page)).to_contain_text("Facilities")
    assert not Ticket.objects.filter(triage_status=TriageStatus.NEEDS_REVIEW).exists()
    agreed = Correction.objects.filter(field="category").order_by("pk")
    assert list(agreed.values_list("agreed", flat=True)) == [True, False, False]
    assert Ticket.objects.get(title__contains="invoice").category.slug == "facilities"


def test_an_answer_that_was_overtaken_does_not_stand_beside_the_undo_of_another(
    open_queue: Page,
) -> None:
    page = open_queue
    held: list[Route] = []
    vpn = Ticket.objects.get(title__startswith="VPN")
    page.route(f"**/api/v1/review/{vpn.pk}/", lambda route: held.append(route))
    page.keyboard.press("Enter")
    expect(title(page)).to_have_text("Printer jammed")
    page.keyboard.press("2")
    expect(said(page)).to_contain_text("is now")
    newest = said(page).text_content()

    with page.expect_response(f"**/api/v1/review/{vpn.pk}/") as late:
        held[0].continue_()
    late.value.finished()
    page.evaluate("new Promise(requestAnimationFrame)")  # the page has taken it in

    assert said(page).text_content() == newest


def test_a_decision_is_taken_back_and_made_otherwise_with_the_mouse(open_queue: Page) -> None:
    page = open_queue
    page.keyboard.press("2")
    expect(said(page)).to_contain_text("is now")

    page.keyboard.press("u")

    expect(title(page)).to_have_text("VPN down for the whole office")
    expect(said(page)).to_contain_text("waits again")
    expect(page.locator("[data-part=decided]")).to_have_text("0")
    vpn = Ticket.objects.get(title__startswith="VPN")
    assert (vpn.category.slug, vpn.triage_status) == ("network", TriageStatus.NEEDS_REVIEW)
    assert not Correction.objects.filter(undone_at=None).exists()

    page.select_option("select[name=impact]", "3")
    page.select_option(".review-more select[name=department]", "Finance")
    page.locator("[data-do=accept]").click()
    expect(said(page)).to_contain_text("Finance")
    vpn.refresh_from_db()
    assert (vpn.impact, vpn.category.slug, vpn.department.name) == (3, "network", "Finance")


def test_one_moves_between_tickets_and_reads_why(open_queue: Page) -> None:
    page = open_queue
    expect(page.get_by_label("Similar tickets")).to_contain_text("Restarted the concentrator.")
    expect(page.locator("mark").first).to_have_text(re.compile("vpn", re.IGNORECASE))
    expect(page.locator("[data-due]")).to_have_text(re.compile("overdue for 1 h"))

    page.keyboard.press("e")
    expect(page.get_by_label("Explanation")).to_contain_text("impact")
    page.keyboard.press("j")
    expect(title(page)).to_have_text("Printer jammed")
    page.keyboard.press("e")
    expect(page.get_by_label("Explanation")).to_have_count(0)
    page.keyboard.press("k")
    expect(title(page)).to_have_text("VPN down for the whole office")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Take your last decision back")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert not Correction.objects.exists()


def test_single_keys_can_be_switched_off(open_queue: Page) -> None:
    page = open_queue
    expect(title(page)).to_have_text("VPN down for the whole office")
    page.keyboard.press("?")
    page.get_by_label("Single keys work").uncheck()
    page.keyboard.press("Escape")

    for key in ("j", "?", "1"):
        page.keyboard.press(key)

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(title(page)).to_have_text("VPN down for the whole office")
    assert not Correction.objects.exists()


@pytest.fixture
def forgiving(browser: Any) -> Iterator[Page]:
    """A page whose console may show that a request was refused."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def test_what_cannot_be_saved_is_told_and_work_goes_on(forgiving: Page, queue: str) -> None:
    page = forgiving
    page.route("**/similar/", lambda route: route.fulfill(status=404, body="{}"))
    sign_in(page, queue)
    page.goto(f"{queue}/review/")
    expect(title(page)).to_have_text("VPN down for the whole office")
    vpn, printer = (Ticket.objects.get(title__startswith=word) for word in ("VPN", "Printer"))
    change_tickets(ids=[vpn.pk], values={"category": "billing"}, actor="bob", now=datetime.now(UTC))
    change_tickets(ids=[printer.pk], values={"title": "Two"}, actor="bob", now=datetime.now(UTC))

    page.keyboard.press("Enter")
    failed = page.locator("[data-part=failed]")
    expect(failed).to_contain_text(f"#{vpn.pk} was decided by somebody else")
    expect(title(page)).to_have_text("Printer jammed")
    page.keyboard.press("Enter")
    expect(failed).to_contain_text("changed while you were reading")
    expect(title(page)).to_have_text("<b>Bold</b> invoice question")  # nothing moves under the keys
    page.keyboard.press("j")
    expect(title(page)).to_have_text("Two")
    page.keyboard.press("Enter")

    expect(title(page)).to_have_text("<b>Bold</b> invoice question")
    expect(said(page)).to_contain_text(f"#{printer.pk} confirmed")
    expect(page.get_by_label("Similar tickets")).to_have_count(0)
    assert Ticket.objects.get(pk=vpn.pk).category.slug == "billing"
    page.route(re.compile(r"/review/\d+/$"), lambda route: route.abort())
    page.select_option("select[name=impact]", "1")
    second = page.locator(".review-choice, .review-others button").nth(1)
    chosen = re.sub(r"^2 ?|\d+ %$", "", second.text_content() or "")
    page.keyboard.press("2")
    expect(failed).to_contain_text("was not saved")
    expect(title(page)).to_have_text("<b>Bold</b> invoice question")
    expect(page.locator("[data-part=waiting]")).to_have_text("1")
    expect(page.locator("select[name=impact]")).to_have_value("1")
    expect(page.locator("[data-do=accept]")).to_contain_text(f"Accept {chosen}")

    page.unroute(re.compile(r"/review/\d+/$"))
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text(f"is now {chosen}")
    page.route("**/review/undo/", lambda route: route.abort())
    page.keyboard.press("u")
    expect(failed).to_contain_text("was not taken back")
    page.unroute("**/review/undo/")
    page.keyboard.press("u")
    expect(said(page)).to_contain_text("waits again")


def test_when_the_newest_decision_is_refused_undo_is_offered_for_the_one_before(
    forgiving: Page, queue: str
) -> None:
    page, held = forgiving, list[Route]()
    page.route("**/similar/", _similar)
    sign_in(page, queue)
    page.goto(f"{queue}/review/")
    expect(title(page)).to_have_text("VPN down for the whole office")
    printer = Ticket.objects.get(title="Printer jammed")
    page.route(f"**/api/v1/review/{printer.pk}/", lambda route: held.append(route))
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("confirmed as")
    first = said(page).text_content()
    page.keyboard.press("2")
    expect(said(page)).to_be_empty()

    held[0].fulfill(status=409, content_type="application/json", body='{"detail": "It is merged."}')

    expect(page.locator("[data-part=failed]")).to_contain_text("It is merged.")
    expect(said(page)).to_have_text(first or "")
    page.keyboard.press("u")
    expect(title(page)).to_have_text("VPN down for the whole office")


def test_a_queue_that_cannot_be_read_is_not_asked_for_without_pause(
    forgiving: Page, queue: str
) -> None:
    page, answers = forgiving, [{"results": [], "next": f"{queue}/api/v1/review/?cursor=x"}]

    def answer(route: Route) -> None:
        body = answers.pop() if answers else None
        status = 200 if body else 503
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    page.route("**/api/v1/review/?*", answer)
    sign_in(page, queue)
    page.goto(f"{queue}/review/")

    expect(page.get_by_text("The queue is out of reach; trying again.")).to_be_visible()
    page.wait_for_load_state("networkidle")


def test_a_double_click_decides_about_one_ticket(open_queue: Page) -> None:
    page = open_queue
    page.locator("[data-do=accept]").dblclick()

    expect(said(page)).to_contain_text("confirmed as")
    expect(title(page)).to_have_text("Printer jammed")
    expect(page.locator("[data-part=decided]")).to_have_text("1")


def test_the_page_reads_ahead_and_fits_a_phone(page: Page, queue: str) -> None:
    for number in range(24):
        make_ticket(title=f"VPN {number} is down " + "wort" * 30)
    run_jobs(
        ids=list(TriageJob.objects.filter(state="pending").values_list("pk", flat=True)),
        now=datetime.now(UTC),
    )
    Ticket.objects.update(triage_status=TriageStatus.NEEDS_REVIEW)
    page.set_viewport_size({"width": 390, "height": 844})
    page.route("**/similar/", _similar)
    sign_in(page, queue)
    page.goto(f"{queue}/review/")
    expect(page.locator("[data-part=waiting]")).to_have_text("27")

    expect(page.locator("[data-do=accept]")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    seen = set()
    for _ in range(26):
        seen.add(title(page).text_content())
        expect(page.locator("[data-do=next]")).to_be_enabled()
        page.keyboard.press("j")
    assert len(seen) >= 26
