"""recovery-health-check and workflow-recovery as flows, on a real request file and a real broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from deliverable_fixtures import DeliverableBroker
from fakes import WIDE
from prefect_fixtures import Server
from request_files import HEAD, entry
from sqlalchemy import Engine, text
from workflow_values import a_workflow

from flows.recovery_health_check import recovery_health_check
from flows.workflow_recovery import workflow_recovery
from selfheal import bootstrap
from selfheal.model.request import RequestStatus
from selfheal.model.workflow import STATUS_OF
from selfheal.policy.evidence import MARGIN

STUCK, LOST = "REQ-STUCK-1", "REQ-LOST-1"


@pytest.fixture
def platform(  # noqa: PLR0917 - a fixture list is not an interface
    prefect_server: Server,
    broker: DeliverableBroker,
    empty: Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[bootstrap.Estate]:
    """One workflow that is stuck, and one that is escalated for a reason that no rule knows."""
    file, config = tmp_path / "OWNER_REQUESTS.md", tmp_path / "selfheal.toml"
    file.write_text(HEAD + entry(1, status="IN_PROGRESS", name=STUCK) + entry(2, status="ESCALATED", name=LOST))
    wide = "".join(f"{name} = {value}\n" for name, value in WIDE.items())
    lines = {"request_file": str(file), **broker.settings(), "full_every": "1 h"}
    workflows = "".join(f'{name} = "{value}"\n' for name, value in lines.items())
    config.write_text(f'[healing]\nallow = ["workflows"]\nlease = 3\n{wide}\n[workflows]\n{workflows}')
    monkeypatch.setenv("SELFHEAL_CONFIG", str(config))
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    bootstrap.current.cache_clear()
    wired = bootstrap.current()
    _take_in(wired, empty)
    yield wired
    wired.close()
    bootstrap.current.cache_clear()


def _take_in(wired: bootstrap.Estate, engine: Engine) -> None:
    """Both are known, and nothing was heard of them for a while."""
    assert wired.recovery is not None
    for name, status in ((STUCK, "IN_PROGRESS"), (LOST, "ESCALATED")):
        now = wired.healer.clock.now() + MARGIN
        row = a_workflow(
            name, status=STATUS_OF[RequestStatus(status)], file_status=status, updated_at=now, under_way_since=now
        )
        assert wired.recovery.states.create(row, who="the test", why="begun")
    with engine.begin() as connection:
        moved = "started_at = now() - interval '3 hours', updated_at = now() - interval '3 hours'"
        connection.execute(text(f"UPDATE workflow_state SET {moved}"))  # noqa: S608 - written above


def test_a_check_recovers_and_shows(prefect_server: Server, platform: bootstrap.Estate) -> None:
    """A dry run tells and changes nothing; the run recovers, counts orphans, and leaves a table and a level."""
    told = recovery_health_check(dry_run=True, return_state=True)
    assert told.name == "DryRun"
    assert told.message.startswith(f"{STUCK}: STUCK, would become PENDING at stage 0: nothing was heard of it")
    state = recovery_health_check(return_state=True)
    assert (state.name, "1 recovered" in state.message) == ("Healthy", True), state.message
    assert platform.recovery is not None
    latest = platform.recovery.book.latest()
    assert latest is not None
    assert (latest.full, latest.orphan_count, list(latest.recovered)) == (True, 0, [STUCK])
    artifacts = prefect_server.client.request("POST", "/artifacts/latest/filter", json={}).json()
    assert "workflow-health" in {one["key"] for one in artifacts}
    again = recovery_health_check(return_state=True)
    assert "0 recovered" in again.message


def test_one_is_recovered_by_a_persons_word(platform: bootstrap.Estate) -> None:
    """From the form: only this one, recorded with who and why; what is not stuck is refused with its reason."""
    state = recovery_health_check(workflow=STUCK, who="ada", why="it waits", return_state=True)
    assert state.name == "Healed", state.message
    refused = recovery_health_check(workflow=STUCK, who="ada", return_state=True)
    assert (refused.name, refused.message.split(";")[0]) == ("NotChecked", f"{STUCK} is not recovered: it is PENDING")
    assert platform.recovery is not None


def test_what_no_rule_fits_stays_escalated(platform: bootstrap.Estate) -> None:
    """The run says so, and a person is told."""
    state = workflow_recovery(return_state=True)
    assert (state.name, "1 that no rule fits" in state.message) == ("Recovered", True), state.message
    assert platform.outbox.unsent() == 1
