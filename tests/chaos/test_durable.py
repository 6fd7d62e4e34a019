"""Kill -9 of Postgres right after admission has answered: what was answered is there afterwards.

The writer of its log is stopped, so that only what somebody waits for reaches the disk.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from admission_desk import SECOND, WIDE, Desk
from embedded_fixtures import scratch_folder
from sqlalchemy import text

from benchmarks.chaos import stack as stacks
from benchmarks.chaos.stack import Stack
from benchmarks.freezing import freeze
from selfheal.model.admission import Decision
from selfheal.store import heals
from selfheal.store.engine import open_engine

AT_ONCE = 4
WRITER = b"SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"
HALF_OPEN = b"""INSERT INTO circuit_breaker_state (component, state, generation, open_until)
    VALUES ('heal:restore-nats-connection', 'HALF_OPEN', 2, now() - interval '1 min')
    ON CONFLICT (component) DO UPDATE SET permits = '{}'"""
KEPT = b"SELECT count(*) FROM healing_actions WHERE id = ANY (%s)"
REFUSED = b"SELECT coalesce(sum(occurrences), 0) FROM healing_triggers WHERE decision = 'ALREADY_HEALING'"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A Postgres that may be killed."""
    with scratch_folder() as folder:
        folder.mkdir(mode=0o755)
        with stacks.running(folder, prefect=False, nats=False) as stack:
            yield stack


def lost(stack: Stack, turn: str) -> int:
    """Several are answered, one of them as a probe of a breaker and one with a refusal; then Postgres is killed.

    How many of the answers are not there when it is back.
    """
    with stack.connect() as connection:
        connection.execute(HALF_OPEN)
        refused = connection.execute(REFUSED).fetchone()
        freeze(connection.execute(WRITER).fetchone()[0])  # type: ignore[index]
    desk = Desk(engine=open_engine(stack.environment["SELFHEAL_DATABASE_URL"]), limits=WIDE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [*pool.map(lambda number: desk.ask(f"{turn}-{number}"), range(AT_ONCE))]
        answers += [desk.ask(f"{turn}-probe", rungs=(SECOND,))]
        last = desk.ask(f"{turn}-0")
    stack.postgres.kill()
    desk.engine.dispose()
    assert [one.decision for one in answers] == [Decision.ADMITTED] * (AT_ONCE + 1)
    assert last.decision is Decision.ALREADY_HEALING
    stack.postgres.begin()
    with stack.connect() as connection:
        kept = connection.execute(KEPT, [[one.attempt_id for one in answers]]).fetchone()
        counted = connection.execute(REFUSED).fetchone()
    return len(answers) - kept[0] + 1 - (counted[0] - refused[0])  # type: ignore[index]


def test_no_answer_is_lost(stack: Stack, request: pytest.FixtureRequest) -> None:
    """Twice; with `--campaign` fifty times."""
    times = 50 if request.config.getoption("--campaign") else 2
    assert [lost(stack, f"kept{turn}") for turn in range(times)] == [0] * times


def test_without_the_wait_for_the_disk_answers_are_lost(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: admission alone leaves its answer in the memory of Postgres."""
    monkeypatch.setattr(heals, "_MAKE_DURABLE", text("SELECT 1"))
    assert any(lost(stack, f"lost{turn}") for turn in range(3))
