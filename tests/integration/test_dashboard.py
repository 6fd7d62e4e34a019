"""The dashboard's pages and forms over a real database: what they show, to whom, and what they refuse."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
from admission_desk import HEALED, Desk
from dashboard_fixtures import CLAIMED, PREFECT, ZOMBIE, Dashboard, Happened, has_logs, question, send
from person_fixtures import ACME, OTHER
from sqlalchemy import event

from selfheal.model.external_alert import ExternalAlert
from selfheal.model.identity import Role
from selfheal.model.page import Cursor
from selfheal.store.mechanisms import Mechanisms

PAGES = (
    "/",
    "/actions",
    "/faults",
    "/workflows",
    "/predictions",
    "/alerts",
    "/approvals",
    "/breakers",
    "/logs",
    "/mechanisms",
)
CURSOR = str(Cursor(at=datetime(2026, 3, 1, tzinfo=UTC), id=UUID(int=0)))
MOST_STATEMENTS = 36
"""Each is preceded by one that says whose rows it sees."""
LARGEST_OVERVIEW = 60_000
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
CONTROLS = ("/pause", "/heal", "/breakers/decide")


class Page(HTMLParser):
    """What a browser would load and run, and what is labelled."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._tag = tag
        self.ids += [given["id"]] if "id" in given else []
        self.labels |= {given["for"]} if tag == "label" else set()
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden":
            self.fields.append(given.get("id", ""))
        if tag in {"script", "img"} or (tag == "link" and given.get("rel") != "canonical"):
            self.loaded.append(given.get("src") or given.get("href", ""))
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += ["style"] if tag == "style" else []

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._tag = "" if tag == self._tag else self._tag


def ok(client: httpx.Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.text[:500])
    return answer.text


def all_pages(happened: Happened) -> list[str]:
    return [
        *PAGES,
        "/actions?transitions=1",
        f"/faults/{happened.healed}",
        f"/faults/{happened.person}",
        f"/approvals/{happened.approval}",
        f"/workflows/{ZOMBIE}",
        f"/workflows/{CLAIMED}",
        "/workflows?disagreeing=1&status=running&word=NEW&text=item",
    ]


# -- what they show


def test_the_overview_says_it_in_one_sentence(dashboard: Dashboard, happened: Happened) -> None:
    """The verdict first, then the client's figures: breakers, cost saved, recent actions, success rates."""
    happened.desk.do("SELECT refresh_success_rates()")
    text = ok(dashboard.client(Role.VIEWER), "/")
    assert re.search(r"<h1[^>]*>4 components are sick: 1 being healed, 1 needs a person\. 1 question waits", text)
    for words in (
        "Saved in 24 h",
        "Mean time to recovery",
        "Actions of the last 24 hours",
        "the last 10 of 10 results: 8 good, 2 failed",
        "60% failed",
        "5 of 6",
        "restart-service on storage",
        "observed only",
    ):
        assert words in text, words


def test_a_component_is_sick_as_soon_as_its_fault_is_known(dashboard: Dashboard, happened: Happened) -> None:
    """Also while its last look was a good one; and what is being healed is said to be."""
    happened.desk.sick("agents", timedelta(seconds=1))
    text = ok(dashboard.client(Role.VIEWER), "/")
    assert re.search(r'<a href="/faults/[0-9a-f-]+">agents</a></strong><span class="word bad">.{1,60} sick<', text)
    rows = dict(
        re.findall(
            r'rowheader"><a href="/faults/[^>]*>([^<]+)</a></th>\s*<td role="cell" class="state">(.*)</td>', text
        )
    )
    assert "being healed" in rows["broker"]
    assert "open" in rows["warehouse"]


def test_what_cools_down_says_until_when(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """On the overview, in the list and on the fault's page; afterwards nowhere."""
    one = desk(cooldown=timedelta(hours=1))
    one.end(one.ask())
    until = one.ask().retry_at
    assert until is not None
    client, fault = dashboard.client(Role.VIEWER), one.one("SELECT id FROM faults")
    for page in ("/", "/faults"):
        assert re.search(f'cooling down until <time [^>]*title="{until:%Y-%m-%d %H:%M:%S} UTC"', ok(client, page)), page
    story = ok(client, f"/faults/{fault}")
    assert "backend: sick, cooling down</h1>" in story
    assert re.search(f'No heal begins by itself before <time [^>]*title="{until:%Y-%m-%d %H:%M:%S} UTC"', story)
    one.do("UPDATE faults SET rests_until = now()")
    for page in ("/", "/faults", f"/faults/{fault}"):
        assert "cooling down" not in ok(client, page).partition('id="h-timeline"')[0]


def test_an_empty_system_says_so(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """Before anything has happened every page says what will be there."""
    client = dashboard.client(Role.OPERATOR)
    assert "Nobody watches" in ok(client, "/")
    assert "has not had to heal anything yet" in ok(client, "/actions")
    assert "Nothing has been found sick yet" in ok(client, "/faults")
    assert "Nobody has been asked" in ok(client, "/approvals")
    assert "None has been asked yet" in ok(client, "/breakers")
    assert "No schedule was applied yet" in ok(client, "/mechanisms")
    assert "No log was followed yet" in ok(client, "/logs")
    assert "No error was counted yet" in ok(client, "/logs")
    assert "Nothing was foretold yet" in ok(client, "/predictions")
    desk()


def test_mechanisms_and_alerts_of_others_are_shown(dashboard: Dashboard, happened: Happened) -> None:
    """What a schedule begins and how far it is behind; what came in, what became of it, and never its text as HTML."""
    estate = dashboard.services.estate
    everything = Mechanisms(happened.desk.engine)
    everything.schedule({"reconcile": timedelta(minutes=5)}, since=datetime.now(UTC) - timedelta(hours=1))
    alert = ExternalAlert(key="k", component="backend", reason="<b>down</b>")
    estate.intake.take("alertmanager", [alert], sent_by="am")
    text = ok(dashboard.client(Role.VIEWER), "/mechanisms")
    for words in ("reconcile", "late", "55 min", "alertmanager, am", "&lt;b&gt;down&lt;/b&gt;"):
        assert words in text, words


def test_logs_are_shown(dashboard: Dashboard, happened: Happened) -> None:
    """How far each is read, what was found, what it made us suspect and what became of that, what was lost; as text."""
    has_logs(happened.desk, fault=happened.healed)
    client = dashboard.client(Role.VIEWER)
    text = ok(client, "/logs")
    for words in (
        "not followed", "we may not read /app.log", "4.1 MB", "1 gap", "truncated",
        "/app.log was emptied", f'href="/faults/{happened.healed}"', "already healthy", "is looked at",
        "&lt;b&gt;uncaughtException", "2 lines of uncaught",
    ):  # fmt: skip
        assert words in text, words
    assert "<b>" not in text
    assert rows(client, "/logs?component=backend") >= {"backend"}
    for query, found in {
        "": True,
        "component=backend": True,
        "component=other": False,
        "status=open": True,
        "status=RESOLVED": False,
        "signature=0123AB": True,
        "signature=%25": False,
    }.items():
        assert ("uncaughtException 17" in ok(client, f"/logs?{query}")) == found, query
    assert client.get("/logs?status=what").status_code == 422


def test_a_fault_tells_its_story(dashboard: Dashboard, happened: Happened) -> None:
    """Detected, admitted, acted, recorded, closed, in order; with evidence, steps and the run in Prefect."""
    text = ok(dashboard.client(Role.VIEWER), f"/faults/{happened.healed}")
    told = [text.index(f"<strong>{word}</strong>") for word in ("Detected", "Admitted", "Acting", "Recorded", "Closed")]
    assert told == sorted(told)
    assert f'href="{PREFECT}/runs/flow-run/{happened.flow_run}"' in text
    for words in ("out of memory", "stop frontend", "What was seen before: gone"):
        assert words in text


def test_a_question_shows_what_is_answered(dashboard: Dashboard, happened: Happened) -> None:
    """Steps, blast radius, parameters, fingerprint, who asked, until when; the form only for those who may."""
    page = f"/approvals/{happened.approval}"
    text = ok(dashboard.client(Role.APPROVER), page)
    for words in ("start storage", "agents and backend depend on it", "f" * 64, "asked by watcher", "program"):
        assert words in text
    assert f'action="{page}/answer"' in text
    text = ok(dashboard.client(Role.OPERATOR), page)
    assert f'action="{page}/answer"' not in text
    assert "needs the role approver; yours is operator" in text


def rows(client: httpx.Client, address: str) -> set[str]:
    """The headings of the rows of a list."""
    return set(re.findall(r'rowheader">(?:<a[^>]*>)?([^<]+)<', ok(client, address)))


def test_actions_are_filtered_by_their_address(dashboard: Dashboard, happened: Happened) -> None:
    """Every filter, alone and together."""
    client = dashboard.client(Role.VIEWER)
    attempts = {"frontend", "backend", "broker", "agents-5", "agents-9", "agents-20", "agents-30"}
    for query, found in {
        "": attempts,
        "status=FAILED": {"backend"},
        "status=pending": {"broker"},
        "verification=NOT_HEALED": {"backend"},
        "action_type=RESTART_SERVICE": attempts,
        "action_type=BREAKER_TRANSITION&transitions=1": {"agent:writer"},
        "component=frontend": {"frontend"},
        "component=frontend&status=FAILED": set(),
        "transitions=1": attempts | {"agent:writer"},
        "since=2020-01-01&until=2020-01-02T00:00": set(),
        "since=2020-01-01T00:00%2B02:00": attempts,
        f"fault={happened.healed}": {"frontend"},
    }.items():
        assert rows(client, f"/actions?{query}") == found, query
    text = ok(client, "/actions?status=FAILED&component=backend")
    assert "<option selected>FAILED</option>" in text
    assert 'value="backend"' in text


@pytest.mark.usefixtures("happened")
def test_faults_are_filtered_by_their_address(dashboard: Dashboard) -> None:
    """By state, component and time."""
    client = dashboard.client(Role.VIEWER)
    sick = {"backend", "warehouse", "broker", "storage"}
    healed = {"frontend", "agents-5", "agents-9", "agents-20", "agents-30"}
    for query, found in {
        "": sick | healed,
        "state=OPEN": sick,
        "state=needs_person": {"backend"},
        "state=CLOSED": healed,
        "component=warehouse": {"warehouse"},
        "until=2020-01-02": set(),
    }.items():
        assert rows(client, f"/faults?{query}") == found, query


def test_older_and_newer_keep_the_filter(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """A long list goes on at "Older", with its filters; back again at "Newer"."""
    one = desk(per_action=999)
    for n in range(120):
        one.past(f"c{n}", timedelta(minutes=n), HEALED)
    client = dashboard.client(Role.VIEWER)
    seen: list[str] = []
    address = "/actions?status=SUCCESS"
    while address:
        text = ok(client, address)
        seen += re.findall(r'rowheader"><a[^>]*>([^<]+)<', text)
        older = re.search(r'rel="next" href="([^"]+)"', text)
        address = older.group(1).replace("&amp;", "&") if older else ""
        assert not address or "status=SUCCESS" in address
    assert seen == [f"c{n}" for n in range(120)]
    newer = re.search(r'rel="prev" href="([^"]+)"', text)
    assert newer is not None
    assert "c99<" in ok(client, newer.group(1).replace("&amp;", "&"))


def test_a_tenant_sees_its_own_rows(dashboard: Dashboard, happened: Happened) -> None:
    """Attempts of a tenant are on the pages of its persons and of an admin, and on nobody else's."""
    happened.desk.do(f"UPDATE healing_actions SET tenant_id = '{ACME}' WHERE target_component = 'frontend'")  # noqa: S608
    seen = {
        "theirs": rows(dashboard.client(Role.VIEWER, ACME), "/actions"),
        "another's": rows(dashboard.client(Role.VIEWER, OTHER), "/actions"),
        "nobody's": rows(dashboard.client(Role.OPERATOR), "/actions"),
        "all": rows(dashboard.client(Role.ADMIN), "/actions"),
    }
    assert seen["theirs"] == {"frontend"}
    assert seen["another's"] == set()
    assert "backend" in seen["nobody's"]
    assert "frontend" not in seen["nobody's"]
    assert {"frontend", "backend"} <= seen["all"]


def test_a_tenants_pages_say_what_they_do_not_show(dashboard: Dashboard, happened: Happened) -> None:
    """The estate's components, questions and watchers are on no page of a tenant's, and that is no bad news."""
    happened.desk.do(f"UPDATE healing_actions SET tenant_id = '{ACME}' WHERE target_component = 'frontend'")  # noqa: S608
    client = dashboard.client(Role.VIEWER, ACME)
    overview = ok(client, "/")
    assert f"You look for tenant {ACME}" in overview
    assert "Nobody watches" not in overview
    for path, words in (
        ("/", "frontend"),
        ("/faults", "frontend"),
        ("/approvals", "a tenant&#39;s token sees none"),
        ("/breakers", "No breaker of your tenant has been asked yet"),
        ("/logs", "a tenant&#39;s token sees none"),
    ):
        text = ok(client, path)
        assert words.replace("&#39;", "'") in text.replace("&#39;", "'")
        for other in ("agents", "backend", "broker", "storage", "warehouse", "heal:"):
            assert other not in text, (path, other)
    theirs = ok(dashboard.client(Role.VIEWER, OTHER), "/faults")
    assert "A tenant's token sees the faults" in theirs.replace("&#39;", "'")


def test_a_question_says_whether_its_asker_is_proven(dashboard: Dashboard, happened: Happened) -> None:
    """A name from a Prefect run is told to be nobody's proof; that of a watcher needs none."""
    client, page = dashboard.client(Role.APPROVER), f"/approvals/{happened.approval}"
    assert "Who asked is not proven" not in ok(client, page)
    happened.desk.do("UPDATE approvals SET asked_by = 'marcus (through Prefect)'")
    assert "Who asked is not proven" in ok(client, page)


# -- what they refuse


def test_wrong_input_is_told_in_words(dashboard: Dashboard) -> None:
    """An address that makes no sense is answered 422, with a sentence and never with a traceback."""
    client = dashboard.client(Role.VIEWER)
    for address in (
        "/actions?status=DONE",
        "/actions?verification=perhaps",
        "/actions?older=xyz",
        "/actions?newer=%00",
        f"/actions?older={CURSOR}&newer={CURSOR}",
        "/actions?since=yesterday",
        "/actions?until=99999-01-01",
        "/actions?fault=7",
        f"/actions?component={'x' * 101}",
        "/actions?component=%00",
        "/faults?state=SLEEPY",
        "/faults?older=%27",
        "/faults/none",
        "/predictions/none",
        "/predictions?rule=MANUAL",
        "/predictions?outcome=PERHAPS",
        "/predictions?open=1",
        "/approvals/none",
    ):
        answer = client.get(address)
        assert answer.status_code == 422, (address, answer.text)
        assert "Traceback" not in answer.text
        assert "WRONG_INPUT" in answer.text


def test_what_is_not_there(dashboard: Dashboard) -> None:
    """404, as a page with the way back."""
    client = dashboard.client(Role.VIEWER)
    for address in (
        f"/faults/{uuid4()}",
        f"/approvals/{uuid4()}",
        f"/predictions/{uuid4()}",
        "/static/secret.txt",
        "/nowhere",
    ):
        answer = client.get(address)
        assert answer.status_code == 404, address
        assert 'href="/"' in answer.text


def test_nobody_sees_anything_without_a_login(dashboard: Dashboard) -> None:
    """A browser is led to the login, and back afterwards."""
    client = dashboard.client(None)
    for address in PAGES:
        answer = client.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?next={quote(address)}"


def test_what_comes_from_outside_is_text(dashboard: Dashboard, happened: Happened) -> None:
    """Markup in names, reasons, messages, evidence and questions is shown as text on every page."""
    one = happened.desk
    one.do(
        f"""UPDATE healing_actions SET target_component = left('{EVIL}', 100), action_name = left('{EVIL}', 50),
            error_message = '{EVIL}', metadata = jsonb_build_object('why', '{EVIL}', 'message', '{EVIL}'),
            pre_observation = jsonb_build_object('detail', '{EVIL}')
            WHERE fault_id = '{happened.healed}'"""  # noqa: S608 - the test's own words
    )
    one.do(
        f"""UPDATE faults SET component = left('{EVIL}', 100), needs_person = '{EVIL}',
            trigger_type = left('{EVIL}', 50)"""  # noqa: S608 - the same
    )
    one.do(
        f"""UPDATE approvals SET action = left('{EVIL}', 50), component = left('{EVIL}', 100), why = '{EVIL}',
            asked_by = left('{EVIL}', 100), blast_radius = '{EVIL}', preview = jsonb_build_array('{EVIL}'),
            parameters = jsonb_build_object('{EVIL}', '{EVIL}')"""  # noqa: S608 - the same
    )
    one.do(f"UPDATE circuit_breaker_results SET note = '{EVIL}'")  # noqa: S608 - the same
    one.do(f"INSERT INTO pauses (paused_by, why) VALUES (left('{EVIL}', 100), '{EVIL}')")  # noqa: S608 - the same
    one.do(
        f"INSERT INTO storms (estate_group, sick, quiet_at) VALUES (left('{EVIL}', 50), 9, now() + interval '1 h')"  # noqa: S608 - the same
    )
    client = dashboard.client(Role.ADMIN)
    for address in [
        *all_pages(happened),
        f"/actions?component={quote(EVIL)}",
        f"/?said={quote(EVIL)}&run={quote(EVIL)}",
    ]:
        text = ok(client, address)
        assert "<script>" not in text, address
        assert "<img" not in text, address
        assert "&lt;script&gt;" in text or "said=" in address, address


# -- what they are made of


def test_pages_load_only_our_own_files_and_run_nothing_inline(dashboard: Dashboard, happened: Happened) -> None:
    """Style, script and icon of this server; no inline script, no inline style, no handler in an attribute."""
    client = dashboard.client(Role.ADMIN)
    for address in all_pages(happened):
        page = Page(ok(client, address))
        assert set(page.loaded) == {"/static/icon.svg", "/static/selfheal.css", "/static/live.js"}, address
        assert page.inline == [], address


def test_every_field_has_a_label_and_every_id_is_one(dashboard: Dashboard, happened: Happened) -> None:
    """Labels name their fields; no id stands twice on a page."""
    client = dashboard.client(Role.ADMIN)
    for address in all_pages(happened):
        page = Page(ok(client, address))
        assert len(page.ids) == len(set(page.ids)), address
        assert set(page.fields) <= page.labels, address


@pytest.mark.usefixtures("happened")
def test_the_overview_is_small(dashboard: Dashboard) -> None:
    """Below 60 kB with all that it loads, in at most six requests."""
    client = dashboard.client(Role.ADMIN)
    text = ok(client, "/")
    files = [client.get(one) for one in Page(text).loaded]
    assert {one.status_code for one in files} == {200}
    assert len(files) + 2 <= 6  # the page, and the live updates
    assert len(text.encode()) + sum(len(one.content) for one in files) < LARGEST_OVERVIEW


def test_static_files_are_sent_once(dashboard: Dashboard) -> None:
    """A browser that has a file asks by its tag, and is told that it is the same."""
    client = dashboard.client(None)
    first = client.get("/static/selfheal.css")
    again = client.get("/static/selfheal.css", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def statements(dashboard: Dashboard, client: httpx.Client, address: str) -> int:
    """How many statements a page takes, its transactions' beginnings included."""
    seen: list[str] = []

    def note(*found: object) -> None:
        seen.append(str(found[2]))

    ok(client, address)  # figures of the long run are kept for a moment
    event.listen(dashboard.services.engine, "before_cursor_execute", note)
    ok(client, address)
    event.remove(dashboard.services.engine, "before_cursor_execute", note)
    return len(seen)


def test_a_page_takes_few_statements(dashboard: Dashboard, happened: Happened) -> None:
    """The number of statements does not grow with what is shown."""
    client = dashboard.client(Role.VIEWER)
    before = {address: statements(dashboard, client, address) for address in PAGES}
    for n in range(10):
        question(happened.desk, f"c{n}")
        happened.desk.past(f"d{n}", timedelta(minutes=n), HEALED)
    assert {address: statements(dashboard, client, address) for address in PAGES} == before
    assert max(before.values()) <= MOST_STATEMENTS


# -- what people do


@pytest.mark.usefixtures("happened")
def test_forms_are_shown_to_those_who_may(dashboard: Dashboard) -> None:
    """A viewer sees no form but that of the logout; an operator has them all."""
    text = {role: ok(dashboard.client(role), "/") + ok(dashboard.client(role), "/breakers") for role in Role}
    for action in CONTROLS:
        assert f'action="{action}"' not in text[Role.VIEWER]
        for role in (Role.OPERATOR, Role.APPROVER, Role.ADMIN):
            assert f'action="{action}"' in text[role]


def test_pausing_and_resuming(dashboard: Dashboard, happened: Happened) -> None:
    """The pause is said on every page with who and why, the resume form beside it; both are recorded."""
    client = dashboard.client(Role.OPERATOR)
    answer = send(client, "/", "/pause", why="the network is being moved", hours="2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?said=paused")
    assert "Healing is paused." in ok(client, "/?said=paused")
    viewer = dashboard.client(Role.VIEWER)
    for address in all_pages(happened):
        text = ok(viewer, address)
        assert "the network is being moved" in text
        assert 'action="/resume"' not in text
    assert "Healing is paused by operator-" in ok(client, "/")
    assert send(client, "/", "/resume", why="it is moved").headers["location"] == "/?said=resumed"
    assert dashboard.services.pauses.current() is None
    done = [(one.deed, one.door, one.outcome) for one in dashboard.services.deeds.newest(limit=10)]
    assert done == [("RESUME", "dashboard", "DONE"), ("PAUSE", "dashboard", "DONE")]


@pytest.mark.usefixtures("happened")
def test_a_wrong_form_changes_nothing(dashboard: Dashboard) -> None:
    """Told in words with 422; nothing is paused, forced or begun."""
    client = dashboard.client(Role.ADMIN)
    for action, fields in (
        ("/pause", {"why": "  "}),
        ("/pause", {"why": "x", "hours": "soon"}),
        ("/pause", {"why": "x", "hours": "-1"}),
        ("/pause", {"why": "x", "hours": "inf"}),
        ("/pause", {"why": "x", "hours": "nan"}),
        ("/pause", {"why": "x" * 501}),
        ("/breakers/decide", {"name": "agent:writer", "deed": "explode", "why": "x"}),
        ("/breakers/decide", {"name": "agent:writer", "deed": "reset", "why": "x", "hours": "2"}),
        ("/breakers/decide", {"name": "'; --", "deed": "open", "why": "x"}),
        ("/heal", {"component": "nobody", "why": "x"}),
        ("/heal", {"component": "frontend", "why": ""}),
        ("/heal", {"component": "frontend", "action": "dance", "why": "x"}),
    ):
        answer = send(client, "/", action, **fields)
        assert answer.status_code == 422, (action, fields, answer.text)
        assert "WRONG_INPUT" in answer.text
    assert dashboard.services.pauses.current() is None
    assert all(one.override is None for one in dashboard.services.estate.breakers.present())


def test_who_may_not_is_refused_and_recorded(dashboard: Dashboard, happened: Happened) -> None:
    """A form that somebody sends without the role is refused, and that is recorded."""
    client = dashboard.client(Role.VIEWER)
    page = f"/approvals/{happened.approval}"
    forms = {
        "/pause": {"why": "x"},
        "/resume": {"why": "x"},
        "/storm/go": {"why": "x"},
        "/breakers/decide": {"name": "agent:writer", "deed": "open", "why": "x"},
        f"{page}/answer": {"word": "approve", "why": "x", "fingerprint": "f" * 64},
        "/heal": {"component": "frontend", "why": "x"},
    }
    for action, fields in forms.items():
        answer = send(client, "/", action, **fields)
        assert answer.status_code == 403, (action, answer.text)
        assert "yours is viewer" in answer.text
    assert {one.outcome for one in dashboard.services.deeds.newest(limit=10)} == {"REFUSED"}


@pytest.mark.usefixtures("happened")
def test_a_form_without_its_csrf_is_refused(dashboard: Dashboard) -> None:
    """A page of somebody else cannot send our forms."""
    client = dashboard.client(Role.ADMIN)
    for action in ("/pause", "/heal", "/breakers/decide", "/storm/go", f"/approvals/{uuid4()}/answer"):
        assert client.post(action, data={"why": "x", "csrf": "guess"}).status_code == 403
    assert dashboard.services.pauses.current() is None


@pytest.mark.usefixtures("happened")
def test_a_breaker_is_forced_and_released(dashboard: Dashboard) -> None:
    """Open, closed, automatic, as new: with who, why and until when on the page."""
    client = dashboard.client(Role.OPERATOR)
    send(client, "/breakers", "/breakers/decide", name="agent:planner", deed="open", why="it lies", hours="1.5")
    assert re.search(r"Forced open by operator-\w+ until .*: it lies", ok(client, "/breakers"))
    send(client, "/breakers", "/breakers/decide", name="agent:planner", deed="reset", why="it was taught")
    assert "it lies" not in ok(client, "/breakers")


@pytest.mark.parametrize(("word", "state"), [("approve", "APPROVED"), ("deny", "DENIED")])
def test_a_question_is_answered_once(dashboard: Dashboard, happened: Happened, word: str, state: str) -> None:
    """The answer is on the page with who and why; a second one is refused by name."""
    page = f"/approvals/{happened.approval}"
    client = dashboard.client(Role.APPROVER)
    answer = send(client, page, f"{page}/answer", word=word, why="I have looked", fingerprint="f" * 64)
    assert answer.status_code == 303, answer.text
    text = ok(client, answer.headers["location"])
    assert "I have looked" in text
    assert f'action="{page}/answer"' not in text
    assert dashboard.services.approvals.one(happened.approval).state == state
    second = send(dashboard.client(Role.ADMIN), "/", f"{page}/answer", word=word, why="me too", fingerprint="f" * 64)
    assert second.status_code == 403
    assert "ALREADY_ANSWERED" in second.text
    assert "by approver-" in ok(client, f"/faults/{dashboard.services.approvals.one(happened.approval).fault_id}")


def test_an_answer_is_bound_to_what_was_seen(dashboard: Dashboard, happened: Happened) -> None:
    """Another fingerprint than the question's is refused: CHANGED."""
    page = f"/approvals/{happened.approval}"
    client = dashboard.client(Role.APPROVER)
    answer = send(client, page, f"{page}/answer", word="approve", why="x", fingerprint="e" * 64)
    assert (answer.status_code, "CHANGED" in answer.text) == (403, True)
    assert send(client, page, f"{page}/answer", word="maybe", why="x", fingerprint="f" * 64).status_code == 422


def test_a_storm_is_let_go(dashboard: Dashboard, happened: Happened) -> None:
    """The storm and its form are on the overview; a second word says that there was none to decide about."""
    happened.desk.do("INSERT INTO storms (estate_group, sick, quiet_at) VALUES ('', 12, now() + interval '10 min')")
    client = dashboard.client(Role.OPERATOR)
    assert "A storm in the estate" in ok(client, "/")
    assert send(client, "/", "/storm/go", why="the power is back").headers["location"] == "/?said=storm-go"
    assert "the power is back" in ok(client, "/")
    assert send(client, "/", "/storm/go", why="again").headers["location"] == "/?said=no-storm"


@pytest.mark.usefixtures("happened")
def test_a_heal_without_prefect_is_told(dashboard: Dashboard) -> None:
    """Where the Prefect server does not answer the page says so and what works without it; the try is recorded."""
    answer = send(dashboard.client(Role.OPERATOR), "/", "/heal", component="frontend", why="it is slow")
    assert answer.status_code == 503
    (deed,) = dashboard.services.deeds.newest(limit=10)
    assert (deed.deed, deed.subject, deed.outcome) == ("HEAL", "frontend", "FAILED")


@pytest.mark.usefixtures("happened")
def test_a_message_is_never_the_addresss_own(dashboard: Dashboard) -> None:
    """Only known words become a message: a link cannot make the page say something."""
    text = ok(dashboard.client(Role.VIEWER), "/?said=All%20is%20well")
    assert "All is well" not in text


def test_times_are_utc_and_machine_readable(dashboard: Dashboard, happened: Happened) -> None:
    """Every time is a <time> in UTC, to the millisecond, for the script to add the local one."""
    text = ok(dashboard.client(Role.VIEWER), f"/faults/{happened.healed}")
    times = re.findall(r'<time datetime="([^"]+)"', text)
    assert len(times) > 5
    for one in times:
        assert one.endswith("Z")
        assert abs(datetime.fromisoformat(one) - datetime.now(UTC)) < timedelta(days=3)
