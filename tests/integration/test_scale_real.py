"""scale by a component's own commands: real workers of a supervisord, and healers that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import replica_program
import swelling_program
from estate_fixtures import until
from fakes import NOON
from person_fixtures import Issue
from replica_program import Workers
from sqlalchemy import Engine, text
from test_dispatch_processes import wired
from test_preempting_real import foretell, healed, one_of
from uuid6 import uuid7

from benchmarks.free_ports import free_ports
from selfheal.bootstrap import Estate
from selfheal.model.admission import Decision
from selfheal.model.attempt import RollbackOutcome, Status, Verification
from selfheal.model.errors import Declined
from selfheal.model.identity import Door, Role
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.protocol.dry_run import preview
from selfheal.protocol.heal import Result, heal
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile
from selfheal.store.approvals import Approvals

LONG = frozenset({"after-prepare", "after-roll-back"})
"""Places that a shorter test covers too."""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """One set for all; each test begins by how many run."""
    with replica_program.running(tmp_path_factory.mktemp("workers"), tuple(free_ports(2))) as one:
        until("its supervisor answers", lambda: _answers(one))
        yield one


def _answers(workers: Workers) -> bool:
    try:
        return workers.number == 0
    except OSError:
        return False


def sick(action: str = "") -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.MEMORY_HIGH,
        component="workers",
        action=action,
        source=Source.WATCHER,
        priority=Priority.HIGH,
        reason="it uses too much memory",
        detected_at=NOON,
    )


def scaled(estate: Estate) -> Result:
    return heal(plain_steps(estate.healer), sick())


def test_one_more_shares_the_load_that_was_foretold(workers: Workers, empty: Engine, database_url: str) -> None:
    """Healthy, at 91 % each: one more runs, the metric is below, the prediction is over."""
    workers.begin(2, load=1820)
    with wired(workers.settings(), database_url) as estate:
        foretell(empty, component="workers")
        result = healed(estate)
        assert result.outcome is not None, result
        assert result.outcome.verification is Verification.HEALED, result.message
        assert "from 2 to 3 replicas" in result.message
        assert not estate.raised.due(limit=10, pause=estate.healer.components["workers"].probe_timeout)
    assert (workers.number, workers.ledger) == (3, ["3"])
    assert one_of(empty, "SELECT ended_at IS NOT NULL FROM predictions") is True


def test_what_is_foretold_is_the_next_rungs_where_it_did_not_help(
    workers: Workers, empty: Engine, database_url: str
) -> None:
    """Not below afterwards: not healed; the replicas stay, since more of them do no harm."""
    workers.begin(2, load=1890)
    values = workers.settings()
    with wired(values, database_url) as estate:
        foretell(empty, component="workers", value=94, well_below=60)
        result = healed(estate)
    assert result.outcome is not None, result
    assert (result.outcome.verification, "not below 60" in result.message) == (Verification.NOT_HEALED, True)
    assert result.outcome.rollback is RollbackOutcome.NOT_NEEDED
    assert (workers.number, workers.ledger) == (3, ["3"])


def test_what_does_not_help_a_sick_one_goes_back_once(workers: Workers, empty: Engine, database_url: str) -> None:
    """Still sick with three: two again."""
    workers.begin(2, load=6000)
    with wired(workers.settings(), database_url) as estate:
        result = scaled(estate)
    assert result.outcome is not None, result
    assert (result.outcome.status, result.outcome.rollback) == (Status.ROLLED_BACK, RollbackOutcome.DONE)
    assert "back to 2 replicas" in result.message
    assert (workers.number, workers.ledger) == (2, ["3", "2"])


def test_a_command_that_fails_changes_nothing_and_says_why(workers: Workers, empty: Engine, database_url: str) -> None:
    """Not healed; there is nothing to go back from."""
    workers.begin(2, load=2400, trouble="fails")
    with wired(workers.settings(), database_url) as estate:
        result = scaled(estate)
    assert result.outcome is not None, result
    assert (result.outcome.verification, result.outcome.rollback) == (
        Verification.NOT_HEALED,
        RollbackOutcome.NOT_NEEDED,
    )
    assert "ended with 1: no room for one more" in result.message
    assert (workers.number, workers.ledger) == (2, ["3"])


def test_a_command_that_lies_while_the_target_gets_well_heals_nothing(
    workers: Workers, empty: Engine, database_url: str
) -> None:
    """It is well by itself afterwards, and two run: not what was to be brought about."""
    workers.begin(2, load=1820, trouble="lies")
    with wired(workers.settings(), database_url) as estate:
        foretell(empty, component="workers", value=94, well_below=93)
        result = healed(estate)
    assert result.outcome is not None, result
    assert result.outcome.verification is Verification.NOT_HEALED
    assert "its replicas are 2, not 3" in result.message


def test_a_command_that_does_not_end_is_ended_and_what_it_did_counts(
    workers: Workers, empty: Engine, database_url: str
) -> None:
    """Three run and share the load: healed, and the message says that the command was ended."""
    workers.begin(2, load=2400, trouble="slow")
    values = workers.settings()
    values["components"]["workers"]["scale"] |= {"timeout": "2 s"}
    with wired(values, database_url) as estate:
        result = scaled(estate)
    assert result.outcome is not None, result
    assert (result.outcome.verification, "it was ended" in result.message) == (Verification.HEALED, True)
    assert workers.number == 3


def test_at_its_most_nothing_is_done_and_nobody_is_asked(workers: Workers, empty: Engine, database_url: str) -> None:
    """In mode auto an attempt that touched nothing; in mode approve a refusal that says why, and no question."""
    workers.begin(3, load=6000)
    with wired(workers.settings(), database_url) as estate:
        result = scaled(estate)
        assert result.outcome is not None, result
        assert "runs 3 replicas, and at most 3 are allowed" in result.message
        with pytest.raises(Declined, match="at most 3"):
            preview(estate.healer, sick())
    assert one_of(empty, "SELECT act_started_at IS NULL FROM healing_actions") is True
    with wired(workers.settings() | {"actions": {}}, database_url) as estate:
        answer = scaled(estate).answer
    assert (answer.decision, "at most 3 are allowed" in answer.reason) == (Decision.NO_ACTION, True)
    assert one_of(empty, "SELECT count(*) FROM approvals") == 0
    assert workers.ledger == []


def test_it_asks_a_person_unless_the_settings_say_otherwise(workers: Workers, empty: Engine, database_url: str) -> None:
    """Also for what is foretold, however far that may go; the question tells from which number to which."""
    workers.begin(2, load=1820)
    with wired(workers.settings() | {"actions": {}}, database_url) as estate:
        foretell(empty, component="workers")
        answer = healed(estate).answer
    assert answer.decision is Decision.AWAITING_APPROVAL, answer
    assert "bring workers from 2 to 3 replicas (at most 3)" in str(one_of(empty, "SELECT preview FROM approvals"))
    assert (workers.number, workers.ledger) == (2, [])


def test_a_persons_word_holds_for_the_numbers_that_they_saw(
    workers: Workers, empty: Engine, database_url: str, api_engine: Engine, issued: Issue
) -> None:
    """One more runs by the time that it is used: it is asked again, from there; then it is done."""
    workers.begin(1, load=2400)
    approvals, (_, grace) = Approvals(api_engine), issued("grace", Role.APPROVER)
    with wired(workers.settings() | {"actions": {}}, database_url) as estate:

        def approved() -> Result:
            (asked,) = approvals.newest(limit=5, ended=False)
            seen = {"why": "seen", "fingerprint": asked.fingerprint}
            approvals.answer(asked.id, approve=True, identity=grace, door=Door.API, **seen)
            (trigger,) = estate.due()
            return heal(plain_steps(estate.healer), trigger)

        assert scaled(estate).name == "AwaitingApproval"
        workers.begin(2, load=2400)
        assert approved().name == "AwaitingApproval"
        assert workers.ledger == []
        assert approved().name == "Healed"
    assert (workers.number, workers.ledger) == (3, ["3"])


def test_a_dry_run_counts_and_changes_nothing(workers: Workers, empty: Engine, database_url: str) -> None:
    """It tells both numbers and the command."""
    workers.begin(1, load=2400)
    with wired(workers.settings(), database_url) as estate:
        told = preview(estate.healer, sick("scale"))
    assert told.decision == "ADMITTED", told
    (step,) = told.steps
    assert step.startswith("bring workers from 1 to 2 replicas (at most 3) by `")
    assert (workers.number, workers.ledger) == (1, [])


@pytest.mark.parametrize(
    ("place", "load", "ledger", "number", "status"),
    [
        ("after-prepare", 2400, ["3"], 3, "SUCCESS"),
        ("before-act", 2400, [], 2, "FAILED"),
        ("after-act", 2400, ["3"], 3, "SUCCESS"),
        ("before-roll-back", 6000, ["3", "2"], 2, "ROLLED_BACK"),
        ("after-roll-back", 6000, ["3", "2"], 2, "ROLLED_BACK"),
    ],
)
def test_whose_healer_is_killed_is_settled_by_what_is_seen(  # noqa: PLR0917 - fixtures
    workers: Workers,
    empty: Engine,
    database_url: str,
    tmp_path: Path,
    place: str,
    load: float,
    ledger: list[str],
    number: int,
    status: str,
    request: pytest.FixtureRequest,
) -> None:
    """Before the act it is done, once it is announced never again, and the way back is gone to its end."""
    if place in LONG:
        request.getfixturevalue("campaign")
    workers.begin(2, load=load)
    values = workers.settings()
    values["healing"] |= {"lease": "2 s"}
    raise_sick(empty)
    died = killed_at(place, values, database_url, tmp_path)
    assert died.returncode == -signal.SIGKILL
    settled = settle(values, database_url, empty)
    assert [one.outcome is not None for one in settled] == [True], settled
    assert (workers.number, workers.ledger) == (number, ledger)
    assert one_of(empty, "SELECT string_agg(status, ' ') FROM healing_actions") == status


def raise_sick(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO raised_triggers (id, component, reason, trigger_type, source, priority)"
                " VALUES (:id, 'workers', 'it uses too much', 'MEMORY_HIGH', 'watcher', 'HIGH')"
            ),
            {"id": uuid7()},
        )


def killed_at(
    place: str, values: Mapping[str, Any], database_url: str, folder: Path
) -> subprocess.CompletedProcess[bytes]:
    """A healer of its own takes what is raised, and dies there."""
    (folder / "settings.json").write_text(json.dumps(values))
    environment = os.environ | {"SELFHEAL_FAILPOINT": f"{place}:kill", "SELFHEAL_DATABASE_URL": database_url}
    command = [sys.executable, swelling_program.__file__, "heal", str(folder / "settings.json")]
    return subprocess.run(command, env=environment, check=False, timeout=60)


def settle(values: dict[str, Any], database_url: str, engine: Engine) -> Any:
    """As reconcile does, when the lease of the dead is over; its act is over at once, nobody waits for that here."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE healing_actions SET act_deadline = now() WHERE act_deadline IS NOT NULL"))
    with wired(values, database_url) as estate:
        steps, ends = plain_steps(estate.healer), time.monotonic() + 30
        while not (settled := reconcile(estate.healer, steps)) and time.monotonic() < ends:
            time.sleep(0.1)  # the lease of the dead ends on the database's clock
    return settled
