"""The dashboard in a real browser: accessible, live, and quiet under its own policy."""

from contextlib import AbstractContextManager
from typing import Any, Literal

import pytest
from browser_fixtures import DESK, PHONE, fits, logged_in, violations
from dashboard_fixtures import CLAIMED, Dashboard, Happened, has_logs
from foretold import foretold
from playwright.sync_api import Browser, Page, expect

from selfheal.model.breaker import BreakerDeed
from selfheal.model.identity import Role


def opened(
    chromium: Browser, dashboard: Dashboard, role: Role = Role.ADMIN, *, said: list[str] | None = None, **options: Any
) -> AbstractContextManager[Page]:
    """A browser in which somebody has logged in; what it complains of, and what it asks elsewhere for, is kept."""
    return logged_in(chromium, dashboard.url, dashboard.secret(role), said=said, **options)


ALERTS = """
    WITH alert AS (
        INSERT INTO alerts (id, dedup_key, alert_group, severity, message, held, occurrences, raised_at)
        VALUES (gen_random_uuid(), 'fault/1', 'fault/web', 'CRITICAL', 'web is sick', false, 1, now()) RETURNING id
    ), silence AS (
        INSERT INTO alert_silences (pattern, until, who, why) VALUES ('mode/*', now() + interval '2 h', 'ada', 'known')
    ), message AS (
        INSERT INTO alert_messages (id, kind, severity, alert_group, dedup_key, episode_id, message, created_at)
        SELECT id, 'ALERT', 'CRITICAL', 'fault/web', 'fault/1', id, 'web needs a person', now() FROM alert RETURNING id
    )
    INSERT INTO alert_deliveries (message_id, episode_id, channel, state, tries, error)
    SELECT id, id, c.channel, c.state, 5, c.error
    FROM message, (VALUES ('chat', 'SENT', NULL), ('pager', 'FAILED', 'it refuses')) c (channel, state, error)"""


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", PHONE)], ids=["light", "dark phone"])
def test_pages_are_accessible(
    chromium: Browser, dashboard: Dashboard, happened: Happened, scheme: Literal["light", "dark"], size: Any
) -> None:
    """No violation on any page, no complaint of the browser, no request elsewhere, nothing wider than the phone."""
    told = foretold(happened.desk)
    dashboard.services.pauses.pause(who="anna", why="the network is being moved")
    happened.desk.do("INSERT INTO storms (estate_group, sick, quiet_at) VALUES ('', 12, now() + interval '10 min')")
    said: list[str] = []
    happened.desk.do(ALERTS)
    has_logs(happened.desk, fault=happened.healed)
    pages = [
        "/",
        "/actions",
        "/faults",
        "/alerts",
        "/approvals",
        "/breakers",
        "/logs",
        "/mechanisms",
        "/?said=paused",
        f"/approvals/{happened.approval}",
    ]
    with opened(chromium, dashboard, said=said, color_scheme=scheme, viewport=size) as page:
        for address in [
            *pages,
            f"/approvals/{happened.approval}",
            f"/faults/{happened.healed}",
            "/workflows",
            f"/workflows/{CLAIMED}",
            "/predictions",
            f"/predictions/{told.stands}",
            f"/predictions/{told.hit}",
        ]:
            page.goto(address)
            for summary in page.locator("summary").all():
                summary.click()
            assert violations(page) == [], address
            assert fits(page), address
        assert said == []
        page.goto("/faults/none")
        assert violations(page) == []


@pytest.mark.usefixtures("happened")
def test_a_change_is_seen_without_reloading(chromium: Browser, dashboard: Dashboard) -> None:
    """A pause that somebody else makes is said on an open page, which keeps its focus and its open details."""
    with opened(chromium, dashboard) as page:
        page.goto("/breakers")
        expect(page.locator("#live")).to_have_text("live")
        page.locator("summary", has_text="What failed lately").first.click()
        page.evaluate("window.still = 'the same page'")
        link = page.get_by_role("link", name="Faults")
        link.focus()
        dashboard.services.pauses.pause(who="anna", why="the network is being moved")
        expect(page.get_by_text("the network is being moved")).to_be_visible()
        assert page.evaluate("window.still") == "the same page"
        expect(link).to_be_focused()
        expect(page.get_by_text("REQ-STOCK-42").first).to_be_visible()


@pytest.mark.usefixtures("happened")
def test_what_is_being_typed_is_kept(chromium: Browser, dashboard: Dashboard) -> None:
    """While a form is half filled the page waits, and says so; it follows when the form is sent or emptied."""
    with opened(chromium, dashboard) as page:
        expect(page.locator("#live")).to_have_text("live")
        why = page.locator("#heal-why")
        why.fill("it is slow at")
        dashboard.services.estate.breakers.decide("agent:planner", BreakerDeed.OPEN, who="anna", why="it lies")
        expect(page.locator("#live")).to_have_text("live; waits while you type")
        expect(why).to_have_value("it is slow at")
        why.fill("")
        why.blur()
        expect(page.locator(".breakers li", has_text="agent:planner")).to_contain_text("forced")


@pytest.mark.usefixtures("happened")
def test_a_lost_connection_is_said(chromium: Browser, dashboard: Dashboard) -> None:
    """Where no news come the page says so in words, and tries again by itself until they do."""
    with opened(chromium, dashboard) as page:
        page.route("**/events", lambda route: route.abort())
        page.goto("/faults")
        expect(page.locator("#live")).to_have_text("connection lost")
        page.unroute("**/events")
        expect(page.locator("#live")).to_have_text("live")


def test_a_question_is_answered_by_keyboard(chromium: Browser, dashboard: Dashboard, happened: Happened) -> None:
    """From the overview to the answer with the keyboard alone; the first stop is the way past the navigation."""
    with opened(chromium, dashboard, Role.APPROVER) as page:
        page.goto(f"/approvals/{happened.approval}")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.locator("#answer-why").focus()
        page.keyboard.type("I have looked")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Approved: its run begins within seconds.")).to_be_visible()


def test_local_times_stand_beside_utc(chromium: Browser, dashboard: Dashboard, happened: Happened) -> None:
    """A browser elsewhere than in UTC shows its own time too."""
    with opened(chromium, dashboard, timezone_id="Asia/Tokyo", locale="en-GB") as page:
        page.goto(f"/faults/{happened.healed}")
        expect(page.locator("main time + .local").first).to_contain_text("GMT+9")


@pytest.mark.usefixtures("happened")
def test_pages_work_without_a_script(chromium: Browser, dashboard: Dashboard) -> None:
    """Forms, links and details do what they say in a browser that runs no script."""
    with opened(chromium, dashboard, java_script_enabled=False) as page:
        page.locator("#pause-why").fill("the network is being moved")
        page.get_by_role("button", name="Pause healing").click()
        expect(page.get_by_text("Healing is paused.")).to_be_visible()
        page.get_by_role("link", name="Faults").click()
        page.get_by_role("link", name="frontend").first.click()
        page.locator("summary", has_text="Evidence").first.click()
        expect(page.get_by_text("out of memory")).to_be_visible()
