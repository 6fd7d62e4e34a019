"""Pre-emptive heals of a real supervised program that tells its memory: collect, then restart; or nothing at all."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import swelling_program
from estate_fixtures import until
from sqlalchemy import Engine, text
from swelling_program import Swelling
from test_dispatch_processes import wired
from uuid6 import uuid7

from benchmarks.free_ports import free_ports
from console import cli
from console.failure import WRONG_USAGE
from selfheal.bootstrap import Estate
from selfheal.model.admission import Decision
from selfheal.model.attempt import RollbackOutcome, Status, Verification
from selfheal.model.component import Component
from selfheal.model.observation import Health
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile

SOON = timedelta(seconds=1)
AUTO = {"mode": "auto"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swelling]:
    """One for all; each test begins by how much it has swollen."""
    with swelling_program.running(tmp_path_factory.mktemp("swelling"), tuple(free_ports(2))) as one:
        until("it has started", lambda: one.noted("started") > 0)
        yield one


def foretell(
    engine: Engine,
    *,
    rule: str = "MEMORY_PRESSURE",
    component: str = "swelling",
    value: float = 91,
    well_below: float = 85,
) -> UUID:
    """As predictive-health does."""
    known = {"id": uuid7(), "rule": rule, "component": component, "value": value, "well_below": well_below}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO predictions (id, rule, component, metric, value, threshold, well_below, why)"
                " VALUES (:id, :rule, :component, 'memory_percent', :value, 95, :well_below, 'its memory swells')"
            ),
            known,
        )
        connection.execute(
            text(
                "INSERT INTO raised_triggers (id, component, reason, trigger_type, source, priority)"
                " VALUES (:id, :component, 'its memory swells', :rule, 'predictive-health', 'MEDIUM')"
            ),
            known,
        )
    return UUID(str(known["id"]))


def healed(estate: Estate) -> Result:
    """What is due now, healed as the watcher does."""
    (trigger,) = estate.raised.due(limit=10, pause=SOON)
    return heal(plain_steps(estate.healer), trigger)


def one_of(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return connection.scalar(text(statement))


def component(estate: Estate) -> Component:
    return estate.healer.components["swelling"]


def test_what_collecting_gives_back_is_enough(program: Swelling, empty: Engine, database_url: str) -> None:
    """The metric is below its threshold again: healed, the prediction is over, and nothing is restarted."""
    program.swells(910, floor=300)
    starts, collected = program.noted("started"), program.noted("collected")
    with wired(program.settings(**AUTO), database_url) as estate:
        foretell(empty)
        result = healed(estate)
        assert result.outcome is not None, result
        assert result.outcome.verification is Verification.HEALED
        assert "memory_percent is 31.58, below 85" in result.outcome.message
        assert not estate.raised.due(limit=10, pause=SOON)
    assert (program.noted("started"), program.noted("collected")) == (starts, collected + 1)
    assert one_of(empty, "SELECT ended_at IS NOT NULL FROM predictions") is True


def test_what_collecting_leaves_is_restarted(program: Swelling, empty: Engine, database_url: str) -> None:
    """Healthy all the time, but not below memory_high after collecting: not healed, and the restart follows at once."""
    program.swells(910, floor=900)
    starts, collected = program.noted("started"), program.noted("collected")
    with wired(program.settings(**AUTO), database_url) as estate:
        foretell(empty)
        first = healed(estate)
        assert first.outcome is not None, first
        assert (first.outcome.status, first.outcome.verification) == (Status.FAILED, Verification.NOT_HEALED)
        assert "not below 85" in first.outcome.message
        assert first.outcome.rollback is not RollbackOutcome.DONE
        second = healed(estate)
        assert second.outcome is not None, second
        assert second.outcome.status is Status.SUCCESS
        assert not estate.faults.still_open()
        assert not estate.rates.rates(within=None)
    assert (program.noted("started"), program.noted("collected")) == (starts + 1, collected + 1)
    actions = "SELECT string_agg(action_name || ' ' || status, ', ' ORDER BY id) FROM healing_actions"
    assert one_of(empty, actions) == "collect-garbage FAILED, restart-service SUCCESS"
    assert one_of(empty, "SELECT string_agg(resolution, ' ') FROM faults") == "HEALED"


def test_a_breach_that_is_foretold_must_have_come_down(program: Swelling, empty: Engine, database_url: str) -> None:
    """Below its threshold it is all the time: what goes on as before is not healed."""
    program.swells(700, floor=700)
    with wired(program.settings(actions={"collect-garbage": "auto"}), database_url) as estate:
        foretell(empty, rule="BREACH_FORETOLD", value=70, well_below=70)
        result = healed(estate)
    assert result.outcome is not None, result
    assert result.outcome.verification is Verification.NOT_HEALED


@pytest.mark.parametrize("preempt", [{}, {"mode": "auto", "actions": {"collect-garbage": "observe"}}])
def test_a_healthy_one_near_its_limit_is_left_alone(
    program: Swelling, empty: Engine, database_url: str, preempt: dict[str, Any]
) -> None:
    """By the defaults nothing is done, whatever is foretold; without a prediction nothing is, whatever is allowed."""
    program.swells(940, floor=300)
    before = (program.noted("started"), program.noted("collected"))
    with wired(program.settings(**(preempt or {})), database_url) as estate:
        assert not estate.raised.due(limit=10, pause=SOON)
        assert estate.healer.observe(component(estate)).health is Health.HEALTHY
        if not preempt:
            foretell(empty)
            result = healed(estate)
            assert (result.answer.decision, "observe" in result.answer.reason) == (Decision.NOT_ALLOWED, True)
    assert (program.noted("started"), program.noted("collected")) == before
    assert one_of(empty, "SELECT count(*) FROM healing_actions") == 0
    assert one_of(empty, "SELECT count(*) FROM faults") == 0


def test_what_is_sick_by_now_is_no_pre_emptive_case(program: Swelling, empty: Engine, database_url: str) -> None:
    """It is left to the watcher, which heals it as any fault."""
    program.swells(990, floor=300)
    with wired(program.settings(**AUTO), database_url) as estate:
        foretell(empty)
        result = healed(estate)
    assert (result.answer.decision, "sick by now" in result.answer.reason) == (Decision.ALREADY_HEALING, True)
    assert one_of(empty, "SELECT count(*) FROM faults") == 0


def test_a_dry_run_tells_what_would_be_done(program: Swelling, empty: Engine, database_url: str) -> None:
    """And what would refuse it, by the words of predictions."""
    program.swells(910, floor=300)
    with wired(program.settings(), database_url) as estate:
        foretell(empty)
        (trigger,) = estate.raised.due(limit=10, pause=SOON)
        told = preview(estate.healer, trigger)
    assert told.decision == "NOT_ALLOWED"
    assert "collect-garbage is in mode observe before anything is sick" in told.reason
    assert "[prediction.preempt]" in told.reason
    assert one_of(empty, "SELECT count(*) FROM healing_triggers") == 0


def test_a_prediction_taken_back_before_the_act_touches_nothing(
    program: Swelling, empty: Engine, database_url: str
) -> None:
    """Admitted, claimed and prepared: the last look asks again."""
    program.swells(910, floor=300)
    collected = program.noted("collected")
    with wired(program.settings(**AUTO), database_url) as estate:
        prediction = foretell(empty)
        steps = plain_steps(estate.healer)
        (trigger,) = estate.raised.due(limit=10, pause=SOON)

        def prepared(attempt: Any) -> Any:
            with empty.begin() as connection:
                over = text("UPDATE predictions SET ended_at = now() WHERE id = :id")
                connection.execute(over, {"id": prediction})
            return steps.prepare(attempt)

        result = heal(replace(steps, prepare=prepared), trigger)
    assert result.outcome is not None, result
    assert "no longer holds" in result.outcome.message
    assert program.noted("collected") == collected
    assert one_of(empty, "SELECT act_started_at IS NULL FROM healing_actions") is True
    assert one_of(empty, "SELECT resolution FROM faults") == "RECOVERED"


@pytest.mark.parametrize(("place", "collected"), [("after-claim", 1), ("after-act", 1)])
def test_whose_healer_is_killed_is_settled_as_any(  # noqa: PLR0917 - fixtures
    program: Swelling, empty: Engine, database_url: str, tmp_path: Path, place: str, collected: int
) -> None:
    """Before its act it is carried out again; after it only what is seen decides. The effect is there once."""
    program.swells(910, floor=300)
    before = program.noted("collected")
    values = program.settings(**AUTO) | {"healing": {"allow": ["swelling"], "lease": "2 s"}}
    (tmp_path / "settings.json").write_text(json.dumps(values))
    foretell(empty)
    environment = os.environ | {"SELFHEAL_FAILPOINT": f"{place}:kill", "SELFHEAL_DATABASE_URL": database_url}
    command = [sys.executable, swelling_program.__file__, "heal", str(tmp_path / "settings.json")]
    died = subprocess.run(command, env=environment, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    with wired(values, database_url) as estate:
        if place == "after-act":  # the act is not over before its deadline; nobody waits for that here
            with empty.begin() as connection:
                connection.execute(text("UPDATE healing_actions SET act_deadline = now()"))
        steps, ends = plain_steps(estate.healer), time.monotonic() + 30
        while not (settled := reconcile(estate.healer, steps)) and time.monotonic() < ends:
            time.sleep(0.1)  # the lease of the dead ends on the database's clock
    assert [one.outcome is not None for one in settled] == [True], settled
    assert program.noted("collected") == before + collected
    assert one_of(empty, "SELECT count(*) FROM healing_actions WHERE completed_at IS NULL") == 0


def test_the_watcher_restarts_ahead_of_time_and_sees_no_outage(
    program: Swelling, empty: Engine, database_url: str
) -> None:
    """It takes what was raised; while the program is away for its restart no fault opens, and nothing else is done."""
    program.swells(910, floor=900)
    starts, values = program.noted("started"), program.settings(**AUTO)
    values |= {"watching": {"sweep": "500 ms", "strikes": 1}}
    with wired(values, database_url) as estate:
        watcher = estate.watcher(
            run_id=uuid7(),
            dispatch=lambda trigger: heal(plain_steps(estate.healer), trigger),
            reconcile=lambda: reconcile(estate.healer, plain_steps(estate.healer)),
        )
        thread = threading.Thread(target=watcher.run)
        thread.start()
        try:
            foretell(empty)
            done = "SELECT count(*) FROM healing_actions WHERE action_name = 'restart-service' AND success"
            until("it is restarted", lambda: one_of(empty, done) == 1, seconds=60)
        finally:
            watcher.stop()
            thread.join(timeout=60)
    assert program.noted("started") == starts + 1
    assert one_of(empty, "SELECT count(*) FROM faults WHERE prediction_id IS NULL") == 0
    assert one_of(empty, "SELECT count(*) FROM healing_actions") == 2
    assert one_of(empty, "SELECT count(*) FROM alert_outbox") == 0


def test_the_command_line_tells_what_would_be_done_for_a_prediction(  # noqa: PLR0917 - fixtures
    program: Swelling,
    empty: Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same decision as the watcher would get; nothing is recorded, and nothing but a dry run takes a prediction."""
    program.swells(910, floor=300)
    prediction = str(foretell(empty))
    lines = [f"{name} = {swelling_program.inline(one)}" for name, one in program.settings().items()]
    (tmp_path / "selfheal.toml").write_text("\n".join(lines))
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path))
    monkeypatch.setenv("SELFHEAL_CONFIG", str(tmp_path / "selfheal.toml"))
    words = ["heal", "swelling", "--prediction", prediction]
    assert cli.main([*words, "--dry-run", "-o", "json"]) == 1
    assert "collect-garbage is in mode observe before anything is sick" in capsys.readouterr().out
    assert cli.main(words) == WRONG_USAGE
    assert "--prediction needs --dry-run" in capsys.readouterr().err
    assert cli.main([*words[:3], str(uuid7()), "--dry-run"]) == WRONG_USAGE
    assert one_of(empty, "SELECT count(*) FROM healing_triggers") == 0
