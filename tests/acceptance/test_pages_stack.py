"""Every page of the running stack, as browsers of all kinds get it: accessible, quiet, readable, and safe."""

from typing import Any

import pytest
from browser_fixtures import DESK, PHONE, fits, violations
from playwright.sync_api import Browser, Page, expect
from stack_fixture import StackUnderTest
from stack_people import People
from stack_records import rows

from selfheal.model.identity import Role

pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("campaign")]

SEND = """([address, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  for (const [name, value] of Object.entries(fields)) {
    const field = document.createElement("input");
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}"""
"""Sends a form that no page of ours has."""
LISTS = ("/", "/actions", "/actions?transitions=1", "/faults", "/approvals", "/breakers")


def addresses(stack: StackUnderTest) -> list[str]:
    """The lists, and of what they lead to the newest."""
    faults = rows(stack, "SELECT id FROM faults ORDER BY detected_at DESC LIMIT 1")
    questions = rows(stack, "SELECT id FROM approvals ORDER BY asked_at DESC LIMIT 1")
    return [*LISTS, *(f"/faults/{one.id}" for one in faults), *(f"/approvals/{one.id}" for one in questions)]


def test_every_page_is_accessible_and_quiet(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """No violation, no complaint under our policy, no request to another host, nothing wider than the window."""
    accessible_and_quiet(stack, people, chromium, color_scheme="light", viewport=DESK)


def test_every_page_is_accessible_and_quiet_on_a_dark_phone(
    stack: StackUnderTest, people: People, chromium: Browser
) -> None:
    """The same; of pages alone `tests/browser` shows it each time."""
    accessible_and_quiet(stack, people, chromium, color_scheme="dark", viewport=PHONE)


def accessible_and_quiet(stack: StackUnderTest, people: People, chromium: Browser, **options: Any) -> None:
    said: list[str] = []
    with people.looking(chromium, "ada", Role.ADMIN, said=said, **options) as page:
        for address in addresses(stack):
            page.goto(address)
            expect(page.locator("#live")).to_have_text("live")
            for summary in page.locator("summary").all():
                summary.click()
            assert violations(page) == [], address
            assert fits(page), address
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Your token")).to_be_visible()
        assert violations(page) == []
    assert said == []


def test_every_page_is_readable_without_a_script(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """The same words are there, refreshed by the browser itself, and with JavaScript nothing is there besides."""
    said: list[str] = []
    with (
        people.looking(chromium, "carla", Role.APPROVER, said=said, java_script_enabled=False) as plain,
        people.looking(chromium, "vera", Role.APPROVER, said=said) as usual,
    ):
        for address in addresses(stack):
            for page in (plain, usual):
                page.goto(address)
            assert plain.locator("meta[http-equiv=refresh]").get_attribute("content") == "30"
            assert headings(plain) == headings(usual)
    assert said == []


def headings(page: Page) -> list[str]:
    return page.locator("h1, h2, th[scope=col], label").all_text_contents()


def test_a_viewer_finds_no_form_and_forges_none(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """What a viewer may not do no page offers; sent all the same, with or without this login's word, it is refused."""
    with people.looking(chromium, "vera", Role.VIEWER) as page:
        for address in addresses(stack):
            page.goto(address)
            assert page.locator("main form[method=post]").count() == 0, address
        csrf = page.locator("form[action='/logout'] [name=csrf]").get_attribute("value") or ""
        for address, fields in (
            ("/pause", {"why": "mine now"}),
            ("/heal", {"component": "backend", "why": "mine now"}),
            ("/breakers/decide", {"name": "heal:restart-service", "deed": "open", "why": "mine now"}),
        ):
            assert forged(page, address, fields) == "Refused: the form is not of this login."
            assert forged(page, address, {**fields, "csrf": csrf}).endswith("needs the role operator; yours is viewer.")
        assert violations(page) == []
    assert rows(stack, "SELECT 1 FROM pauses WHERE why = 'mine now'") == []
    refused = rows(stack, "SELECT deed FROM person_deeds WHERE name = 'vera' AND outcome = 'REFUSED' ORDER BY id")
    assert [row.deed for row in refused] == ["PAUSE", "HEAL", "OVERRIDE_BREAKER"]


def forged(page: Page, address: str, fields: dict[str, str]) -> str:
    """What a person is told when they send a form of their own making; it is a page, with the right status."""
    page.goto("/")
    with page.expect_navigation() as navigation:
        page.evaluate(SEND, [address, fields])
    answer = navigation.value
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("text/html")
    return page.locator("main p").first.inner_text()
