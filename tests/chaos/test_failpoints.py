"""A healer that is killed, or frozen past its lease, at every named place of a heal.

Each case has a target and a healer process of its own; this process runs the reconcile turns, as a watcher that
survived would. Starts are counted from supervisord's own log and outcomes by a trigger in the database: neither
is ours to write.
"""

import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from chaos_estate import AUDIT, TURN_S, Targets, targets, until
from embedded_fixtures import Embedded
from sqlalchemy import Engine, Row, text

from selfheal.model.page import Slice
from selfheal.model.report import AttemptFilter, HistoryLine
from selfheal.protocol.failpoint import NAMES
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile
from selfheal.store.reading.attempts import Attempts

EVERY_SEED = (1, 2, 3)
SHARPEST_SEED = (2,)  # up but dead, and thawed while the successor verifies
ROLLING_BACK = {"before-roll-back", "after-roll-back"}
SETTLED_WITHIN_S = 60  # lease or act deadline (3 s), 2 turns of 1 s, one heal, and a busy machine
AT_ONCE = 6

_STANDS = text(
    """SELECT (holder ->> 'pid')::int AS pid, phase, completed_at FROM healing_actions
       WHERE target_component = :case ORDER BY created_at LIMIT 1"""
)

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("campaign")]  # by default one column of test_matrix.py


def never_healthy(case: str) -> bool:
    """Whether the case needs a target that no restart heals, since it breaks off a rollback."""
    return case.rpartition(".")[0] in ROLLING_BACK


@pytest.fixture
def broken(
    request: pytest.FixtureRequest, empty: Engine, embedded_postgres: Embedded, database_url: str, tmp_path: Path
) -> Iterator[Targets]:
    """One target per place and seed, each broken in a way that its seed draws: killed, or up but dead.

    With `--campaign` every test has every seed.
    """
    seeds = EVERY_SEED if request.config.getoption("--campaign") else SHARPEST_SEED
    cases = [f"{place}.{seed}" for place in NAMES for seed in seeds]
    with psycopg.connect(embedded_postgres.servers.postgres.superuser_dsn(), dbname="selfheal") as owner:
        owner.execute(AUDIT)
    sick = set(filter(never_healthy, cases))
    with targets(tmp_path, cases, never_healthy=sick, database=empty, database_url=database_url) as all_targets:
        for case in cases:
            seed = int(case.rpartition(".")[2])
            drawn = random.Random(case).choice([all_targets.kill, all_targets.hang])  # noqa: S311 - no secret
            {1: all_targets.kill, 2: all_targets.hang}.get(seed, drawn)(case)
        yield all_targets


@contextmanager
def turns(broken: Targets) -> Iterator[None]:
    """Reconcile every second, as a watcher does every 30 s."""
    estate, stop = broken.estate(), threading.Event()

    def run() -> None:
        while not stop.wait(TURN_S):
            reconcile(estate.healer, plain_steps(estate.healer))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        estate.close()


def rows(broken: Targets, case: str) -> list[HistoryLine]:
    """All attempts on the case's target."""
    return list(Attempts(broken.database).page(Slice(limit=20), AttemptFilter(component=case)).items)


def run_all(broken: Targets, way: str, options: tuple[str, ...] = ()) -> dict[str, subprocess.Popen[bytes]]:
    """Start every case's healer and wait until each has met its failpoint."""

    def one(case: str) -> subprocess.Popen[bytes]:
        healer = broken.healer(case, failpoint=f"{case.rpartition('.')[0]}:{way}", options=options)
        until(lambda: _met(healer, way), seconds=60, what=f"{case} meets its failpoint")
        return healer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(broken.ports, pool.map(one, broken.ports), strict=True))


def _met(healer: subprocess.Popen[bytes], way: str) -> bool:
    """Whether the healer was killed, is stopped, or has ended without meeting its failpoint."""
    if way == "kill":
        return healer.poll() is not None
    state = Path(f"/proc/{healer.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state in "TZ"


def settled(broken: Targets, case: str) -> list[HistoryLine]:
    """The case's attempts once all of them are finished."""
    until(
        lambda: all(row.completed_at for row in rows(broken, case)) and bool(rows(broken, case)),
        seconds=SETTLED_WITHIN_S,
        what=f"{case} is settled",
    )
    return rows(broken, case)


def heal_again(broken: Targets, case: str) -> None:
    """What the next sweep of a watcher does with a target that is still sick: a new trigger, a new attempt."""
    if not broken.healthy(case):
        broken.healer(case).wait(timeout=60)
        assert broken.said(case) == {"decision": "ADMITTED", "ended": "SUCCESS"}, case


def violations(broken: Targets, case: str) -> list[str]:
    """What the case's rows and its ledger say against the promise."""
    done = rows(broken, case)
    found = [f"{row.attempt_id} is {row.status}" for row in done if row.completed_at is None]
    restarts, unknown = broken.starts(case) - 1, any(row.verification == "UNKNOWN" for row in done)
    allowed = len(done) if never_healthy(case) or unknown else 1
    if restarts > allowed:
        found.append(f"{restarts} restarts in {len(done)} attempts")
    if any(row.status == "SUCCESS" and row.verification != "HEALED" for row in done):
        found.append("a success without a verified effect")
    if any(count != 1 for count in broken.outcomes(case)):
        found.append(f"outcomes written {broken.outcomes(case)} times")
    if any(row.rollback is None for row in done if row.completed_at):
        found.append("no rollback outcome")
    if not never_healthy(case) and not broken.healthy(case):
        found.append("still sick")
    return [f"{case}: {one}" for one in found]


def check(broken: Targets) -> list[str]:
    """Wait until every case is settled, heal what is still sick, and give all violations."""
    for case in broken.ports:
        settled(broken, case)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda case: None if never_healthy(case) else heal_again(broken, case), broken.ports))
    return [one for case in broken.ports for one in violations(broken, case)]


def thaw(healers: dict[str, subprocess.Popen[bytes]]) -> None:
    """Let every frozen healer go on, and wait until it has ended."""
    for healer in healers.values():
        if healer.poll() is None:
            healer.send_signal(signal.SIGCONT)
    for healer in healers.values():
        healer.wait(timeout=60)


def test_a_killed_healer_leaves_one_outcome_and_one_restart(broken: Targets) -> None:
    """Killed at any place, in three ways each: every attempt is settled, and no target is restarted twice."""
    with turns(broken):
        healers = run_all(broken, "kill")
        assert [case for case, healer in healers.items() if healer.returncode != -signal.SIGKILL] == []
        assert check(broken) == []


def test_a_frozen_healer_is_ended_by_its_successor(broken: Targets) -> None:
    """Frozen past its lease at any place: the taker-over kills it first, and nothing happens twice."""
    with turns(broken):
        healers = run_all(broken, "freeze")
        found = check(broken)
        thaw(healers)
        assert found + [one for case in broken.ports for one in violations(broken, case)] == []
    finished = {case for case, healer in healers.items() if healer.returncode != -signal.SIGKILL}
    assert {case.rpartition(".")[0] for case in finished} <= {"after-admit", "after-record"}  # these held nothing


def test_a_frozen_healer_elsewhere_stands_down_by_its_fence(broken: Targets) -> None:
    """Without the kill, as from another host, the fence holds; before the call, the act's own last look does."""
    assert frozen_elsewhere(broken) == []


def test_the_campaign_sees_a_missing_fence(broken: Targets) -> None:
    """The same campaign with the fence taken out of the healers finds outcomes that were written twice."""
    assert [one for one in frozen_elsewhere(broken, "--no-fence") if "outcomes written" in one] != []


def test_the_campaign_sees_an_act_without_its_last_look(broken: Targets) -> None:
    """With the fence and the act's last look both taken out it finds targets that were restarted twice."""
    assert [one for one in frozen_elsewhere(broken, "--no-fence", "--no-look") if "restarts" in one] != []


def frozen_elsewhere(broken: Targets, *mutant: str) -> list[str]:
    """Freeze each healer past its lease, thaw it while or after another holder heals, and give all violations.

    Its seed draws the moment: just taken over; the other verifies (the row is RUNNING under a fresh lease and the
    target was restarted, so that only the fence tells the two holders apart); or all is settled.
    """

    def one(case: str) -> subprocess.Popen[bytes]:
        place = case.rpartition(".")[0]
        healer = broken.healer(case, failpoint=f"{place}:freeze", options=("--elsewhere", *mutant))
        until(lambda: _met(healer, "freeze"), seconds=60, what=f"{case} meets its failpoint")
        come = MOMENTS[int(case.rpartition(".")[2])]
        until(lambda: come(now(broken, case), healer.pid), seconds=SETTLED_WITHIN_S, what=f"{case} is taken over")
        healer.send_signal(signal.SIGCONT)
        return healer

    with turns(broken), ThreadPoolExecutor(AT_ONCE) as pool:
        healers = dict(zip(broken.ports, pool.map(one, broken.ports), strict=True))
        thaw(healers)
        return check(broken)


def now(broken: Targets, case: str) -> Row[Any]:
    """How the case's first attempt stands."""
    with broken.database.connect() as connection:
        row = connection.execute(_STANDS, {"case": case}).one_or_none()
    assert row is not None, f"{case} was not admitted; its healer said {(broken.folder / f'{case}.healer').read_text()}"
    return row


def taken_over(row: Row[Any], frozen: int) -> bool:
    """Whether another process holds the attempt, or there is nothing left to take over."""
    return row.completed_at is not None or (row.pid is not None and row.pid != frozen)


MOMENTS: dict[int, Callable[[Row[Any], int], bool]] = {
    1: taken_over,
    2: lambda row, frozen: taken_over(row, frozen) and (row.completed_at is not None or row.phase == "verifying"),
    3: lambda row, _: row.completed_at is not None,
}
