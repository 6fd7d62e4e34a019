"""What people say about alerts, on the command line, the dashboard and in GraphQL: done, recorded, and told."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_endpoints import Endpoint
from dashboard_fixtures import Dashboard, send
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text
from test_alert_channels import over, raised
from test_alerts import owned

from console import cli
from console.dashboard.alerts import OPEN
from selfheal.model.identity import Role
from selfheal.settings.file import parse
from selfheal.store.reading.alerts import Alerts
from selfheal.store.silences import Silences
from selfheal.wiring.alerts import telling_of

Run = Callable[..., tuple[int, dict[str, Any], str]]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_url: str,
    endpoint: Endpoint,
) -> Run:
    """`selfheal alerts WORDS` over the test's database, with a webhook and a Slack: code, JSON, stderr."""
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path))
    monkeypatch.delenv("SELFHEAL_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    chat = f'[alerts.channels.chat]\nkind = "slack"\nurl = "{endpoint.url}/chat"\n'
    (tmp_path / "selfheal.toml").write_text(f'[alerts]\nwebhook = "{endpoint.url}/hook"\n{chat}')

    def alerts(*words: str) -> tuple[int, dict[str, Any], str]:
        code = cli.main(["alerts", *words, "-o", "json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else {}, said.err

    return alerts


def turn(engine: Engine, endpoint: Endpoint) -> None:
    telling_of(parse({"alerts": {"webhook": f"{endpoint.url}/hook"}}, source="the test"), engine, spool="").turn()


def deeds(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT deed, outcome FROM person_deeds ORDER BY at, id"))
        return [(row.deed, row.outcome) for row in rows]


def test_channels_are_tested(run: Run, empty: Engine, endpoint: Endpoint) -> None:
    """Each says what became of it, and it is listed; a wrong name is refused with the nearest."""
    endpoint.answers["/chat"] = (404, {}, "no_service")
    code, told, _ = run("test")
    assert code == 1
    assert [(one["channel"], one["result"]) for one in told["channels"]] == [("webhook", "ok"), ("chat", "problem")]
    assert "no_service" in told["channels"][1]["detail"]
    assert endpoint.bodies("/hook")[0]["kind"] == "TEST"
    assert run("test", "webhook")[0] == 0
    _, listed, _ = run("deliveries")
    assert [(one["channel"], one["state"]) for one in listed["deliveries"]] == [
        ("webhook", "SENT"),
        ("chat", "FAILED"),
        ("webhook", "SENT"),
    ]
    assert "no channel is named 'webhok'; did you mean 'webhook'?" in run("test", "webhok")[2]
    assert run("test", "--dry-run")[0] == 0
    assert len(endpoint.got) == 3


def test_alerts_are_taken_and_silenced_on_the_command_line(run: Run, empty: Engine, endpoint: Endpoint) -> None:
    """Its channels hear who has it; a silence keeps the next one back, until it is ended; each deed is recorded."""
    raised(empty, 1)
    turn(empty, endpoint)
    _, told, _ = run()
    assert [(one["alert"], one["state"]) for one in told["alerts"]] == [("fault/1", "OPEN")]
    assert run("ack", "fault/*", "--why", "on my way", "--dry-run")[1]["acknowledged"] == 1
    code, told, _ = run("ack", "fault/*", "--who", "ada", "--why", "on my way")
    assert (code, told["acknowledged"]) == (0, 1)
    turn(empty, endpoint)
    assert endpoint.bodies("/hook")[-1]["message"] == "ada has it: on my way (it broke)"
    assert "nothing that is open and nobody's" in run("ack", "fault/*", "--why", "again")[2]
    code, told, _ = run("silence", "fault", "--for", "2 h", "--who", "bob", "--why", "new disks")
    (silence,) = told["silences"]
    raised_again = text("INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('CRITICAL', 'fault/2', 'too')")
    with empty.begin() as connection:
        connection.execute(raised_again)
    turn(empty, endpoint)
    assert len(endpoint.bodies("/hook")) == 2
    assert run("unsilence", silence["silence"], "--why", "done")[0] == 0
    turn(empty, endpoint)
    assert endpoint.bodies("/hook")[-1]["dedup_key"] == "fault/2"
    assert run("unsilence", silence["silence"], "--why", "done")[0] == 2
    done = [deed for deed, outcome in deeds(empty) if outcome == "DONE"]
    assert done == ["ACKNOWLEDGE_ALERTS", "SILENCE_ALERTS", "END_SILENCE"]


def test_what_a_channel_never_took_is_sent_again(
    run: Run, empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded
) -> None:
    """Once its settings are mended, by a person's word, what is open still; its record tells how it went in the end."""
    settings = {
        "webhook": f"{endpoint.url}/hook",
        "channels": {"chat": {"kind": "slack", "url": f"{endpoint.url}/chat"}},
    }
    told = telling_of(parse({"alerts": settings | {"refusals": 1}}, source="the test"), empty, spool="")
    endpoint.answers["/chat"] = (404, {}, "no_service")
    raised(empty, 2)
    over(empty, 2)
    told.turn()
    raised(empty, 1, message="it broke again")
    told.turn()
    assert endpoint.bodies("/hook")[-1]["message"] == "it broke again"
    owned(embedded_postgres, "UPDATE alert_deliveries SET created_at = created_at - interval '4 d'")
    endpoint.answers.clear()
    endpoint.got.clear()
    assert run("again", "chat", "--why", "the address is right now", "--dry-run")[1]["sent_again"] == 1
    code, said, _ = run("again", "--why", "the address is right now")
    assert (code, said["sent_again"]) == (0, 1)
    told.turn()
    assert [one["text"].partition("\n")[0] for one in endpoint.bodies("/chat")] == ["[CRITICAL] it broke again"]
    assert endpoint.bodies("/hook") == []
    with empty.connect() as connection:
        history = connection.execute(
            text("SELECT message, delivery_status, delivery_channels FROM devops_alert_history")
        )
        ended = {row.message: (row.delivery_status, row.delivery_channels) for row in history}
    assert ended["it broke again"] == ("SENT", ["chat", "webhook"])
    assert run("again", "--why", "once more")[1]["sent_again"] == 0
    assert ("SEND_AGAIN", "DONE") in deeds(empty)
    assert "did you mean 'chat'?" in run("again", "chad", "--why", "x")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ack", "--why", "x"], "ack does not say what"),
        (["ack", "fault/1"], "--why is empty"),
        (["again"], "--why is empty"),
        (["silence", "fault/1", "--why", "x"], "silence needs --for"),
        (["silence", "fault/1", "--why", "x", "--for", "soon"], "is no duration"),
        (["unsilence", "x", "--why", "x"], "'x' is no id of a silence"),
        (["list", "fault/1"], "list takes no 'fault/1'"),
    ],
)
def test_what_cannot_be_meant_is_told(run: Run, words: list[str], said: str) -> None:
    """With exit code 2, and what to write."""
    code, _, err = run(*words)
    assert (code, said in err) == (2, True), err


def test_what_is_critical_and_nobodys_stands_first(
    run: Run, dashboard: Dashboard, empty: Engine, endpoint: Endpoint
) -> None:
    """However many warnings came after it; what somebody has stands last, and a page that is full says so."""
    statement = "INSERT INTO alert_outbox (severity, dedup_key, message) SELECT :severity, 'log/' || n, 'it broke' "
    with empty.begin() as connection:
        for severity, first, last in (("CRITICAL", 1, 2), ("WARNING", 3, OPEN + 3), ("INFO", OPEN + 4, OPEN + 4)):
            rows = text(statement + "FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n")
            connection.execute(rows, {"severity": severity, "first": first, "last": last})
    turn(empty, endpoint)
    assert run("ack", "log/1", "--why", "on my way")[0] == 0
    listed = [(one["alert"], one["severity"]) for one in run("list", "--limit", "10000")[1]["alerts"]]
    assert listed[0] == ("log/2", "CRITICAL")
    assert {severity for _, severity in listed[1:-1]} == {"WARNING"}
    assert listed[-1] == ("log/1", "CRITICAL")
    page = dashboard.client(Role.VIEWER).get("/alerts").text
    rows = re.findall(r"<code>(log/[0-9]+)</code>", page)
    assert (rows[0], len(rows)) == ("log/2", OPEN)
    assert f"Only the {OPEN} worst are shown" in page


def test_the_page_tells_all_of_it(dashboard: Dashboard, empty: Engine, endpoint: Endpoint) -> None:
    """What is open, what was delivered and with which error; an operator takes and silences, a viewer looks."""
    endpoint.answers["/hook"] = (503, {}, "")
    raised(empty, 1, message="<b>it broke</b>")
    turn(empty, endpoint)
    viewer, operator = dashboard.client(Role.VIEWER), dashboard.client(Role.OPERATOR)
    page = viewer.get("/alerts").text
    assert '<a href="/faults">&lt;b&gt;it broke&lt;/b&gt;</a>' in page  # of 'fault/1', which is no id
    assert "the webhook answers 503" in page
    assert 'action="/alerts/acknowledge"' not in page
    assert viewer.get("/alerts?state=SENT").text.count("answers 503") == 0
    assert send(viewer, "/", "/alerts/silence", what="fault", why="x").status_code == 403
    taken = send(operator, "/alerts", "/alerts/acknowledge", what="fault/1", why="on my way")
    assert taken.headers["location"] == "/alerts?said=acknowledged"
    assert "taken by operator-" in viewer.get("/alerts").text
    send(operator, "/alerts", "/alerts/silence", what="fault/*", why="new disks", lasts="2")
    (silence,) = Silences(empty).current()
    assert timedelta(hours=1, minutes=59) < silence.until - silence.since <= timedelta(hours=2)
    assert "new disks" in viewer.get("/alerts").text
    send(operator, "/alerts", "/alerts/unsilence", silence_id=str(silence.id), why="done")
    assert Silences(empty).current() == []
    assert send(operator, "/alerts", "/alerts/acknowledge", what="nothing", why="x").status_code == 422
    assert {deed for deed, outcome in deeds(empty) if outcome == "REFUSED"} == {"SILENCE_ALERTS"}


def test_alerts_in_graphql(dashboard: Dashboard, empty: Engine, endpoint: Endpoint) -> None:
    """By pages; taken and silenced by an operator."""
    raised(empty, 3)
    turn(empty, endpoint)
    client = dashboard.client(None)

    def ask(query: str, role: Role = Role.OPERATOR) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {dashboard.secret(role)}", "accept": "application/json"}
        found: dict[str, Any] = client.post("/graphql", json={"query": query}, headers=headers).json()["data"]
        return found

    page = ask("{ alerts(first: 2) { nodes { key severity state } pageInfo { hasNextPage endCursor } } }")["alerts"]
    assert len(page["nodes"]) == 2
    rest = ask(f'{{ alerts(after: "{page["pageInfo"]["endCursor"]}") {{ nodes {{ key }} }} }}')["alerts"]["nodes"]
    assert {one["key"] for one in [*page["nodes"], *rest]} == {"fault/1", "fault/2", "fault/3"}
    assert len(ask("{ alertDeliveries(state: SENT) { nodes { channel error } } }")["alertDeliveries"]["nodes"]) == 3
    assert ask('mutation { acknowledgeAlerts(match: "fault/1", why: "mine") }') == {"acknowledgeAlerts": 1}
    silenced = ask('mutation { silenceAlerts(match: "fault", minutes: 5, why: "x") { id pattern } }')["silenceAlerts"]
    assert [one["id"] for one in ask("{ alertSilences { id } }")["alertSilences"]] == [silenced["id"]]
    assert ask(f'mutation {{ endSilence(id: "{silenced["id"]}", why: "y") }}') == {"endSilence": silenced["id"]}
    assert Alerts(empty).counts().open == 2
