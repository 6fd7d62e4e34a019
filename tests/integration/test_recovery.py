"""Stuck workflows come back: one heal each, a few in a turn, nothing in a storm or where nobody can tell."""

from dataclasses import replace
from datetime import timedelta

import pytest
from approval_desk import Counter
from workflow_fixtures import Shop, dispatcher, recovery, shuffled, take_turn
from workflow_memory import HOUR

from selfheal.model.deliverable import Result
from selfheal.model.errors import SelfhealError
from selfheal.store.storms import Storms

DONE = Result.DONE
HISTORY = (
    "SELECT req_number, recovery_type, stuck_duration_minutes, last_completed_stage, recovery_action, success"
    " FROM workflow_recovery_history ORDER BY recovered_at"
)
ALERTS = "SELECT severity, dedup_key, message FROM alert_outbox WHERE kind = 'RAISED' ORDER BY created_at"


def test_a_stuck_workflow_goes_on_at_its_next_stage(shop: Shop) -> None:
    """File and state say PENDING at the stage that is missing; attempt and history have one row each, of one id."""
    name = shop.add("REQ-ITEM-MASTER-001")
    shop.broker.said[name] = {0: DONE, 1: DONE, 3: DONE}
    estate = shop.estate()
    _, storm, ended = take_turn(estate)
    assert (storm, ended[name].name) == ("", "Healed")
    assert shop.says(name) == ("PENDING", "pending", 2)
    assert shop.rows(HISTORY) == [
        {
            "req_number": name,
            "recovery_type": "AUTO_RESUME",
            "stuck_duration_minutes": 180,
            "last_completed_stage": 1,
            "recovery_action": "retry-workflow: PENDING at stage 2",
            "success": True,
        }
    ]
    attempts = shop.rows("SELECT id, action_type, target_key, status FROM healing_actions")
    assert [one["target_key"] for one in attempts] == [f"workflow/{name}"]
    assert attempts[0]["id"] == shop.rows("SELECT id FROM workflow_recovery_history")[0]["id"]
    assert take_turn(estate)[2] == {}


def test_it_is_complete_with_the_last_stages_deliverable_only(shop: Shop) -> None:
    """Seven of seven: complete. Six of seven, without the fourth: the fourth again."""
    whole, gap = shop.add("REQ-A-1"), shop.add("REQ-A-2")
    shop.broker.said[whole] = dict.fromkeys(range(7), DONE)
    shop.broker.said[gap] = {index: DONE for index in range(7) if index != 3}
    take_turn(shop.estate())
    assert shop.says(whole) == ("COMPLETE", "complete", 6)
    assert shop.says(gap) == ("PENDING", "pending", 3)


@pytest.mark.parametrize("why", ["the broker is away", "older than the stream's first message"])
def test_what_nobody_can_tell_moves_nothing(shop: Shop, why: str) -> None:
    """Ten workflows that are long overdue and a broker that tells nothing: no change, no attempt, no storm."""
    names = [shop.add(f"REQ-A-{index}") for index in range(10)]
    shop.broker.away = why
    turn, storm, ended = take_turn(shop.estate())
    assert (turn.chosen, storm, ended) == ((), "", {})
    assert {shop.says(name) for name in names} == {("IN_PROGRESS", "running", 0)}
    assert shop.file.written == []
    assert shop.rows("SELECT 1 FROM healing_actions") == []


def test_sixty_stuck_at_once_are_a_storm(shop: Shop) -> None:
    """Nothing is changed and one alert is written, however often it is looked; then, on a person's word, five a turn.

    P0 come first, then what is stuck for longest.
    """
    names = [f"REQ-{index:02}" for index in range(60)]
    for index, name in enumerate(names):
        shop.add(name, priority="P0" if index % 10 == 7 else "P1", ago=timedelta(hours=4, minutes=index))
    shop.file.entries = {name: shop.file.entries[name] for name in shuffled(names)}
    estate = shop.estate()
    for _ in range(3):
        turn, storm, ended = take_turn(estate)
        assert storm == "60 are stuck at once, a storm: nothing is changed before `selfheal storm go`"
        assert (turn.chosen, ended, shop.file.written) == ((), {}, [])
    alerts = shop.rows(ALERTS)
    assert len(alerts) == 1
    assert alerts[0]["message"].startswith("a storm: 60 workflows are stuck at once, and nothing is changed: REQ-")
    assert shop.rows("SELECT 1 FROM healing_actions") == []

    assert Storms(shop.engine).go(who="ada", why="the broker was down") == 1
    urgent = sorted(names, key=lambda name: (int(name[4:]) % 10 != 7, -int(name[4:])))
    for first in range(0, 10, 5):
        turn, storm, ended = take_turn(estate)
        assert "ada lets 5 be recovered in each turn: the broker was down" in storm
        assert list(turn.chosen) == urgent[first : first + 5]
        assert {one.name for one in ended.values()} == {"Healed"}
    assert [name for name, _, _ in shop.file.written] == urgent[:10]

    for name in urgent[15:]:  # the others are delivered by themselves
        del shop.file.entries[name]
    turn, storm, _ = take_turn(estate)
    assert (len(turn.chosen), storm) == (5, "")
    assert Storms(shop.engine).current() == []
    assert len(shop.rows(ALERTS)) == 1


def test_after_three_recoveries_it_is_a_persons(shop: Shop) -> None:
    """It becomes BLOCKED with the reason, a person is told, and it is never touched again."""
    name = shop.add("REQ-A-1")
    shop.states.counts[name] = 3
    estate = shop.estate()
    take_turn(estate)
    assert shop.says(name) == ("BLOCKED", "blocked", 0)
    why = "it was put back 3 times already, and 3 is the limit"
    assert shop.states.changes[-1].why == why
    assert [one["message"] for one in shop.rows(ALERTS)] == [f"{name} is blocked and waits for a person: {why}"]
    assert take_turn(estate)[2] == {}
    assert [one["recovery_type"] for one in shop.rows(HISTORY)] == ["MARK_BLOCKED"]


def test_nothing_is_recovered_that_is_not_allowed(shop: Shop) -> None:
    """Without `workflows` on the allow-list the refusal is recorded, and file and state stay as they are."""
    name = shop.add("REQ-A-1")
    _, _, ended = take_turn(shop.estate(healing={"allow": []}))
    assert ended[name].name == "NotAllowed"
    assert shop.says(name) == ("IN_PROGRESS", "running", 0)


def test_who_writes_the_file_first_wins(shop: Shop) -> None:
    """A state that somebody else moves in the middle: the file is put back, and nothing was done."""
    name = shop.add("REQ-A-1")
    shop.states.moved_first.add(name)
    _, _, ended = take_turn(shop.estate())
    assert ended[name].message.startswith("not done: the state of REQ-A-1 was moved by somebody else")
    assert shop.says(name) == ("IN_PROGRESS", "running", 0)
    assert [one["success"] for one in shop.rows(HISTORY)] == [False]


def test_a_recovery_that_is_cut_in_half_is_unknown(shop: Shop) -> None:
    """The file was written and the state was not: no success, and nothing is tried or written again."""
    name = shop.add("REQ-A-1")
    shop.states.away = "the database is away"
    estate = shop.estate()
    _, _, ended = take_turn(estate)
    assert ended[name].name == "Unknown"
    assert shop.says(name) == ("PENDING", "running", 0)
    shop.states.away = ""
    turn, _, _ = take_turn(estate)
    assert (turn.chosen, len(shop.file.written)) == ((), 1)
    assert [one["success"] for one in shop.rows(HISTORY)] == [False]
    survey = recovery(estate).looks.all()
    assert [one.verdict.why for one in survey.looks] == ["the file says PENDING, and the state running"]


def test_a_workflow_that_comes_back_by_itself_closes_its_fault(shop: Shop) -> None:
    """Its fault was opened by a refusal; once it is well again, the next turn closes it."""
    name = shop.add("REQ-A-1")
    take_turn(shop.estate(healing={"allow": []}))
    assert len(shop.rows("SELECT 1 FROM faults WHERE closed_at IS NULL")) == 1
    shop.broker.said[name], shop.broker.ago = {0: DONE}, timedelta(minutes=1)
    take_turn(shop.estate(healing={"allow": []}))
    assert shop.rows("SELECT resolution FROM faults") == [{"resolution": "RECOVERED"}]


def test_what_only_a_person_can_settle_is_told_once(shop: Shop) -> None:
    """A request that stands twice in the file is not touched, and people are told once."""
    name = shop.add("REQ-A-1")
    shop.file.twice.add(name)
    estate = shop.estate()
    take_turn(estate)
    take_turn(estate)
    assert shop.file.written == []
    assert [one["message"] for one in shop.rows(ALERTS)] == [
        f"{name} needs a person: it does not stand in the request file once: not at all, or several times"
    ]


def test_a_file_that_cannot_be_read_stops_the_turn(shop: Shop) -> None:
    """Nothing is known then; the turn says so and changes nothing."""
    shop.add("REQ-A-1")
    shop.file.away = "OWNER_REQUESTS.md is not there"
    with pytest.raises(SelfhealError, match="is not there"):
        take_turn(shop.estate())


def test_healthy_workflows_are_left_alone(shop: Shop, request: pytest.FixtureRequest) -> None:
    """A thousand in progress through fifty checks: no change at all (reduced without --campaign)."""
    many, checks = (1000, 50) if request.config.getoption("--campaign") else (300, 5)
    for index in range(many):
        name = shop.add(f"REQ-{index}", ago=timedelta(minutes=index % 300))
        shop.broker.said[name] = {0: DONE}
    shop.broker.ago = timedelta(minutes=20)
    estate = shop.estate()
    for _ in range(checks):
        assert take_turn(estate)[0].chosen == ()
    assert (shop.file.written, shop.states.changes) == ([], [])
    assert shop.rows("SELECT 1 FROM healing_triggers") == []
    assert shop.broker.asked == checks


def test_the_level_of_all_is_kept_for_the_pages(shop: Shop) -> None:
    """Blocked ones and orphans make it worse; a scan keeps what the last full check has counted."""
    for index in range(2):
        shop.add(f"REQ-B-{index}", "BLOCKED")
    shop.add("REQ-A-1", ago=timedelta(0))
    shop.broker.orphaned = {"REQ-GONE-1": 4, "REQ-A-1": 1}
    found = recovery(shop.estate())
    assert found.full_is_due()
    survey = found.looks.all()
    orphans = found.orphans(survey)
    nothing: dict[str, str] = {}
    ended = {"recovered": nothing, "not_recovered": nothing, "services": nothing, "storm": ""}
    full = found.concluded(survey, full=True, orphans=orphans, **ended)  # type: ignore[arg-type]
    found.book.keep(full)
    assert (full.level, full.orphans, full.blocked, full.in_progress) == ("degraded", {"REQ-GONE-1": 4}, 2, 1)
    assert not found.full_is_due()
    found.book.keep(found.concluded(survey, full=False, orphans=None, **ended))  # type: ignore[arg-type]
    latest = found.book.latest()
    assert latest is not None
    assert (latest.full, latest.orphan_count) == (False, 4)
    shop.add("REQ-B-2", "BLOCKED")
    shop.add("REQ-B-3", "BLOCKED")
    worse = found.concluded(found.looks.all(), full=False, orphans=None, **ended)  # type: ignore[arg-type]
    assert worse.level == "critical"


def test_a_p0_is_recovered_before_all_others(shop: Shop) -> None:
    """Half of its stage's time is over, and others are stuck for longer."""
    for index in range(4):
        shop.add(f"REQ-A-{index}", ago=9 * HOUR)
    shop.add("REQ-P0-1", priority="P0", ago=timedelta(minutes=30))
    assert take_turn(shop.estate())[0].chosen[0] == "REQ-P0-1"


def test_a_word_for_a_recovery_holds_while_the_workflow_goes_on_standing_still(shop: Shop, counter: Counter) -> None:
    """For how long it has stood still by now is no part of what was approved: the same is done ten minutes later."""
    name = shop.add("REQ-A-1")
    estate = shop.estate(actions={"retry-workflow": {"mode": "approve"}})
    assert take_turn(estate)[2][name].name == "AwaitingApproval"
    (asked,) = counter.approvals.newest(limit=5, ended=False)
    row = shop.states.rows[name]
    before = row.updated_at - timedelta(minutes=10)
    shop.states.rows[name] = replace(row, started_at=before, updated_at=before, under_way_since=before)
    counter.answer(counter.approvals.one(asked.id))
    (trigger,) = counter.due()
    assert dispatcher(estate)(trigger).name == "Healed"
    assert shop.says(name) == ("PENDING", "pending", 0)
    assert shop.rows(HISTORY)[0]["stuck_duration_minutes"] == 250
