"""What an alert of another system comes to in a real estate: nothing where it is healthy, one heal where it is sick."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from estate_fixtures import until
from sqlalchemy import Engine, text

from deployments.demo.estate import Estate
from deployments.demo.faults import Faults
from selfheal import bootstrap
from selfheal.model.admission import Decision
from selfheal.model.external_alert import ExternalAlert
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.settings.file import parse
from selfheal.store.raised import RaisedTriggers

FORGED, FORGED_IN_CAMPAIGN = 300, 10_000
NAMES = ("backend", "frontend", "orchestrator", "sleeper-0")


@pytest.fixture
def wired(estate: Estate, empty: Engine, database_url: str) -> Iterator[bootstrap.Estate]:
    components = {name: dict(one) | {"healthy_delay": 0.1} for name, one in estate.settings()["components"].items()}
    values = {
        "healing": {"allow": list(NAMES)},
        "supervisors": estate.settings()["supervisors"],
        "components": components,
    }
    made = bootstrap.wire(parse(values, source="the test"), database_url=database_url)
    yield made
    made.close()


def an_alert(component: str, key: str = "k", **more: bool) -> ExternalAlert:
    return ExternalAlert(key=f"{component}-{key}", component=component, reason="somebody says so", **more)


def dispatched(wired: bootstrap.Estate) -> list[Result]:
    """What the watcher would do after its next sweep."""
    return [heal(plain_steps(wired.healer), one) for one in wired.due()]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - written below


@pytest.mark.timeout(900)
def test_forged_alerts_have_no_effect(wired: bootstrap.Estate, empty: Engine, pytestconfig: pytest.Config) -> None:
    """Thousands of different alerts about healthy components: no attempt, no fault, few rows."""
    many = FORGED_IN_CAMPAIGN if pytestconfig.getoption("--campaign") else FORGED
    decisions = []
    for n in range(many):
        wired.intake.take("forger", [an_alert(NAMES[n % len(NAMES)], str(n))], sent_by="eve")
        if n % 100 == 0:  # the sweeps go on meanwhile
            decisions += [one.answer.decision for one in dispatched(wired)]
    assert decisions
    assert set(decisions) == {Decision.ALREADY_HEALTHY}
    assert count(empty, "healing_actions") == count(empty, "faults") == 0
    assert count(empty, "raised_triggers") <= 2 * len(NAMES) + many // 1000
    assert count(empty, "healing_triggers") <= len(NAMES)
    assert count(empty, "intake_alerts") <= 51 * len(NAMES)


def test_an_alert_about_what_is_sick_heals_it_once(wired: bootstrap.Estate, empty: Engine, faults: Faults) -> None:
    """The component's own look confirms it; the repeat, and the end of it, change nothing."""
    faults.kill("backend")
    wired.intake.take("w", [an_alert("backend")], sent_by="am")
    (result,) = dispatched(wired)
    assert result.name == "Healed", result
    wired.intake.take("w", [an_alert("backend"), an_alert("backend", resolved=True)], sent_by="am")
    assert dispatched(wired) == []
    assert count(empty, "healing_actions") == 1


def test_nothing_old_is_acted_on(wired: bootstrap.Estate, empty: Engine, faults: Faults) -> None:
    """Resolved while its trigger waits in a queue: admission refuses it, although the component is sick."""
    faults.kill("backend")
    wired.intake.take("w", [an_alert("backend")], sent_by="am")
    (waiting,) = wired.due()
    wired.intake.take("w", [an_alert("backend", resolved=True)], sent_by="am")
    answer = heal(plain_steps(wired.healer), waiting).answer
    assert (answer.decision, answer.reason) == (Decision.ALREADY_HEALTHY, "the alert that raised this is over")
    assert count(empty, "healing_actions") == 0


def test_what_a_person_stopped_is_left_alone(wired: bootstrap.Estate, empty: Engine, estate: Estate) -> None:
    """An alert about it starts nothing."""
    control = estate.control()
    control.stop("orchestrator", timeout=timedelta(seconds=10))
    until("it is stopped", lambda: not control.process("orchestrator").running)
    wired.intake.take("w", [an_alert("orchestrator")], sent_by="am")
    (result,) = dispatched(wired)
    assert (result.answer.decision, count(empty, "healing_actions")) == (Decision.NOT_ALLOWED, 0)
    assert "stopped on request" in result.answer.reason


def test_a_dead_process_loses_no_trigger(wired: bootstrap.Estate) -> None:
    """Taken by a watcher that dies: another one gets it after a while, until admission has answered it."""
    wired.intake.take("w", [an_alert("frontend")], sent_by="am")
    raised = RaisedTriggers(wired.engine)
    taken = raised.due(limit=9, pause=timedelta(0))
    assert taken == raised.due(limit=9, pause=timedelta(0))
    heal(plain_steps(wired.healer), taken[0])
    assert raised.due(limit=9, pause=timedelta(0)) == []
