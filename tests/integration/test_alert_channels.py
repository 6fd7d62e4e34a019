"""Alerts against real endpoints: what each channel gets, and what becomes of it where one is dead, slow or wrong."""

import json
import socketserver
import threading
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from alert_endpoints import Endpoint, Postbox
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text
from test_alerts import owned, written

from console import database, doctor_stack
from console.alerts import troubled
from console.checks import Problem
from console.place import Place
from selfheal import bootstrap
from selfheal.clients.mail import WITHIN, Mail, MailServer
from selfheal.logs import hide
from selfheal.model.alert import Message, MessageKind, Severity
from selfheal.model.errors import Transient
from selfheal.policy.alert_rules import is_endless
from selfheal.protocol.alerts import LEASE, Telling
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse
from selfheal.store.outbox import Outbox
from selfheal.store.reading.alerts import Alerts
from selfheal.store.silences import Silences
from selfheal.wiring.alerts import telling_of

pytestmark = pytest.mark.timeout(120)


def channels(endpoint: Endpoint, postbox: Postbox | None = None) -> dict[str, Mapping[str, Any]]:
    """One of each kind."""
    found: dict[str, Mapping[str, Any]] = {
        "hook": {"kind": "webhook", "url": f"{endpoint.url}/hook"},
        "chat": {"kind": "slack", "url": f"{endpoint.url}/slack"},
        "pager": {"kind": "pagerduty", "routing_key": "r0uting-key", "events_url": f"{endpoint.url}/pager"},
    }
    if postbox is not None:
        login = {"username": "ops", "password": "right", "security": "none"}
        addresses = {"sender": "selfheal@example.org", "to": ["ada@example.org", "bob@example.org"]}
        found["mail"] = {"kind": "email", "host": "127.0.0.1", "port": postbox.port, **login, **addresses}
    return found


def said(words: str) -> Message:
    """A message as it is given to a channel."""
    made = uuid4()
    return Message(
        id=made,
        kind=MessageKind.ALERT,
        severity=Severity.CRITICAL,
        group="fault",
        dedup_key="fault/1",
        episode=made,
        message=words,
        created_at=datetime.now(UTC),
    )


def telling(engine: Engine, found: Mapping[str, Any], **more: Any) -> Telling:
    return telling_of(parse({"alerts": {"channels": found, **more}}, source="the test"), engine, spool="")


def raised(engine: Engine, count: int, *, message: str = "it broke", details: str = "{}") -> None:
    """So many faults that need a person, of one group."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO alert_outbox (severity, dedup_key, message, details)"
                " SELECT 'CRITICAL', 'fault/' || n, :message, CAST(:details AS jsonb) FROM generate_series(1, :count) n"
            ),
            {"count": count, "message": message, "details": details},
        )


def over(engine: Engine, count: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO alert_outbox (kind, severity, dedup_key, message)"
                " SELECT 'RESOLVED', 'INFO', 'fault/' || n, 'it is well again' FROM generate_series(1, :count) n"
            ),
            {"count": count},
        )


def states(engine: Engine, channel: str) -> dict[str, int]:
    """How many deliveries of a channel are in each state."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT state, count(*) FROM alert_deliveries WHERE channel = :channel GROUP BY 1"),
            {"channel": channel},
        )
        return dict(rows.tuples().all())


def errors(engine: Engine, channel: str) -> list[str]:
    with engine.connect() as connection:
        statement = "SELECT error FROM alert_deliveries WHERE channel = :channel AND error IS NOT NULL ORDER BY place"
        return list(connection.execute(text(statement), {"channel": channel}).scalars())


def test_a_thousand_faults_are_four_messages_and_an_end_on_every_channel(
    empty: Engine, endpoint: Endpoint, postbox: Postbox, embedded_postgres: Embedded
) -> None:
    """Three alerts, a summary, a resolve: PagerDuty has one incident, and it is closed; the client's table has all."""
    told = telling(empty, channels(endpoint, postbox))
    raised(empty, 1000)
    told.turn()
    owned(embedded_postgres, "UPDATE alert_episodes SET window_began = window_began - interval '5 min'")
    told.turn()
    over(empty, 1000)
    told.turn()
    assert [one["kind"] for one in endpoint.bodies("/hook")] == ["ALERT"] * 3 + ["SUMMARY", "RESOLVED"]
    assert len(endpoint.bodies("/slack")) == len(postbox.got) == 5
    pager = endpoint.bodies("/pager")
    assert [one["event_action"] for one in pager] == ["trigger"] * 4 + ["resolve"]
    assert len({one["dedup_key"] for one in pager}) == 1
    assert "997 more alerts of fault" in endpoint.bodies("/hook")[3]["message"]
    history = "SELECT delivery_status, count(*) FROM devops_alert_history GROUP BY 1"
    with empty.connect() as connection:
        assert dict(connection.execute(text(history)).tuples().all()) == {"SENT": 5, "AGGREGATED": 997}
        assert connection.scalar(text("SELECT count(*) FROM alerts WHERE resolved_at IS NULL")) == 0
    assert states(empty, "pager") == {"SENT": 5, "AGGREGATED": 997}


def test_every_channel_tells_where_more_is_told(empty: Engine, endpoint: Endpoint, postbox: Postbox) -> None:
    """The page of the fault, wherever the message is read; without an address of ours nothing is said of one."""
    fault = UUID(int=7)
    found = {"alerts": {"channels": channels(endpoint, postbox)}}
    page = f"https://selfheal.example/faults/{fault}"
    for web in ({"public_url": "https://selfheal.example/"}, {}):
        with empty.begin() as connection:
            connection.execute(
                text("INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('CRITICAL', :key, 'it broke')"),
                {"key": f"fault/{fault}"},
            )
        telling_of(parse(found | {"web": web}, source="the test"), empty, spool="").turn()
    hook, chat, pager = (endpoint.bodies(path) for path in ("/hook", "/slack", "/pager"))
    assert [one["link"] for one in hook] == [page, ""]
    assert [page in one["text"].splitlines() for one in chat] == [True, False]
    assert [one.get("client_url") for one in pager] == [page, None]
    mails = [str(one.get_payload(decode=True), "utf-8").splitlines() for one in postbox.got]  # type: ignore[arg-type]
    assert [page in lines for lines in mails] == [True, False]


def test_a_dead_channel_and_one_that_hangs_hold_nobody_up(empty: Engine, endpoint: Endpoint, postbox: Postbox) -> None:
    """The others get all of it in the same turn; the dead ones get it later."""
    found = channels(endpoint, postbox) | {"dead": {"kind": "webhook", "url": "http://127.0.0.1:9/"}}
    endpoint.hanging["/slack"] = threading.Event()
    told = telling(empty, found, timeout="500 ms")
    raised(empty, 3)
    told.turn()
    assert states(empty, "hook") == states(empty, "mail") == states(empty, "pager") == {"SENT": 3}
    assert states(empty, "dead") == states(empty, "chat") == {"WAITING": 3}
    assert errors(empty, "chat") == ["Slack gave no full answer within 0.5 s"]
    assert len(endpoint.bodies("/slack")) <= 1, "the others wait for the next turn"


def test_a_refusal_is_tried_a_few_times_and_stays_listed(
    empty: Engine, endpoint: Endpoint, postbox: Postbox, embedded_postgres: Embedded
) -> None:
    """A wrong key, a wrong password: said in words, given up after the fifth try, and not told of the end."""
    endpoint.answers["/pager"] = (400, {}, '{"status": "invalid event"}')
    postbox.password = "another"
    told = telling(empty, channels(endpoint, postbox))
    raised(empty, 1)
    for _ in range(7):
        told.turn()
        owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")
    assert len(endpoint.bodies("/pager")) == len(postbox.logins) == 5
    (pager,), (mail,) = errors(empty, "pager"), errors(empty, "mail")
    assert pager.startswith('given up after 5 tries: PagerDuty refuses it with 400: {"status": "invalid event"}')
    assert "the mail server refuses the login (535); correct username and password" in mail
    over(empty, 1)
    told.turn()
    assert states(empty, "pager") == states(empty, "mail") == {"FAILED": 1}
    assert states(empty, "hook") == {"SENT": 2}
    with empty.connect() as connection:
        first = connection.execute(text("SELECT * FROM devops_alert_history ORDER BY created_at LIMIT 1")).one()
    assert (first.delivery_status, first.delivery_channels) == ("SENT", ["chat", "hook"])
    assert "pager: given up" in first.delivery_error


def test_what_an_endpoint_says_is_told_as_text(empty: Engine, endpoint: Endpoint) -> None:
    """What a terminal would obey is taken out, before anybody lists it."""
    endpoint.answers["/hook"] = (404, {}, "<b>\x1b[2J\x07gone\x00\r\n</b>")
    raised(empty, 1)
    telling(empty, {"hook": channels(endpoint)["hook"]}).turn()
    (error,) = errors(empty, "hook")
    assert error.startswith("the webhook refuses it with 404: <b> [2J gone </b>; ")


def test_who_asks_to_be_left_alone_is(empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded) -> None:
    """429 with Retry-After: nothing goes to that channel before, and then all of it."""
    endpoint.answers["/hook"] = (429, {"Retry-After": "120"}, "")
    told = telling(empty, {"hook": channels(endpoint)["hook"]})
    raised(empty, 3)
    told.turn()
    assert len(endpoint.bodies("/hook")) == 1
    with empty.connect() as connection:
        statement = "SELECT extract(epoch FROM min(next_try_at) - now()) FROM alert_deliveries"
        assert 100 < (connection.scalar(text(statement)) or 0) <= 120
    raised_later = text("INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('WARNING', 'x/1', 'later')")
    with empty.begin() as connection:
        connection.execute(raised_later)
    endpoint.answers.clear()
    told.turn()
    assert len(endpoint.bodies("/hook")) == 1, "what is raised meanwhile waits too"
    owned(
        embedded_postgres,
        "UPDATE alert_deliveries SET next_try_at = now() - interval '1 s', paused_until = now() - interval '1 s'",
    )
    told.turn()
    assert states(empty, "hook") == {"SENT": 4}


def test_an_end_never_overtakes_its_alert(empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded) -> None:
    """PagerDuty is away when the alert is raised and ended: it gets both, in this order, once it is back."""
    endpoint.answers["/pager"] = (503, {}, "")
    told = telling(empty, {"pager": channels(endpoint)["pager"]})
    raised(empty, 1)
    told.turn()
    over(empty, 1)
    told.turn()
    endpoint.answers.clear()
    owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")
    told.turn()
    assert [one["event_action"] for one in endpoint.bodies("/pager")] == ["trigger", "trigger", "resolve"]


def test_a_channel_that_was_dead_for_a_day_gets_the_last_reminder(
    empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded
) -> None:
    """Not one for each hour: those before it say less, and are listed as skipped."""
    endpoint.answers["/chat"] = (503, {}, "")
    found = {"chat": {"kind": "webhook", "url": f"{endpoint.url}/chat"}}
    told = telling(empty, found, give_up="7 d")
    raised(empty, 1)
    for _ in range(4):
        told.turn()
        owned(embedded_postgres, "UPDATE alert_episodes SET last_told_at = last_told_at - interval '1 h'")
    endpoint.answers.clear()
    endpoint.got.clear()
    owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")
    told.turn()
    assert [one["kind"] for one in endpoint.bodies("/chat")] == ["ALERT", "REMINDER"]
    assert states(empty, "chat") == {"SENT": 2, "SKIPPED": 3}
    assert errors(empty, "chat") == ["a later message says more"] * 3


def test_sizes_are_bounded_and_secrets_are_hidden(empty: Engine, endpoint: Endpoint, postbox: Postbox) -> None:
    """Whatever an alert holds: each channel's limits, one line where a header is made, no secret, no mention."""
    hide(["planted-Secret-77"])
    message = "<!channel> & planted-Secret-77 broke\r\nBcc: eve@example.org " + "x" * 5000
    details = json.dumps({"component": "web", "evidence": ["line " * 1000] * 120, "token": "planted-Secret-77"})
    raised(empty, 1, message=message, details=details)
    telling(empty, channels(endpoint, postbox)).turn()
    (hook,), (slack,), (pager,) = (endpoint.bodies(path) for path in ("/hook", "/slack", "/pager"))
    (mail,) = postbox.got
    assert len(slack["text"]) < 4000
    assert "<!channel>" not in slack["text"]
    assert len(pager["payload"]["summary"]) <= 1024
    assert len(json.dumps(pager)) < 512_000
    assert len(json.dumps(hook)) < 600_000
    assert len(str(make_header(decode_header(mail["Subject"])))) <= 200
    assert mail["Bcc"] is None
    assert mail["Message-ID"] == f"<{hook['id']}@selfheal>"
    assert "planted-Secret-77" not in repr((hook, slack, pager, mail.as_string()))
    assert pager["payload"]["severity"] == "critical"


@pytest.mark.parametrize("farewell", [b"421 we close now\r\n", b"500 what?\r\n", b""])
def test_a_mail_that_was_taken_is_sent_once(empty: Engine, farewell: bytes) -> None:
    """However its server takes leave: busy, rude, or gone."""
    taken = list[bytes]()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            for line in iter(self.rfile.readline, b""):
                if line.upper().startswith(b"DATA"):
                    self.wfile.write(b"354 go on\r\n")
                    taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                if line.upper().startswith(b"QUIT"):
                    self.wfile.write(farewell)
                    return
                self.wfile.write(b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        addresses = {"sender": "selfheal@example.org", "to": ["ada@example.org"]}
        mail = {"kind": "email", "host": "127.0.0.1", "port": port, "security": "none", **addresses}
        raised(empty, 1)
        telling(empty, {"mail": mail}).turn()
        server.shutdown()
    assert len(taken) == 1
    assert states(empty, "mail") == {"SENT": 1}


def test_who_of_several_did_not_get_a_mail_is_listed(
    empty: Engine, endpoint: Endpoint, postbox: Postbox, embedded_postgres: Embedded
) -> None:
    """It is sent, once, since the others have it; where nobody does, it is tried again."""
    postbox.recipients = {"bob@example.org": "450 later"}
    told = telling(empty, {"mail": channels(endpoint, postbox)["mail"]})
    raised(empty, 1)
    told.turn()
    assert states(empty, "mail") == {"SENT": 1}
    assert errors(empty, "mail") == ["the mail server took it for 1 of 2, not for bob@example.org (450)"]
    postbox.recipients["ada@example.org"] = "550 unknown"
    raised(empty, 1)
    told.turn()
    assert states(empty, "mail") == {"SENT": 1, "WAITING": 1}
    postbox.recipients.clear()
    owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")
    told.turn()
    assert len(postbox.got) == 2
    told._channels["mail"].send(said("half \ud800 a character"))
    assert "half ? a character" in str(postbox.got[-1]["Subject"])


def test_a_mail_server_that_trickles_ends_in_time() -> None:
    """Each byte comes within a step's time, and the last one never."""
    ended = threading.Event()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while not ended.wait(0.02):
                    self.wfile.write(b"2")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = MailServer(
            host="127.0.0.1",
            port=server.server_address[1],
            security="none",
            username="",
            password="",
            timeout=timedelta(seconds=5),
            within=timedelta(seconds=0.3),
        )
        mail = Mail(server=where, sender="selfheal@example.org", to=("ada@example.org",))
        with pytest.raises(Transient, match=r"did not take it within 0\.3 s"):
            mail.send(said("it broke"))
        ended.set()
        server.shutdown()


def test_no_channel_takes_longer_than_a_delivery_is_its_processes() -> None:
    """Else what is sent slowly would be sent by two."""
    longest = parse({"alerts": {"timeout": "30 s"}}, source="the test").alerts.timeout
    assert longest < LEASE
    assert WITHIN + longest <= LEASE


def test_what_breaks_a_channel_is_listed_and_given_up(empty: Engine, embedded_postgres: Embedded) -> None:
    """A token that no header takes is no reason to try for ever, and a bug of ours neither."""

    def broken(_: Message) -> None:
        raise ZeroDivisionError

    found = {"hook": {"kind": "webhook", "url": "http://127.0.0.1:9/", "token": "gehéim"}}
    raised(empty, 1)
    told = telling(empty, found)
    for _ in range(5):
        told.turn()
        owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")
    (error,) = errors(empty, "hook")
    assert error.startswith("given up after 5 tries: the webhook cannot be asked: its url or token is not in ASCII")
    raised(empty, 1)
    told = telling(empty, found)
    told._channels["hook"] = SimpleNamespace(send=broken)
    told.turn()
    assert errors(empty, "hook")[1:] == ["sending it broke: ZeroDivisionError"]


def test_a_channel_that_is_gone_from_the_settings_is_given_up(empty: Engine, endpoint: Endpoint) -> None:
    """What waited for it is FAILED and says why; the rest goes on."""
    found = channels(endpoint)
    dead = {"dead": {"kind": "webhook", "url": "http://127.0.0.1:9/"}}
    raised(empty, 1)
    telling(empty, found | dead).turn()
    telling(empty, found).turn()
    assert errors(empty, "dead") == ["the settings name no channel dead any more"]
    assert Outbox(empty).unsent() == 0


def test_a_channel_that_takes_nothing_is_bad_news_long_before_it_is_given_up(
    empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it was away for a moment; `doctor` says which it is, since when, and why."""
    monkeypatch.setattr(database, "database_of", lambda _: nullcontext(SimpleNamespace(alerts=Alerts(empty))))
    found = {name: {"kind": "webhook", "url": f"{endpoint.url}/{name}"} for name in ("good", "bad")}
    endpoint.answers["/bad"] = (503, {}, "")
    told = telling(empty, found)
    raised(empty, 1)
    told.turn()
    assert doctor_stack.alert_channels(Place()) == "nothing waits for any for longer than 10 min"
    owned(embedded_postgres, "UPDATE alert_deliveries SET created_at = created_at - interval '11 min'")
    with pytest.raises(Problem, match=r"bad does not take what waits since .* UTC: the webhook answers 503") as problem:
        doctor_stack.alert_channels(Place())
    assert "`selfheal alerts test bad`" in problem.value.hint
    (row,) = troubled(Alerts(empty).troubled()).rows
    assert (row["channel"], row["error"]) == ("bad", "the webhook answers 503")
    endpoint.answers.clear()
    owned(embedded_postgres, "UPDATE alert_deliveries SET next_try_at = now()")
    told.turn()
    assert Alerts(empty).troubled() == []


def test_what_is_given_up_after_days_counts_as_failed_today(empty: Engine, embedded_postgres: Embedded) -> None:
    """`selfheal status` shows it for a day from then on, not from when it was to be sent first."""
    told = telling(empty, {"dead": {"kind": "webhook", "url": "http://127.0.0.1:9/"}})
    raised(empty, 1)
    told.turn()
    assert Alerts(empty).counts().failed == 0
    days = "since = since - interval '4 d', next_try_at = next_try_at - interval '4 d'"
    owned(embedded_postgres, f"UPDATE alert_deliveries SET {days}")  # type: ignore[arg-type] # noqa: S608
    told.turn()
    assert states(empty, "dead") == {"FAILED": 1}
    assert Alerts(empty).counts().failed == 1
    owned(embedded_postgres, "UPDATE alert_deliveries SET failed_at = failed_at - interval '25 h'")
    assert Alerts(empty).counts().failed == 0


@pytest.mark.parametrize(("overtaken", "state"), [(True, "WAITING"), (False, "FAILED")])
def test_a_run_with_earlier_settings_gives_up_no_new_channel(
    empty: Engine, database_url: str, *, overtaken: bool, state: str
) -> None:
    """A reload named one that is away: the turn of the watcher before does not know it, and leaves it alone."""
    dead = {"kind": "webhook", "url": "http://127.0.0.1:9/"}
    raised(empty, 1)
    telling(empty, {"hook": dead, "new": dead}).turn()
    estate = bootstrap.wire(parse({"alerts": {"channels": {"hook": dead}}}, source="t"), database_url=database_url)
    try:
        replace(estate, overtaken=lambda: overtaken).turn(plain_steps(estate.healer))
    finally:
        estate.close()
    assert states(empty, "new") == {state: 1}


def test_an_alert_that_nobody_wants_is_not_told(empty: Engine, endpoint: Endpoint) -> None:
    """A route without channels: it is open, and listed, and no more."""
    written(empty, "it broke")
    told = telling(empty, channels(endpoint), routes=[{"severities": ["CRITICAL"], "channels": []}])
    told.turn()
    assert endpoint.got == []
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alerts WHERE resolved_at IS NULL")) == 1


def test_what_is_long_over_is_forgotten(empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded) -> None:
    """With its messages and deliveries; what is open stays whole, however old."""
    told = telling(empty, {"hook": channels(endpoint)["hook"]})
    raised(empty, 2)
    told.turn()
    with empty.begin() as connection:
        ended = (
            "INSERT INTO alert_outbox (kind, severity, dedup_key, message) VALUES ('RESOLVED', 'INFO', 'fault/1', 'm')"
        )
        connection.execute(text(ended))
    told.turn()
    for table, column in (
        ("alert_messages", "created_at"),
        ("alert_deliveries", "created_at"),
        ("alerts", "resolved_at"),
    ):
        owned(embedded_postgres, f"UPDATE {table} SET {column} = {column} - interval '91 days'")  # type: ignore[arg-type] # noqa: S608
    owned(
        embedded_postgres,
        "UPDATE alert_episodes SET last_told_at = now() - interval '91 d', window_began = now() - interval '91 d'",
    )
    assert Outbox(empty).forget(timedelta(days=90)) == 1, "one alert of its episode is open"
    assert rows_of(empty) == {"alerts": 1, "alert_messages": 2, "alert_deliveries": 2, "alert_outbox": 3}
    over(empty, 2)
    told.turn()
    assert Outbox(empty).forget(timedelta(days=90)) == 2
    assert rows_of(empty) == {"alerts": 1, "alert_messages": 1, "alert_deliveries": 1, "alert_outbox": 5}, (
        "the end is new"
    )
    owned(embedded_postgres, "UPDATE alert_outbox SET created_at = created_at - interval '91 d'")
    assert Outbox(empty).forget(timedelta(days=90)) == 5
    assert rows_of(empty)["alert_outbox"] == 0


def rows_of(engine: Engine) -> dict[str, int]:
    """How many rows of what people are told there are."""
    tables = ("alerts", "alert_messages", "alert_deliveries", "alert_outbox")
    with engine.connect() as connection:
        return {one: connection.scalar(text(f"SELECT count(*) FROM {one}")) or 0 for one in tables}  # noqa: S608


_NEWS = text(
    "INSERT INTO alert_outbox (kind, severity, dedup_key, message, created_at)"
    " VALUES (:kind, :severity, :key, 'm', clock_timestamp())"
)


def test_what_is_needed_of_the_outbox_stays(empty: Engine, endpoint: Endpoint, embedded_postgres: Embedded) -> None:
    """However old: what is open or undecided, the last row of what goes on, and what nothing ends until it is taken."""
    told = telling(empty, {"hook": channels(endpoint)["hook"]})
    with empty.begin() as connection:
        for kind, severity, key in (
            ("RAISED", "WARNING", "host/a/disk"),
            ("RESOLVED", "WARNING", "host/a/disk"),
            ("RAISED", "WARNING", "host/a/disk"),
            ("RAISED", "INFO", "prediction/web/m/r"),
            ("RESOLVED", "INFO", "prediction/web/m/r"),
            ("RAISED", "INFO", "prediction/web/m/r"),
            ("RAISED", "WARNING", "mode/restart-service"),
            ("RAISED", "WARNING", "escalation/REQ-1/0123456789abcdef"),
        ):
            connection.execute(_NEWS, {"kind": kind, "severity": severity, "key": key})
    told.turn()
    with empty.begin() as connection:
        connection.execute(_NEWS, {"kind": "RAISED", "severity": "WARNING", "key": "starts/1"})
    owned(embedded_postgres, "UPDATE alert_outbox SET created_at = created_at - interval '91 d'")
    Outbox(empty).forget(timedelta(days=90))
    left = ["escalation/REQ-1/0123456789abcdef", *["host/a/disk"] * 3, "mode/restart-service", "prediction/web/m/r"]
    assert keys_of(empty) == [*left, "starts/1"]
    Silences(empty).acknowledge("*", who="ada", why="I see")
    told.turn()
    Silences(empty).acknowledge("starts/1", who="ada", why="I see")
    told.turn()
    Outbox(empty).forget(timedelta(days=90))
    assert keys_of(empty) == [*["host/a/disk"] * 3, "prediction/web/m/r"]


def keys_of(engine: Engine) -> list[str]:
    """Of the rows of the outbox."""
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT dedup_key FROM alert_outbox ORDER BY dedup_key")))


@pytest.mark.parametrize(
    "key",
    [
        *("answer/1", "escalation/REQ-1/0f", "mode/x", "starts/1", "log/app", "log/app/fatal/9f", "fault/1"),
        *(
            "workflow/REQ-1",
            "workflow/REQ-1/blocked",
            "workflow/REQ-1/0f",
            "workflows/disagreements",
            "host/a/disk",
            "",
        ),
    ],
)
def test_what_nothing_ends_is_the_same_in_the_database(empty: Engine, key: str) -> None:
    """By it retention tells what may be forgotten."""
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT is_endless(:key)"), {"key": key}) == is_endless(key)
