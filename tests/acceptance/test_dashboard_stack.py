"""The running stack as people see it: faults come and go on open pages, and whoever may decides on them."""

import re
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from stack_fixture import StackUnderTest, until
from stack_people import People, live, never_reloaded
from stack_records import api, forget_attempts, healed_after_kill, rows

from selfheal.model.identity import Role

pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("campaign")]  # tests/browser has the pages

BROKEN, OTHER = "host-listener", "orchestrator"
BREAKER = "heal:restart-service"
STORY = ("Detected", "Admitted", "Acting", "Verifying", "Recorded", "Closed")
WHEN_ANSWERED = """() => {
  const main = document.querySelector("main"), look = () => {
    const row = [...main.querySelectorAll("tbody tr")].find((one) => one.textContent.includes("host-listener"));
    if (window.answered === undefined && row && !row.textContent.includes("waits")) window.answered = Date.now();
  };
  new MutationObserver(look).observe(main, { childList: true, subtree: true });
}"""
"""Notes when the page first tells that the newest question about the broken component waits no more."""


@pytest.fixture
def asking(people: People) -> Iterator[People]:
    """The people, whom restarts ask first."""
    for name in (BROKEN, OTHER):
        forget_attempts(people.stack, name)
    people.mode("APPROVE")
    yield people
    people.mode("AUTO")


def table(page: Page, name: str) -> Locator:
    """The rows of a table."""
    return page.get_by_role("region", name=name).get_by_role("row")


def question(page: Page, component: str) -> Locator:
    """The newest question about a component, on the page of approvals."""
    return page.get_by_role("row", name=f"restart-service on {component}").first


def answer(page: Page, button: str, why: str) -> None:
    page.get_by_label("Why", exact=True).fill(why)
    page.get_by_role("button", name=button).click()


def told(page: Page) -> list[str]:
    """What the fault's page says that happened, in order."""
    return page.locator(".timeline strong").all_inner_texts()


def test_a_fault_comes_and_goes_on_an_open_page(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """Killed, it is sick and being healed, then healed, on a page that nobody loads again; its own page tells how."""
    forget_attempts(stack, BROKEN)
    said: list[str] = []
    with people.looking(chromium, "vera", Role.VIEWER, said=said) as page:
        live(page, "/")
        stack.faults.kill(BROKEN)
        expect(page.get_by_role("heading", level=1)).to_have_text("1 component is sick: 1 being healed.")
        expect(table(page, "Open faults").nth(1)).to_contain_text("being healed")
        expect(page.get_by_role("heading", level=1)).to_contain_text("All is well")
        expect(page.get_by_role("region", name="Open faults")).to_have_count(0)
        newest = table(page, "The newest actions").nth(1)
        expect(newest).to_contain_text(BROKEN)
        expect(newest).to_contain_text("success")
        assert never_reloaded(page)
        newest.get_by_role("link", name=BROKEN).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{BROKEN}: healed")
        assert told(page) == list(STORY)
        assert said == []


def test_a_question_is_answered_in_one_browser_and_seen_in_another(
    stack: StackUnderTest, asking: People, chromium: Browser
) -> None:
    """Asked, approved and healed, and both open pages follow; the fault's page tells the whole story."""
    said: list[str] = []
    with (
        asking.looking(chromium, "grace", Role.APPROVER, said=said) as grace,
        asking.looking(chromium, "vera", Role.VIEWER, said=said) as vera,
    ):
        for page in (grace, vera):
            live(page, "/approvals")
        starts = stack.estate.spawns(BROKEN)
        stack.faults.kill(BROKEN)
        for page in (grace, vera):
            expect(question(page, BROKEN)).to_contain_text("waits")
            assert never_reloaded(page)
        vera.evaluate(WHEN_ANSWERED)
        question(grace, BROKEN).get_by_role("link").click()
        answer(grace, "Approve", "I have looked")
        expect(grace.get_by_text("Approved: its run begins within seconds.")).to_be_visible()
        expect(question(vera, BROKEN)).not_to_contain_text("waits")
        (decided,) = rows(
            stack,
            "SELECT extract(epoch FROM decided_at) * 1000 AS ms FROM approvals WHERE component = %s"
            " ORDER BY asked_at DESC LIMIT 1",
            BROKEN,
        )
        took_ms = vera.evaluate("window.answered") - float(decided.ms)
        sys.stdout.write(f"an answer stood in another browser {took_ms:.0f} ms after it was recorded\n")
        grace.get_by_role("link", name=re.compile("sick since")).click()
        expect(grace.get_by_role("heading", level=1)).to_have_text(f"{BROKEN}: healed")
        assert told(grace) == ["Detected", "Asked", "Answered", *STORY[1:]]
        expect(grace.locator(".timeline")).to_contain_text("approved by grace: I have looked")
        expect(question(vera, BROKEN)).to_contain_text(re.compile(r"used\s+approved by grace"))
        assert never_reloaded(vera)
    assert stack.estate.spawns(BROKEN) == starts + 1
    assert said == []


def test_what_is_denied_stays_until_a_person_heals_it(stack: StackUnderTest, asking: People, chromium: Browser) -> None:
    """Who denied and why stands at once on the page of another approver; an operator's form then heals by Prefect."""
    said: list[str] = []
    with (
        asking.looking(chromium, "grace", Role.APPROVER, said=said) as grace,
        asking.looking(chromium, "boris", Role.APPROVER, said=said) as boris,
        asking.looking(chromium, "oscar", Role.OPERATOR, said=said) as oscar,
    ):
        live(boris, "/approvals")
        stack.faults.kill(OTHER)
        expect(question(boris, OTHER)).to_contain_text("waits")
        question(boris, OTHER).get_by_role("link").click()
        fault = boris.get_by_role("link", name=re.compile("sick since")).get_attribute("href")
        live(grace, boris.url)
        answer(boris, "Deny", "it is being moved")
        expect(grace.get_by_text("Denied by boris")).to_contain_text("it is being moved")
        expect(grace.get_by_role("button", name="Approve")).to_have_count(0)
        assert never_reloaded(grace)
        asking.mode("AUTO")
        live(oscar, "/")
        oscar.get_by_label("Component", exact=True).select_option(OTHER)
        oscar.locator("#heal-why").fill("the move is over")
        oscar.get_by_role("button", name="Heal", exact=True).click()
        expect(oscar.get_by_role("link", name="See the run in Prefect")).to_be_visible()
        live(oscar, str(fault))  # an earlier heal of the same component stands on the overview, too
        expect(oscar.get_by_role("heading", level=1)).to_have_text(f"{OTHER}: healed")
        expect(oscar.locator(".timeline")).to_contain_text("denied by boris: it is being moved")
        expect(oscar.locator(".timeline")).to_contain_text("restart-service: the move is over")
    assert said == []


def test_a_question_is_approved_without_a_script(stack: StackUnderTest, asking: People, chromium: Browser) -> None:
    """Pages refresh by themselves, links lead to the question, its form is sent, and it is healed."""
    stack.faults.kill(BROKEN)
    with asking.looking(chromium, "carla", Role.APPROVER, java_script_enabled=False) as page:
        page.goto("/approvals")
        assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "30"
        until(lambda: bool(page.reload()) and "waits" in question(page, BROKEN).inner_text(), told=page.content)
        question(page, BROKEN).get_by_role("link").click()
        answer(page, "Approve", "no script is needed")
        expect(page.get_by_text("Approved: its run begins within seconds.")).to_be_visible()
        page.get_by_role("link", name=re.compile("sick since")).click()
        until(lambda: bool(page.reload()) and "Closed" in told(page), told=page.content)
        expect(page.locator(".timeline")).to_contain_text("approved by carla: no script is needed")


def test_an_operator_decides_in_place_of_a_breaker(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """Open, then automatic again, then as new: seen by another at once, and written down with the operator's name."""
    decide = f'mutation {{ overrideBreaker(name: "{BREAKER}", do: RESET, why: "a test") {{ state }} }}'
    people.ask("ada", Role.ADMIN, decide)
    with (
        people.looking(chromium, "otto", Role.OPERATOR) as otto,
        people.looking(chromium, "vera", Role.VIEWER) as vera,
    ):
        live(vera, "/breakers")
        live(otto, "/breakers")
        for deed, why, shown in (
            ("open", "it restarts too much", "Forced open by otto: it restarts too much"),
            ("automatic", "it is mended", "half-open"),
            ("reset", "all is well", "closed"),
        ):
            breaker = otto.get_by_role("region", name=BREAKER)
            breaker.get_by_text("Decide in its place").click()
            breaker.get_by_label("What", exact=True).select_option(deed)
            breaker.get_by_label(re.compile("Why")).fill(why)
            breaker.get_by_role("button", name="Decide").click()
            expect(otto.get_by_text("The breaker follows your decision.")).to_be_visible()
            expect(vera.get_by_role("region", name=BREAKER)).to_contain_text(shown)
        assert never_reloaded(vera)
    assert deeds(stack, "otto") == [
        ("OVERRIDE_BREAKER", "dashboard", "DONE", "open"),
        ("OVERRIDE_BREAKER", "dashboard", "DONE", "automatic"),
        ("OVERRIDE_BREAKER", "dashboard", "DONE", "reset"),
    ]


def test_an_operator_pauses_and_resumes(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """Everybody's open page says who paused and why, until it goes on."""
    with (
        people.looking(chromium, "olga", Role.OPERATOR) as olga,
        people.looking(chromium, "vera", Role.VIEWER) as vera,
    ):
        live(vera, "/faults")
        olga.locator("#pause-why").fill("the network is being moved")
        olga.get_by_role("button", name="Pause healing").click()
        paused = vera.get_by_role("region", name="Paused")
        expect(paused).to_contain_text("Healing is paused by olga")
        expect(paused).to_contain_text("the network is being moved")
        olga.get_by_label("Why go on").fill("it is moved")
        olga.get_by_role("button", name="Resume healing").click()
        expect(paused).to_have_count(0)
        assert never_reloaded(vera)
    assert deeds(stack, "olga") == [("PAUSE", "dashboard", "DONE", None), ("RESUME", "dashboard", "DONE", None)]


def test_a_fault_leads_to_its_run_in_prefect_and_back(stack: StackUnderTest, people: People, chromium: Browser) -> None:
    """Its link opens the run of its heal, by its name, in the Prefect UI; the run's report leads back to its page."""
    if not reported_faults(stack):
        healed_after_kill(stack, BROKEN)
        until(lambda: bool(reported_faults(stack)), told=lambda: stack.selfheal("history").out)
    tall = {"width": 1280, "height": 1600}  # what is below the fold the Prefect UI asks for when it is seen
    with people.looking(chromium, "vera", Role.VIEWER, viewport=tall) as page:
        page.goto(f"/faults/{reported_faults(stack)[0]}")
        here = page.url
        page.get_by_role("link", name="run in Prefect").first.click()
        expect(page.get_by_text(f"heal {BROKEN}:").first).to_be_visible()
        page.locator(".p-tab", has_text="Artifacts").click()
        page.get_by_role("link", name=f"heal-{BROKEN}").click()
        with page.expect_popup() as opened:
            page.get_by_role("link", name="This fault's page").click()
        expect(opened.value.get_by_role("heading", level=1)).to_have_text(f"{BROKEN}: healed")
        assert opened.value.url == here


def reported_faults(stack: StackUnderTest) -> list[str]:
    """Those of the broken component whose heal has a report in Prefect: one that takes 2 s to write is left out."""
    body = {"artifacts": {"key": {"any_": [f"heal-{BROKEN}"]}}, "sort": "CREATED_DESC"}
    with api(stack) as client:
        reports = client.post("/artifacts/filter", json=body).raise_for_status().json()
    runs = [one["flow_run_id"] for one in reports if one["data"].startswith("# Healed")]
    sql = "SELECT fault_id FROM healing_actions WHERE metadata ->> 'flow_run' = %s"
    return [str(row.fault_id) for run in runs for row in rows(stack, sql, run)]


def deeds(stack: StackUnderTest, name: str) -> list[tuple[str, ...]]:
    """What is written down of somebody."""
    sql = "SELECT deed, door, outcome, details ->> 'do' FROM person_deeds WHERE name = %s ORDER BY id"
    return [tuple(row) for row in rows(stack, sql, name)]
