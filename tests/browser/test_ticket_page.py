"""The page of one ticket: everything that an agent does to it, and what happens when two do."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.browser.desks import Enter, later, ready
from tests.browser.reading import blemishes, too_wide
from tests.factories import make_ticket
from tests.sla.policies import publish_policy
from tickets.models import Attachment, Comment, Ticket, TicketEvent
from tickets.services import attach_tickets, change_tickets, comment_on


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def vpn(desk: str) -> Ticket:
    return Ticket.objects.get(title__startswith="VPN")


def meta(page: Page) -> Any:
    return page.locator(".wt-meta")


def writing(page: Page) -> Any:
    return page.get_by_role("textbox", name="Comment")


def assignee(page: Page) -> Any:
    return page.get_by_label("Assignee")


def at(ticket: Ticket) -> str:
    return f"/tickets/{ticket.pk}/"


def test_a_ticket_is_taken_answered_and_resolved(enter: Enter, ana: User, vpn: Ticket) -> None:
    page = enter(ana, at(vpn))
    expect(page.get_by_role("region", name="Why it is here")).to_contain_text("“vpn”")

    page.keyboard.press("a")
    expect(assignee(page)).to_have_value("ana")
    page.get_by_role("button", name="Start work").click()
    expect(meta(page)).to_contain_text("In Progress")
    page.keyboard.press("i")
    page.keyboard.type("Cable again.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("article").first).to_contain_text("internal")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.type("We changed the cable.")
    page.get_by_role("button", name="Send Ctrl").click()
    expect(page.get_by_role("article").nth(1)).to_contain_text("We changed the cable.")
    page.get_by_role("button", name="Resolve").click()

    expect(meta(page)).to_contain_text("Resolved")
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    expect(page.get_by_role("button", name="Put on hold")).to_have_count(0)
    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("ana moved it: status in_progress → resolved")
    assert list(Comment.objects.order_by("pk").values_list("public", flat=True)) == [False, True]


def test_facts_are_changed_where_they_stand(
    enter: Enter, ana: User, bob: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn))
    with page.expect_response(f"**/api/v1/tickets/{vpn.pk}/"):
        page.get_by_label("Priority").select_option("1")
    expect(meta(page)).to_contain_text("P1 critical")
    assignee(page).fill("bob")
    assignee(page).press("Enter")
    expect(page.get_by_role("region", name="History")).to_contain_text("assignee bob")
    for tag in ("office", "cable"):
        page.get_by_label("Add a tag").fill(tag)
        page.get_by_label("Add a tag").press("Enter")
        expect(page.locator(".ws-tag", has_text=tag)).to_be_visible()
    page.get_by_role("button", name="Remove the tag office").click()
    expect(page.locator(".ws-tag")).to_have_count(1)
    page.get_by_role("button", name="Send…").click()
    page.get_by_role("dialog").get_by_label("Department").select_option("Facilities")
    page.get_by_role("dialog").get_by_role("button", name="Send").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("department IT Support → Facilities")
    page.keyboard.press("e")
    page.get_by_role("dialog").get_by_label("Title").fill("The VPN is down")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The VPN is down")

    vpn.refresh_from_db()
    assert (vpn.priority, vpn.assignee.username, vpn.tags) == (1, "bob", ["cable"])
    assert (vpn.department.name, vpn.title) == ("Facilities", "The VPN is down")


def test_a_change_by_somebody_else_is_shown_calmly_and_ones_own_can_be_made_again(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn), ticking=False)
    change_tickets(ids=[vpn.pk], values={"priority": 3}, actor="bob", now=now())

    page.get_by_role("button", name="Start work").click()
    told = page.get_by_role("alert").filter(has_text="changed while you were reading")
    expect(told).to_contain_text(re.compile("bob changed it: .*priority .* 3"))
    expect(meta(page)).to_contain_text("P3 medium")
    expect(meta(page)).to_contain_text("Open")
    told.get_by_role("button", name="Make my change now").click()

    expect(meta(page)).to_contain_text("In Progress")
    expect(told).to_be_hidden()


def test_a_field_shows_what_holds_when_its_change_was_not_made(
    enter: Enter, ana: User, bob: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn), ticking=False)
    change_tickets(ids=[vpn.pk], values={"assignee": "bob"}, actor="bob", now=now())

    assignee(page).fill("ana")
    assignee(page).press("Enter")
    page.get_by_role("button", name="Leave it").click()

    expect(assignee(page)).to_have_value("bob")


def test_what_others_do_appears_and_what_one_types_stays(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn), ticking=False)
    writing(page).fill("Half a sen")
    comment_on(ticket=vpn, body="It works again.", public=True, actor="bob", now=now())

    later(page)

    expect(page.get_by_role("article")).to_contain_text("It works again.")
    expect(writing(page)).to_have_value("Half a sen")


def test_what_a_colleague_changed_behind_an_open_dialog_is_kept(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn), ticking=False)
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("The VPN is down")
    change_tickets(ids=[vpn.pk], values={"description": "Bob's words"}, actor="bob", now=now())
    later(page)
    expect(page.locator("[data-part=description]")).to_have_text("Bob's words")

    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("changed while you were editing")
    expect(dialog.get_by_label("Description")).to_have_value("Bob's words")
    dialog.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("The VPN is down")
    vpn.refresh_from_db()
    assert (vpn.title, vpn.description) == ("The VPN is down", "Bob's words")


def test_a_tag_that_a_colleague_set_while_one_types_another_is_kept(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn), ticking=False)
    page.get_by_label("Add a tag").fill("office")
    change_tickets(ids=[vpn.pk], values={"tags": ["vip"]}, actor="bob", now=now())
    later(page)
    expect(page.get_by_role("region", name="History")).to_contain_text("vip")
    expect(page.get_by_label("Add a tag")).to_have_value("office")

    page.get_by_label("Add a tag").press("Enter")
    page.get_by_role("button", name="Make my change now").click()

    expect(page.locator(".ws-tag")).to_have_count(2)
    vpn.refresh_from_db()
    assert vpn.tags == ["vip", "office"]


def test_several_tags_are_added_at_once_and_one_in_quotes_may_hold_a_comma(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn))
    page.get_by_label("Add a tag").fill('office, "slow, at noon",office')
    page.get_by_label("Add a tag").press("Enter")

    expect(page.locator(".ws-tag")).to_have_count(2)
    vpn.refresh_from_db()
    assert vpn.tags == ["office", "slow, at noon"]


def test_who_took_a_ticket_by_one_key_gives_it_back_by_one_click(
    enter: Enter, ana: User, bob: User, vpn: Ticket
) -> None:
    change_tickets(ids=[vpn.pk], values={"assignee": "bob"}, actor="bob", now=now())
    page = enter(ana, at(vpn))

    page.keyboard.press("a")
    expect(assignee(page)).to_have_value("ana")
    page.get_by_role("button", name="Undo").click()

    expect(assignee(page)).to_have_value("bob")


def test_older_comments_come_when_they_are_asked_for_and_nothing_jumps(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    Comment.objects.bulk_create(
        Comment(ticket=vpn, body=f"Comment {n}.", author="bob", created_at=now()) for n in range(60)
    )
    page = enter(ana, at(vpn), ticking=False)
    comments, top = page.get_by_role("article"), "one => one.getBoundingClientRect().top"
    expect(comments).to_have_count(50)
    was = comments.filter(has_text="Comment 10.").evaluate(top)

    page.get_by_role("link", name="Show older comments").click()

    expect(comments).to_have_count(60)
    assert comments.filter(has_text="Comment 10.").evaluate(top) == pytest.approx(was, abs=2)
    expect(page.get_by_role("link", name="Show older comments")).to_have_count(0)
    comment_on(ticket=vpn, body="One more.", public=True, actor="bob", now=now())
    later(page)
    expect(comments).to_have_count(61)
    expect(comments.first).to_contain_text("Comment 0.")


@pytest.mark.parametrize("width", [1440, 390])
def test_every_line_of_the_history_says_when_on_one_line(
    enter: Enter, ana: User, vpn: Ticket, width: int
) -> None:
    Ticket.objects.filter(pk=vpn.pk).update(opened_at=now() - timedelta(days=500))
    TicketEvent.objects.create(
        ticket=vpn, kind="updated", actor="bob", at=now() - timedelta(days=400)
    )
    page = enter(ana, at(vpn), viewport={"width": width, "height": 900}, locale="de-DE")

    times = page.locator(".wt-history time")
    expect(times.first).to_have_attribute("title", re.compile("."))
    heights = times.evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
    widths = times.evaluate_all("all => all.map((one) => one.scrollWidth - one.clientWidth)")
    assert max(heights) < 24
    assert max(widths) <= 0


def test_single_keys_are_switched_off_in_this_browser(enter: Enter, ana: User, vpn: Ticket) -> None:
    page = enter(ana, at(vpn))
    page.keyboard.press("?")
    page.get_by_label(re.compile("^Single keys work")).uncheck()
    page.get_by_role("button", name="Close").click()
    for _ in range(2):
        for key in ("e", "?", "a", "d"):
            page.keyboard.press(key)
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.reload()
        ready(page)

    page.get_by_role("button", name="Keys").click()
    page.get_by_label(re.compile("^Single keys work")).check()
    page.keyboard.press("Escape")
    page.keyboard.press("e")

    expect(page.get_by_role("dialog")).to_be_visible()
    vpn.refresh_from_db()
    assert vpn.assignee is None


@pytest.mark.parametrize("where", ["desk", "admin"])
def test_who_signs_out_leaves_no_draft(enter: Enter, ana: User, vpn: Ticket, where: str) -> None:
    page = enter(ana, at(vpn))
    writing(page).fill("Between us")
    expect(page.get_by_text("Draft kept")).to_be_visible()
    if where == "desk":
        page.get_by_role("button", name="Sign out").click()
    else:
        page.goto(page.url.split("/tickets/")[0] + "/admin/")
        page.evaluate("document.getElementById('logout-form').requestSubmit()")
    page.wait_for_url(lambda url: "/tickets/" not in url and not url.endswith("/admin/"))

    assert "Between us" not in page.evaluate("JSON.stringify(localStorage)")


def test_who_signs_in_again_in_one_tab_goes_on_in_the_others(
    enter: Enter,  # noqa: F811
    ana: User,  # noqa: F811
    vpn: Ticket,
) -> None:
    ana.set_password("correct-horse-battery")
    ana.save()
    page = enter(ana, at(vpn), ticking=False)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url(lambda url: "/tickets/" not in url)
    marked = page.locator("html[data-signed-out]")
    expect(marked).to_have_count(1)
    page.bring_to_front()
    later(page)
    writing(page).fill("Nobody shall read this")
    later(page, 1)
    assert "Nobody" not in page.evaluate("JSON.stringify(localStorage)")

    other.goto(page.url)
    other.fill("input[name=username]", "ana")
    other.fill("input[name=password]", "correct-horse-battery")
    other.keyboard.press("Enter")
    ready(other)
    page.bring_to_front()
    later(page)
    expect(marked).to_have_count(0)

    writing(page).fill("Here again")
    later(page, 1)
    expect(page.get_by_text("Draft kept")).to_be_visible()
    page.get_by_role("button", name="Send Ctrl").click()
    expect(page.get_by_role("article")).to_contain_text("Here again")


def test_a_ticket_that_left_ones_sight_leads_back_to_the_list(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn))
    page.get_by_role("button", name="Send…").click()
    sent = page.get_by_role("dialog")
    sent.get_by_label("Department").select_option("HR")
    sent.get_by_role("button", name="Send").click()

    told = page.get_by_role("dialog", name="You do not see this ticket any more")
    expect(told).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_hidden()
    told.get_by_role("button", name="Back to the list").click()
    expect(page).to_have_url(re.compile("/tickets/\\?"))


def test_a_comment_whose_answer_got_lost_is_added_once_and_what_is_typed_meanwhile_stays(
    enter: Enter, ana: User, vpn: Ticket
) -> None:
    page = enter(ana, at(vpn))
    lost: list[str] = []

    def lose(route: Any) -> None:
        route.fetch()
        if lost:
            writing(page).press_sequentially(" And more")
        lost.append(route.request.headers["idempotency-key"])
        route.fulfill(status=502, body="") if len(lost) == 1 else route.fallback()

    page.route("**/comments/", lose)
    writing(page).fill("It works.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-part=composer-problem]")).to_contain_text("502")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("article")).to_have_count(1)
    expect(writing(page)).to_have_value("And more")
    assert len(set(lost)) == 1
    assert Comment.objects.get().body == "It works."


@pytest.mark.parametrize("where", ["ticket", "list"])
def test_a_page_that_is_not_brought_up_to_date_says_so(
    enter: Enter, ana: User, vpn: Ticket, where: str
) -> None:
    page = enter(ana, at(vpn) if where == "ticket" else "/tickets/?status=open", ticking=False)
    page.wait_for_load_state("networkidle")
    stale, lost = page.get_by_text("Not up to date since"), "**/presence/"
    if where == "list":
        lost = "**/tickets/rows/**"
    page.route(lost, lambda route: route.fulfill(status=403, body=""))
    for expected in (0, 1):
        with page.expect_response(lost):
            later(page)
        expect(stale).to_have_count(expected)
    page.unroute(lost)
    later(page)

    expect(stale).to_be_hidden()


def test_a_draft_outlives_the_page(enter: Enter, ana: User, vpn: Ticket) -> None:
    page = enter(ana, at(vpn))
    page.keyboard.press("i")
    page.keyboard.type("Not ready yet")
    expect(page.get_by_text("Draft kept")).to_be_visible()

    page.reload()

    expect(writing(page)).to_have_value("Not ready yet")
    expect(page.get_by_label("Internal note")).to_be_checked()
    page.keyboard.press("c")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("article")).to_contain_text("Not ready yet")
    page.reload()
    expect(writing(page)).to_have_value("")


def test_files_come_with_a_comment_or_alone(enter: Enter, ana: User, vpn: Ticket) -> None:
    page = enter(ana, at(vpn))
    file = {"name": "cable <b>.txt", "mimeType": "text/plain", "buffer": b"broken"}
    page.set_input_files("input[type=file]", file)
    writing(page).fill("See the photo.")
    page.get_by_role("button", name="Send Ctrl").click()
    expect(page.get_by_role("article").get_by_role("link")).to_have_text("cable <b>.txt")

    page.set_input_files("input[type=file]", {**file, "name": "alone.txt"})
    page.get_by_role("button", name="Send Ctrl").click()
    expect(page.get_by_role("list", name="Files")).to_contain_text("alone.txt")
    with page.expect_download() as download:
        page.get_by_role("link", name="alone.txt").click()
    assert download.value.path().read_bytes() == b"broken"
    assert Attachment.objects.filter(comment=None).count() == 1


def test_deadlines_count_down_say_why_and_are_acknowledged(enter: Enter, ana: User) -> None:
    publish_policy(tiers={"standard": {p: {"resolution": "2h"} for p in ("P1", "P2", "P3", "P4")}})
    late = make_ticket(
        title="Lift is stuck", priority=2, at=now(), opened_at=now() - timedelta(hours=1)
    )
    page = enter(ana, at(late))
    clock = page.locator("[data-clock=resolution]")
    expect(clock.locator("[data-due]")).to_have_text(re.compile("due in (59 min|1 h 00 min)"))

    clock.get_by_text("of 2h counted").click()
    expect(clock).to_contain_text("24x7")
    expect(clock.get_by_role("img")).to_have_attribute("aria-label", re.compile("% of 2h used"))
    page.get_by_label("Acknowledge for").select_option("60")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("region", name="Deadlines")).to_contain_text("acknowledged until")


def test_resolving_a_parent_asks_about_its_children(enter: Enter, ana: User, vpn: Ticket) -> None:
    child = Ticket.objects.get(title="Printer jammed")
    attach_tickets(ids=[child.pk], to=vpn.pk, actor="bob", now=now())
    page = enter(ana, at(vpn))
    expect(page.get_by_role("region", name="Belongs together")).to_contain_text("Printer jammed")

    page.get_by_role("button", name="Resolve").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"#{child.pk} Printer jammed")
    dialog.get_by_role("button", name="Resolve 2 tickets").click()

    expect(meta(page)).to_contain_text("Resolved")
    child.refresh_from_db()
    assert child.status == "resolved"


def test_a_ticket_is_merged_into_a_similar_one(enter: Enter, ana: User, vpn: Ticket) -> None:
    printer = Ticket.objects.get(title="Printer jammed")
    alike = {
        "id": printer.pk,
        "title": printer.title,
        "status": "open",
        "category": "hardware",
        "opened_at": now().isoformat(),
        "score": 0.9,
        "duplicate": True,
        "shared": ["office"],
        "solution": {"text": "Restarted <b>it</b>.", "by": "bob", "at": now().isoformat()},
    }
    page = enter(ana, "/tickets/?ordering=-opened_at")
    body = json.dumps({"results": [alike]})
    page.route(
        "**/similar/", lambda r: r.fulfill(status=200, content_type="application/json", body=body)
    )
    page.goto(page.url.split("/tickets/")[0] + at(vpn))
    found = page.get_by_role("region", name="Similar tickets")
    expect(found).to_contain_text("Restarted <b>it</b>.")

    found.get_by_role("button", name="Merge into").click()
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Printer jammed")
    page.goto(page.url.split("/tickets/")[0] + at(vpn))
    expect(page.get_by_text("It was merged into")).to_contain_text("Printer jammed")
    expect(writing(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Reopen")).to_have_count(0)


def test_what_triage_decided_is_confirmed(enter: Enter, ana: User, vpn: Ticket) -> None:
    Ticket.objects.filter(pk=vpn.pk).update(triage_status="needs_review")
    page = enter(ana, at(vpn))
    expect(meta(page)).to_contain_text("needs review")

    page.get_by_role("button", name="Triage was right").click()

    expect(page.get_by_text("Confirmed.")).to_be_visible()
    expect(meta(page)).not_to_contain_text("needs review")
    assert Ticket.objects.get(pk=vpn.pk).triage_status == "completed"


def test_a_refusal_is_told(enter: Enter, ana: User, vpn: Ticket) -> None:
    page = enter(ana, at(vpn))
    assignee(page).fill("nobody-here")
    assignee(page).press("Enter")

    expect(page.get_by_role("alert").filter(has_text="nobody-here")).to_be_visible()
    expect(assignee(page)).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_a_ticket(enter: Enter, ana: User, vpn: Ticket, scheme: str) -> None:
    publish_policy()
    late = make_ticket(title="Lift is stuck", description="Help! https://example.com/", at=now())
    change_tickets(ids=[late.pk], values={"tags": ["vip"], "priority": 1}, actor="x", now=now())
    comment_on(ticket=late, body="A note", public=False, actor="bob", now=now())
    attach_tickets(ids=[vpn.pk], to=late.pk, actor="bob", now=now())
    page = enter(ana, at(late), color_scheme=scheme)
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.shifted") < 0.02
    assert blemishes(page) == []
    for key in ("e", "d", "?", "Control+k"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert blemishes(page) == [], key
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_ticket_fits_a_phone(enter: Enter, ana: User) -> None:
    long = make_ticket(title="Wort" * 50, description="x" * 500, tags=["y" * 50], at=now())
    page = enter(ana, at(long), viewport={"width": 390, "height": 844}, has_touch=True)

    assert too_wide(page) <= 0
    expect(page.get_by_role("button", name="Resolve")).to_be_in_viewport()
    assert blemishes(page) == []
