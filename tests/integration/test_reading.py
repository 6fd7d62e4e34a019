"""What people read: pages by keyset, filters, batches, one fault's story, and how the whole stands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from admission_desk import FAILED, HEALED, Desk
from sqlalchemy import Engine, event, text

from selfheal.model.admission import Decision, Refusal
from selfheal.model.attempt import Status, Verification
from selfheal.model.breaker import BreakerDeed
from selfheal.model.breaker_event import Event
from selfheal.model.errors import Permanent
from selfheal.model.health import ComponentHealth, HealthStatus
from selfheal.model.page import Cursor, Page, Slice
from selfheal.model.report import AttemptFilter, FaultFilter, FaultState, HistoryLine
from selfheal.store.breakers import Breakers
from selfheal.store.health import HealthHistory
from selfheal.store.reading.attempts import Attempts
from selfheal.store.reading.faults import Faults
from selfheal.store.reading.standing import Standings

Desks = Callable[..., Desk]
FILL = """
    WITH f AS (INSERT INTO faults (target_key, component, trigger_type, detected_at, closed_at, resolution)
               SELECT 'supervisor/demo/c' || n, 'c' || n, 'SERVICE_DOWN', :first + n / 3 * interval '1 second',
                      now(), 'RECOVERED' FROM generate_series(CAST(:low AS int), :high) n
               RETURNING id, target_key, component, detected_at)
    INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status, success,
                                 completed_at, fault_id, trigger_id, created_at)
    SELECT 'SERVICE_DOWN', 'RESTART_SERVICE', 'restart-service', component, target_key, 'FAILED', false, now(), id,
           gen_random_uuid(), detected_at FROM f
"""
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def many(owner_engine: Engine) -> Engine:
    """Forty attempts; always three of them were admitted at the same moment."""
    fill(owner_engine, 1, 40)
    return owner_engine


def fill(engine: Engine, low: int, high: int) -> None:
    with engine.begin() as connection:
        connection.execute(text(FILL), {"low": low, "high": high, "first": FIRST})


def everything(engine: Engine) -> list[UUID]:
    """All attempts, the newest first, as the database sorts them."""
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT id FROM healing_actions ORDER BY created_at DESC, id DESC")))


def ids(page: Page[HistoryLine]) -> list[UUID]:
    return [line.attempt_id for line in page.items]


@pytest.mark.parametrize("limit", [1, 2, 7, 39, 40, 41])
def test_pages_give_every_row_once(many: Engine, limit: int) -> None:
    """Going older page by page gives every row once and in order, also those with equal times; going newer the same."""
    attempts, wanted = Attempts(many), everything(many)
    page = attempts.page(Slice(limit=limit))
    assert page.newer is None
    pages = [ids(page)]
    while page.older is not None:
        page = attempts.page(Slice(limit=limit, older_than=page.older))
        pages.append(ids(page))
    assert [one for found in pages for one in found] == wanted
    back = [pages[-1]]
    while page.newer is not None:
        page = attempts.page(Slice(limit=limit, newer_than=page.newer))
        back.append(ids(page))
    assert back == pages[::-1]


def test_rows_that_are_added_meanwhile_repeat_nothing_and_hide_nothing(many: Engine) -> None:
    """While newer attempts arrive between two pages, each that was there at the beginning comes exactly once."""
    attempts, wanted = Attempts(many), everything(many)
    page = attempts.page(Slice(limit=6))
    seen = ids(page)
    for n in range(100):
        fill(many, 1000 + 10 * n, 1005 + 10 * n)
        if page.older is None:
            break
        page = attempts.page(Slice(limit=6, older_than=page.older))
        seen += ids(page)
    assert seen == wanted
    assert page.newer is not None
    assert ids(attempts.page(Slice(limit=6, newer_than=page.newer))) == wanted[-10:-4]


def test_nothing_newer_is_the_newest_page(many: Engine) -> None:
    """Asking for what is newer than the newest row gives the newest page."""
    attempts = Attempts(many)
    page = attempts.page(Slice(limit=5))
    newest = Cursor(at=page.items[0].created_at, id=page.items[0].attempt_id)
    assert attempts.page(Slice(limit=5, newer_than=newest)) == page


def test_a_cursor_survives_as_text(many: Engine) -> None:
    """A cursor is URL-safe text, exact to the microsecond, and the same place again."""
    cursor = Cursor(at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), id=uuid4())
    assert Cursor.of(str(cursor)) == cursor
    assert set(str(cursor)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("words", ["", "x", "é" * 32, "A" * 31, "A" * 36, "/" * 32, "f" * 32, "' OR 1=1 --"])
def test_a_wrong_cursor_is_told(words: str) -> None:
    """What is no cursor of ours is refused with words, whatever it is."""
    with pytest.raises(Permanent, match="is no cursor of ours"):
        Cursor.of(words)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_page_is_bounded(limit: int) -> None:
    """Nobody gets no rows, or all of them."""
    with pytest.raises(Permanent, match="a page has"):
        Slice(limit=limit)


# -- filters


@pytest.fixture
def told(desk: Desks) -> Desk:
    """A failed, a healed and an unfinished attempt of three components, one long ago, and a breaker that was forced."""
    one = desk(per_action=99)
    one.past("backend", timedelta(hours=30), FAILED)
    one.end(one.ask("frontend"), HEALED)
    one.ask("broker")
    Breakers(one.engine).decide("heal:restart-service", BreakerDeed.OPEN, who="anna", why="it does harm")
    return one


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (AttemptFilter(), ["broker", "frontend", "backend"]),
        (AttemptFilter(transitions=True), ["heal:restart-service", "broker", "frontend", "backend"]),
        (AttemptFilter(status=Status.SUCCESS), ["frontend"]),
        (AttemptFilter(status=Status.PENDING), ["broker"]),
        (AttemptFilter(verification=Verification.NOT_HEALED), ["backend"]),
        (AttemptFilter(action_type="RESTART_SERVICE"), ["broker", "frontend", "backend"]),
        (AttemptFilter(action_type="BREAKER_TRANSITION", transitions=True), ["heal:restart-service"]),
        (AttemptFilter(action_type="NO_SUCH"), []),
        (AttemptFilter(component="backend"), ["backend"]),
        (AttemptFilter(component="' OR true --"), []),
        (AttemptFilter(since=datetime.now(UTC) - timedelta(hours=24)), ["broker", "frontend"]),
        (AttemptFilter(until=datetime.now(UTC) - timedelta(hours=24)), ["backend"]),
        (AttemptFilter(status=Status.FAILED, component="frontend"), []),
    ],
)
def test_attempts_by_what_is_wanted(told: Desk, only: AttemptFilter, found: list[str]) -> None:
    """Each filter by itself and together; transitions only on demand."""
    assert [line.component for line in Attempts(told.engine).page(Slice(), only).items] == found


def test_attempts_of_one_fault(told: Desk) -> None:
    """By the fault's id, which every attempt names and no transition does."""
    attempts = Attempts(told.engine)
    lines = attempts.page(Slice(), AttemptFilter(transitions=True)).items
    assert lines[0].fault_id is None
    for line in lines[1:]:
        assert attempts.page(Slice(), AttemptFilter(fault=line.fault_id)).items == [line]
    assert attempts.one(lines[0].attempt_id) == lines[0]
    assert attempts.one(uuid4()) is None


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (FaultFilter(), ["storage", "broker", "frontend", "backend"]),
        (FaultFilter(state=FaultState.OPEN), ["storage", "broker", "backend"]),
        (FaultFilter(state=FaultState.NEEDS_PERSON), ["storage"]),
        (FaultFilter(state=FaultState.CLOSED), ["frontend"]),
        (FaultFilter(component="broker"), ["broker"]),
        (FaultFilter(since=datetime.now(UTC) - timedelta(hours=24)), ["storage", "broker", "frontend"]),
        (FaultFilter(until=datetime.now(UTC) - timedelta(hours=24)), ["backend"]),
    ],
)
def test_faults_by_what_is_wanted(told: Desk, only: FaultFilter, found: list[str]) -> None:
    """Open, a person's, closed, of a component, of a time."""
    told.sick("storage")
    told.do("UPDATE faults SET needs_person = 'look at it' WHERE component = 'storage'")
    assert [line.component for line in Faults(told.engine).page(Slice(), only).items] == found


# -- batches


def statements(engine: Engine, do: Callable[[], object]) -> int:
    """How many statements it takes."""
    seen: list[Event] = []
    note = lambda *found: seen.append(found[2])  # noqa: E731 - a listener is compared by identity
    event.listen(engine, "before_cursor_execute", note)
    do()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_batches_take_one_statement(told: Desk) -> None:
    """Attempts of many faults, and faults of many attempts: one statement each, whatever there is."""
    attempts, faults = Attempts(told.engine), Faults(told.engine)
    known = [line.id for line in faults.page(Slice()).items]
    asked = [*known, uuid4()]
    assert statements(told.engine, lambda: attempts.of_faults(asked)) == 1
    assert statements(told.engine, lambda: faults.by_ids(asked)) == 1
    found = attempts.of_faults(asked)
    assert {one: [line.fault_id for line in lines] for one, lines in found.items()} == {
        **{one: [one] for one in known},
        asked[-1]: [],
    }
    assert set(faults.by_ids(asked)) == set(known)
    assert attempts.of_faults([]) == {}


# -- one fault


def test_the_story_of_a_fault(desk: Desks) -> None:
    """A fault's story has its refusals counted, its attempts with what was seen, and nothing of other faults."""
    one = desk()
    refused = Refusal(decision=Decision.NOT_ALLOWED, reason="not on the list")
    for _ in range(3):
        fault = one.ask("backend", refusal=refused).fault_id
    one.sick("frontend")
    admitted = one.ask("backend")
    one.end(admitted, HEALED)
    run = uuid4()
    with one.engine.begin() as connection:
        noted = "UPDATE healing_actions SET metadata = metadata || jsonb_build_object('flow_run', CAST(:run AS text))"
        connection.execute(text(noted), {"run": str(run)})
    assert fault is not None
    story = Faults(one.engine).story(fault)
    assert story is not None
    assert (story.fault.component, story.fault.state, story.fault.resolution) == ("backend", "CLOSED", "HEALED")
    assert [(line.decision, line.occurrences) for line in story.refusals] == [("NOT_ALLOWED", 3)]
    (attempt,) = story.attempts
    assert (attempt.line.attempt_id, attempt.line.flow_run) == (admitted.attempt_id, run)
    assert attempt.seen["detail"] == "gone"
    assert story.questions == ()
    assert Faults(one.engine).story(uuid4()) is None


def test_a_flow_run_that_is_none_is_no_link(told: Desk) -> None:
    """What stands in an attempt's metadata in place of a flow run's id is not taken for one."""
    told.do('UPDATE healing_actions SET metadata = metadata || \'{"flow_run": "javascript:alert(1)"}\'')
    assert {line.flow_run for line in Attempts(told.engine).page(Slice()).items} == {None}


# -- the whole


def test_how_the_whole_stands(told: Desk) -> None:
    """Open faults, those being healed, those a person must look at, and what was done in a day."""
    told.do("UPDATE faults SET needs_person = 'look' WHERE component = 'backend'")
    counts = Standings(told.engine).now().counts
    assert (counts.sick, counts.healing, counts.needs_person, counts.actions) == (2, 1, 1, 2)
    assert (counts.approvals, counts.missed_starts) == (0, 0)


def test_the_latest_health_of_each_component(empty: Engine) -> None:
    """One row of each component that was looked at within ten minutes, however many rows it has."""
    now = datetime.now(UTC).replace(microsecond=0)
    health = HealthHistory(empty)

    def seen(component: str, ago: float, status: HealthStatus) -> ComponentHealth:
        checked = now - timedelta(seconds=ago)
        return ComponentHealth(component=component, status=status, response_ms=3, detail="", checked_at=checked)

    newest = [seen(name, n, HealthStatus.DOWN) for n, name in enumerate(["a", "b", "c-1"])]
    old = [seen(one.component, 10 + 5 * n, HealthStatus.OPERATIONAL) for one in newest for n in range(20)]
    health.record([*old, *newest, seen("gone", 700, HealthStatus.DOWN)])
    assert list(health.latest()) == newest
    assert list(HealthHistory(empty).latest()) == list(health.latest())


def test_no_health_at_all(empty: Engine) -> None:
    """Nothing was looked at: nothing is told."""
    assert HealthHistory(empty).latest() == []


def test_a_place_is_not_two(many: Engine) -> None:
    """A page is behind one place or before one."""
    cursor = Cursor(at=FIRST, id=uuid4())
    with pytest.raises(Permanent, match="not both"):
        replace(Slice(older_than=cursor), newer_than=cursor)
