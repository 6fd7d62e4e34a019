"""Which of our mechanisms are late, as a real database knows it, and whom it tells; heartbeats and their chain."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine, text

from deployments import heartbeat
from selfheal import bootstrap
from selfheal.model.alert_rules import Rules
from selfheal.model.attempt import Holder
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, Transient
from selfheal.model.turn import TurnState
from selfheal.policy.turns import stands
from selfheal.protocol.own_health import look
from selfheal.settings.file import parse
from selfheal.store.health import HealthHistory
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.outbox import Outbox
from selfheal.store.runs import MechanismRuns

ME = Holder(host="here", pid=1, started=1)
EVERY = timedelta(minutes=5)
LONG_AGO = datetime.now(UTC) - timedelta(days=1)
LINKS: heartbeat.Links = {
    "database": heartbeat.database,
    "watchers": heartbeat.watchers,
    "dry run": heartbeat.dry_run,
}


def alerts(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        sql = "SELECT kind, dedup_key FROM alert_outbox ORDER BY created_at"
        return [(row.kind, row.dedup_key) for row in connection.execute(text(sql))]


def run(engine: Engine, mechanism: str, error: str = "") -> None:
    run_id = uuid4()
    MechanismRuns(engine).begin(run_id, mechanism, ME)
    MechanismRuns(engine).end(run_id, error=error)


def test_a_missed_turn_is_told_once_and_once_that_it_runs_again(empty: Engine) -> None:
    """RAISED under the mechanism's key when two turns are missed, RESOLVED when it has run; others are not told."""
    mechanisms = Mechanisms(empty)
    mechanisms.schedule({"reconcile": EVERY, "circuit-breaker": EVERY}, since=LONG_AGO)
    run(empty, "circuit-breaker")
    assert [[one.name for one in look(mechanisms)] for _ in range(3)] == [["reconcile"]] * 3
    assert alerts(empty) == [("RAISED", "mechanism/reconcile")]
    run(empty, "reconcile")
    assert [look(mechanisms) for _ in range(2)] == [[], []]
    assert alerts(empty)[1:] == [("RESOLVED", "mechanism/reconcile")]


def test_only_what_a_schedule_begins_is_expected(empty: Engine) -> None:
    """Another start of the stack, or other settings, begin anew: nothing was missed before."""
    mechanisms = Mechanisms(empty)
    mechanisms.schedule({"reconcile": EVERY, "workflow-recovery": EVERY}, since=LONG_AGO)
    mechanisms.schedule({"reconcile": EVERY}, since=datetime.now(UTC))
    assert [(one.name, stands(one)) for one in mechanisms.all()] == [("reconcile", TurnState.WAITING)]
    assert look(mechanisms) == []
    run(empty, "reconcile", error="the disk is full")
    assert [stands(one) for one in mechanisms.all()] == [TurnState.FAILED]


def test_what_is_to_run_no_more_is_not_late_for_ever(empty: Engine) -> None:
    """Other settings schedule it no more: whoever was told that it is late hears so; of the rest nothing is said."""
    mechanisms = Mechanisms(empty)
    mechanisms.schedule({"reconcile": EVERY, "workflow-recovery": EVERY}, since=LONG_AGO)
    assert len(look(mechanisms)) == 2
    assert Outbox(empty).route(Rules(channels=("mail",))) == 2
    mechanisms.schedule({"reconcile": EVERY}, since=LONG_AGO)
    for _ in range(2):
        mechanisms.leave([one.name for one in mechanisms.all()])
    assert alerts(empty)[2:] == [("RESOLVED", "mechanism/workflow-recovery")]


@pytest.fixture
def estate(empty: Engine, database_url: str) -> Iterator[bootstrap.Estate]:
    """A component that is down, and a watcher that beats."""
    HealthHistory(empty).begin_watch("application-health", uuid4(), ME)
    values = {
        "heartbeat": {"url": "http://127.0.0.1:9/secret-path"},
        "components": {"web": {"probe": "http", "url": "http://127.0.0.1:9/"}},
    }
    made = bootstrap.wire(parse(values, source="the test"), database_url=database_url)
    yield made
    made.close()


def test_a_heartbeat_is_sent_when_the_whole_chain_holds(estate: bootstrap.Estate) -> None:
    """A sick estate is no reason to be silent; what became of it stands in the table of mechanisms."""
    sent: list[str] = []

    def call(settings: heartbeat.Settings) -> int:
        sent.append(settings.url.get_secret_value())
        return 200

    assert heartbeat.beat(estate, LINKS, call=call) == ""
    assert len(sent) == 1
    turn = estate.runs.latest([heartbeat.MECHANISM])[heartbeat.MECHANISM]
    assert (turn.error, turn.took is None) == ("", False)


def test_a_broken_link_withholds_it_and_is_named(estate: bootstrap.Estate, empty: Engine, owner_engine: Engine) -> None:
    """Silent watchers, or a link that fails in whatever way: nothing is sent, and the log and the table say which."""
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE watch_epoch SET beat_at = now() - interval '1 minute'"))

    def away(_estate: bootstrap.Estate) -> None:
        raise Transient("nats://127.0.0.1:4222 does not answer a flush")

    def broken(_estate: bootstrap.Estate) -> None:
        raise ValueError

    def never(_settings: heartbeat.Settings) -> int:
        pytest.fail("it was sent")

    assert heartbeat.beat(estate, LINKS, call=never) == "watchers: application-health does not watch"
    assert heartbeat.beat(estate, {"nats": away}, call=never).startswith("nats: nats://127.0.0.1:4222")
    assert heartbeat.beat(estate, {"prefect": broken}, call=never) == "prefect: ValueError"
    assert estate.runs.latest([heartbeat.MECHANISM])[heartbeat.MECHANISM].error == "prefect: ValueError"


@pytest.fixture
def whole_file(empty: Engine, database_url: str, tmp_path: Path) -> Iterator[bootstrap.Estate]:
    """A request file that is as it should be, and may be restored."""
    HealthHistory(empty).begin_watch("application-health", uuid4(), ME)
    file = tmp_path / "OWNER_REQUESTS.md"
    file.write_text("### REQ-1: one\n**Status**: NEW\n")
    values = {"workflows": {"request_file": str(file)}, "healing": {"allow": ["request-file"]}}
    made = bootstrap.wire(parse(values, source="the test"), database_url=database_url)
    yield made
    made.close()


def test_an_action_that_leaves_what_is_well_alone_is_an_answer(whole_file: bootstrap.Estate) -> None:
    """A whole request file is not restored, nor is a database that answers restarted: that withholds no heartbeat."""
    assert heartbeat.beat(whole_file, LINKS, call=lambda _: 200) == ""


@pytest.mark.parametrize("error", [Permanent, NotAllowed])
def test_a_database_that_refuses_admission_withholds_it(
    whole_file: bootstrap.Estate, monkeypatch: pytest.MonkeyPatch, error: type[SelfhealError]
) -> None:
    """It answers, and yet nothing could be admitted: its schema is another one, or our role may not."""

    def refused(*_: object, **__: object) -> None:
        raise error("the database refuses: function peek does not exist")

    monkeypatch.setattr(whole_file.healer.store, "peek", refused)
    said = heartbeat.beat(whole_file, LINKS, call=lambda _: 200)
    assert said == "dry run: the database refuses: function peek does not exist"


def test_logs_that_nobody_has_ever_followed_withhold_it(empty: Engine, database_url: str) -> None:
    """The settings name them, and log-monitor never came so far as to say that it watches."""
    HealthHistory(empty).begin_watch("application-health", uuid4(), ME)
    logs = {"sources": {"app": {"file": "/var/log/app.log", "component": "web"}}}
    web = {"web": {"probe": "http", "url": "http://127.0.0.1:9/"}}
    made = bootstrap.wire(parse({"components": web, "log_monitor": logs}, source="the test"), database_url=database_url)
    try:
        with pytest.raises(Transient, match="log-monitor does not watch"):
            heartbeat.watchers(made)
        HealthHistory(empty).begin_watch("log-monitor", uuid4(), ME)
        heartbeat.watchers(made)
    finally:
        made.close()


def test_an_outside_address_that_does_not_take_it_is_told_without_the_address(
    estate: bootstrap.Estate, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused or answered with an error: it counts as not sent, and its secret is in no log."""
    assert heartbeat.beat(estate, {}, call=heartbeat.over_http) == "the outside address cannot be reached"
    assert heartbeat.beat(estate, {}, call=lambda _: 404) == "the outside address answers 404"
    assert "secret-path" not in caplog.text


def test_without_the_database_no_heartbeat_is_sent(
    estate: bootstrap.Estate, embedded_postgres: Embedded, free_port: int
) -> None:
    """The first link."""
    gone = f"postgresql://healing_user:x@127.0.0.1:{free_port}/selfheal"
    with_nothing = bootstrap.wire(estate.settings, database_url=gone)
    said = heartbeat.beat(with_nothing, LINKS, call=lambda _: 200)
    with_nothing.close()
    assert said.startswith("database: ")
