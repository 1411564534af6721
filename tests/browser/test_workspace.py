"""The list of tickets, as agents work with it: by keyboard, on a phone, beside each other."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.browser.desks import Enter, later, ready, until
from tests.browser.reading import blemishes, too_wide
from tests.factories import make_ticket
from tickets import presence
from tickets.lifecycle import Status
from tickets.models import SavedView, Ticket
from tickets.services import change_tickets, create_view, move_tickets

LIST = "/tickets/?status=open,in_progress,on_hold"


def rows(page: Page) -> Any:
    return page.locator("tbody tr")


def titles(page: Page) -> list[str]:
    return page.locator("tbody .ws-title b").all_text_contents()


def row(page: Page, title: str) -> Any:
    return rows(page).filter(has_text=title)


def now() -> datetime:
    return datetime.now(UTC)


def ticket(title: str) -> Ticket:
    return Ticket.objects.get(title__startswith=title)


def test_a_list_is_triaged_with_the_keyboard_alone(enter: Enter, ana: User) -> None:
    page = enter(ana, LIST)
    expect(rows(page)).to_have_count(3)
    first, second, third = titles(page)

    for key in "jjjk":
        page.keyboard.press(key)
    expect(page.locator(".ws-title a:focus")).to_contain_text(second)
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Selected tickets")).to_contain_text("2 selected")
    page.keyboard.press("m")
    expect(page.get_by_role("dialog")).to_contain_text("Move 2 tickets")
    page.keyboard.press("Tab")
    page.keyboard.type("Taken up together")
    page.keyboard.press("Enter")

    expect(page.get_by_text("2 tickets changed.")).to_be_visible()
    for title in (second, third):
        expect(row(page, title)).to_contain_text("In Progress")
    expect(row(page, first)).to_contain_text("Open")
    expect(page.get_by_role("region", name="Selected tickets")).to_be_hidden()
    page.keyboard.press("o")
    ready(page, third)
    page.keyboard.press("k")
    ready(page, second)
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(r"status=open,in_progress,on_hold"))


def test_what_could_not_be_changed_is_told_with_its_reason(enter: Enter, ana: User) -> None:
    page = enter(ana, "/tickets/?ordering=-opened_at", ticking=False)
    printer = ticket("Printer")
    move_tickets(ids=[printer.pk], status=Status.CANCELLED, actor="bob", now=now())

    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name=re.compile("^Move")).click()
    page.get_by_role("dialog").locator("[name=status]").select_option("on_hold")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()

    told = page.get_by_role("dialog")
    expect(told).to_contain_text("1 ticket could not be changed")
    expect(told).to_contain_text(f"#{printer.pk} Ticket {printer.pk} is cancelled")
    told.get_by_role("button", name="Close").click()
    expect(page.get_by_role("region", name="Selected tickets")).to_contain_text("1 selected")
    assert Ticket.objects.filter(status="on_hold").count() == 2


def test_tickets_are_sent_assigned_tagged_and_commented_together(enter: Enter, ana: User) -> None:
    page = enter(ana, LIST)
    dialog = page.get_by_role("dialog")

    def do(key: str) -> None:
        page.get_by_label("Select all on this page").check()
        page.keyboard.press(key)

    do("d")
    dialog.get_by_label("Department").select_option("IT Support")
    dialog.get_by_label("Group").select_option("Network")
    dialog.get_by_role("button", name="Send").click()
    expect(rows(page).filter(has_text="Network")).to_have_count(3)
    do("a")
    dialog.get_by_role("button", name="Assign").click()
    expect(rows(page).filter(has_text="ana")).to_have_count(3)
    do("t")
    dialog.get_by_label("Tags, with commas between").fill("office, vpn")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".ws-tag", has_text="office")).to_have_count(3)
    do("p")
    dialog.get_by_role("button", name="Set").click()
    expect(rows(page).filter(has_text="P2")).to_have_count(3)
    do("c")
    dialog.get_by_label("Comment", exact=True).fill("All the same cable.")
    dialog.get_by_role("button", name="Add").click()
    expect(page.get_by_text("3 tickets changed.").last).to_be_visible()
    expect(dialog).to_have_count(0)

    assert {t.group.name for t in Ticket.objects.with_names()} == {"Network"}


def test_what_others_change_shows_and_nothing_moves_under_the_cursor(
    enter: Enter, ana: User
) -> None:
    page = enter(ana, LIST, ticking=False)
    page.keyboard.press("j")
    before = titles(page)
    change_tickets(ids=[ticket("VPN").pk], values={"title": "VPN is slow"}, actor="bob", now=now())
    move_tickets(ids=[ticket("Printer").pk], status=Status.RESOLVED, actor="bob", now=now())
    make_ticket(title="Lift is stuck", at=now())

    later(page)

    expect(row(page, "VPN is slow")).to_have_class(re.compile("ws-new"))
    expect(row(page, "Printer jammed")).to_have_class(re.compile("ws-gone"))
    assert [title.replace("down for the whole office", "is slow") for title in before] == titles(
        page
    )
    expect(page.locator(".ws-title a:focus")).to_have_count(1)
    page.get_by_role("button", name="1 new ticket").click()
    expect(row(page, "Lift is stuck")).to_be_visible()
    expect(row(page, "Printer jammed")).to_have_count(0)


def test_a_tickets_age_goes_on_while_the_list_is_open(enter: Enter, ana: User) -> None:
    page = enter(ana, LIST, ticking=False)
    age = row(page, "VPN").locator(".ws-age")
    Ticket.objects.update(opened_at=now() - timedelta(minutes=30))
    page.reload()
    expect(age).to_have_text("30 min")

    later(page, 45 * 60)

    expect(age).to_have_text("1 h")


def test_a_tag_with_a_comma_is_counted_and_chosen_as_one(enter: Enter, ana: User) -> None:
    change_tickets(
        ids=[ticket("VPN").pk], values={"tags": ["slow, at noon", "VPN"]}, actor="x", now=now()
    )
    change_tickets(ids=[ticket("Printer").pk], values={"tags": ["vpn"]}, actor="x", now=now())
    page = enter(ana, LIST)
    page.get_by_text("Tag", exact=True).click()
    tags = page.locator("[data-facet=tag] li")
    expect(tags).to_have_count(3)

    tags.filter(has_text="slow, at noon").click()
    expect(rows(page)).to_have_count(1)
    expect(tags.filter(has_text="slow, at noon").get_by_role("link")).to_have_attribute(
        "aria-current", "true"
    )
    ready(page)
    tags.filter(has_text="VPN").click()
    expect(rows(page)).to_have_count(1)
    expect(page.locator(".ws-chip").last).to_contain_text("slow, at noon, VPN")


def test_two_agents_see_each_other(enter: Enter, ana: User, bob: User) -> None:
    vpn = ticket("VPN")
    of_bob = enter(bob, f"/tickets/{vpn.pk}/")
    of_ana = enter(ana, f"/tickets/{vpn.pk}/", ticking=False)
    expect(of_ana.get_by_text("Bob Okafor is looking at this")).to_be_visible()

    with of_bob.expect_response("**/presence/"):
        of_bob.get_by_role("textbox", name="Comment").press_sequentially("I know")
    later(of_ana)
    expect(of_ana.get_by_text("Bob Okafor is writing")).to_be_visible()
    listed = enter(ana, LIST)
    expect(row(listed, "VPN").get_by_text("Bob Okafor is writing")).to_have_count(1)

    of_bob.keyboard.press("Control+Enter")
    expect(of_bob.get_by_role("article")).to_contain_text("I know")
    later(of_ana)
    expect(of_ana.get_by_role("article")).to_contain_text("I know")
    of_bob.goto("about:blank")
    until(of_ana, lambda: not presence.present([vpn.pk], besides="ana"))
    later(of_ana)
    expect(of_ana.locator("[data-part=others]")).to_be_empty()


def test_the_palette_finds_tickets_views_and_pages(enter: Enter, ana: User) -> None:
    create_view(owner=None, values={"name": "Printers", "query": {"q": "printer"}, "shared": True})
    page, printer = enter(ana, LIST), ticket("Printer")

    def find(text: str, expected: str) -> None:
        page.keyboard.press("Control+k")
        page.keyboard.type(text)
        expect(page.get_by_role("dialog").get_by_role("option", selected=True)).to_contain_text(
            expected
        )

    find(f"#{printer.pk}", f"Ticket #{printer.pk}")
    page.keyboard.press("Enter")
    ready(page, "Printer jammed")
    find("printers", "Printers")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=printer"))
    ready(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("vpn down")
    expect(
        page.get_by_role("dialog").get_by_role("option", name=re.compile("VPN down for the whole"))
    ).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    ready(page, "VPN down")
    find("resolve", "Resolve")
    page.keyboard.press("Enter")
    expect(page.locator(".wt-meta")).to_contain_text("Resolved")


@pytest.mark.parametrize("address", ["/", "/report/", "/review/", "/fleet/"])
def test_the_palette_opens_on_every_page_of_the_desk(enter: Enter, ana: User, address: str) -> None:
    create_view(owner=None, values={"name": "Printers", "query": {"q": "printer"}, "shared": True})
    page = enter(ana, address)

    page.keyboard.press("Control+k")
    page.keyboard.type("printers")

    found = page.get_by_role("dialog", name="Go to").get_by_role("option", name="Printers view")
    expect(found).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=printer"))


def test_a_view_is_saved_shared_and_replaced(enter: Enter, ana: User, bob: User) -> None:
    page = enter(ana, f"{LIST}&priority=1&ordering=due_at")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(re.compile("^Name")).fill("Urgent")
    dialog.get_by_label("Everybody sees it").check()
    dialog.get_by_role("button", name="Save").click()
    chosen = page.get_by_role("navigation", name="Views").locator("[aria-current]")
    expect(chosen).to_contain_text("Urgent")

    of_bob = enter(bob, LIST)
    of_bob.get_by_role("link", name=re.compile("^Urgent")).click()
    expect(of_bob.get_by_role("heading", level=1)).to_have_text("Urgent")
    expect(of_bob.locator(".ws-chip")).to_have_count(2)

    page.goto(page.url.replace("priority=1", "priority=1,2"))
    page.keyboard.press("s")
    dialog.get_by_label(re.compile("^Name")).fill("Urgent")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Urgent")
    assert SavedView.objects.get(name="Urgent").query["priority"] == "1,2"


def test_filters_are_chosen_counted_searched_and_taken_away(enter: Enter, ana: User) -> None:
    page = enter(ana, LIST)
    expect(page.get_by_text("3 tickets", exact=True)).to_be_visible()
    value = page.locator("[data-facet=priority] [data-value='1']")
    expect(value.locator("[data-count]")).to_have_text("1")

    value.click()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_text("1 ticket", exact=True)).to_be_visible()
    page.get_by_role("link", name=re.compile("^Priority: P1")).click()
    expect(rows(page)).to_have_count(3)
    ready(page)
    page.keyboard.press("/")
    page.keyboard.type("jammed")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect(row(page, "Printer jammed")).to_be_visible()
    expect(page.locator(".ws-order select")).to_contain_text("Best match first")
    page.get_by_role("link", name=re.compile("^Words: jammed")).click()
    expect(rows(page)).to_have_count(3)


def test_pages_go_older_and_newer_and_can_be_shared(enter: Enter, ana: User) -> None:
    for number in range(60):
        make_ticket(title=f"Ticket number {number}", at=now() - timedelta(minutes=number))
    page = enter(ana, LIST)
    expect(rows(page)).to_have_count(50)

    page.keyboard.press("n")
    expect(rows(page)).to_have_count(13)
    second = titles(page)
    assert titles(enter(ana, page.url[page.url.index("/tickets/") :])) == second
    page.get_by_role("link", name="Newer").click()
    expect(rows(page)).to_have_count(50)


def test_a_wrong_address_says_what_is_wrong(enter: Enter, ana: User) -> None:
    page = enter(ana, "/tickets/?status=sleeping")

    expect(page.get_by_role("alert")).to_contain_text("'sleeping' is not a status")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_list(enter: Enter, ana: User, scheme: str) -> None:
    change_tickets(ids=[ticket("VPN").pk], values={"tags": ["vip"]}, actor="x", now=now())
    Ticket.objects.filter(pk=ticket("Printer").pk).update(
        due_at=now() + timedelta(hours=2), warn_at=now(), escalation_level=1
    )
    page = enter(ana, LIST, color_scheme=scheme)
    expect(page.get_by_text("3 tickets", exact=True)).to_be_visible()
    assert page.evaluate("window.shifted") < 0.01
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert blemishes(page) == []
    for key in ("Control+k", "?", "s", "m"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert blemishes(page) == [], key
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_list_fits_a_phone(enter: Enter, ana: User) -> None:
    make_ticket(title="Wort" * 40, tags=["a-long-tag-that-nobody-wants-to-read"] * 2, at=now())
    page = enter(ana, LIST, viewport={"width": 390, "height": 844}, has_touch=True)

    assert too_wide(page) <= 0
    expect(page.get_by_role("navigation", name="Filters")).to_be_hidden()
    page.get_by_role("button", name="Views and filters").click()
    expect(page.get_by_role("navigation", name="Filters")).to_be_visible()
    page.get_by_role("button", name="Views and filters").click()
    page.get_by_label(re.compile("^Select #")).first.check()
    expect(page.get_by_role("button", name=re.compile("^Assign"))).to_be_in_viewport()
    assert too_wide(page) <= 0
    assert blemishes(page) == []


def test_a_viewer_sees_no_controls_that_are_not_hers(enter: Enter, vera: User) -> None:
    page = enter(vera, LIST)
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_role("checkbox")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("m")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    buttons = page.locator("main").get_by_role("button").all_text_contents()
    assert [text.strip() for text in buttons] == ["Go to… Ctrl K", "?"]
    expect(page.locator("main :is(input, select, textarea):not(dialog *)")).to_have_count(0)


def test_what_people_write_is_text_and_nothing_else(enter: Enter, ana: User) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    make_ticket(
        title=evil, description=evil, tags=["<b>tag</b>"], requester_name=evil[:100], at=now()
    )
    create_view(owner=ana, values={"name": "<i>view</i>", "query": {"tag": "<b>tag</b>"}})
    page = enter(ana, "/tickets/?tag=<b>tag</b>")
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("link", name="<i>view</i>")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("<i>")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text("<i>view</i>")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("o")
    ready(page, "<img src=x")
    page.get_by_role("textbox", name="Comment").fill(evil)
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("article")).to_contain_text("<script>")
    expect(page.locator(".wt-request")).to_contain_text("<img src=x")
    expect(page).not_to_have_title("taken")
