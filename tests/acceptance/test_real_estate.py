"""What went wrong in the real estate, one to six: from the broken estate to the healed one, or to the right refusal."""

from pathlib import Path
from uuid import UUID

from approval_desk import Counter
from estate_fixtures import until
from real_estate import LAST, RealEstate, healed, kept, running, sick, started
from request_files import WIPED
from starting_worlds import turn
from workflow_fixtures import recovery, take_turn

from deployments.demo.estate import Estate as Demo
from deployments.demo.faults import Faults
from selfheal.bootstrap import Estate
from selfheal.model.admission import Decision
from selfheal.model.approval import ApprovalState
from selfheal.model.file_change import ChangeKind, ChangeState
from selfheal.model.recovery import Standing
from selfheal.policy.catalogue import REQUEST_FILE
from selfheal.protocol.keeping import keep
from selfheal.protocol.recovery import dispatched
from selfheal.store.file_changes import FileChangeRows

SECOND_NS = 10**9


def at_start(estate: Estate) -> None:
    """What runs at every start of the product, in its order."""
    keep(kept(estate))
    take_turn(estate)


def test_01_the_healer_reset_healthy_workflows_at_start(place: RealEstate) -> None:
    """55 in progress: with the broker away, their evidence expired, or all of them stuck at once, not one moves."""
    names = [f"REQ-HEALTHY-{number}" for number in range(55)]
    place.world.write(*(f"{name} IN_PROGRESS P1" for name in names))
    place.broker.clear()
    place.broker.make_streams(max_age=SECOND_NS, duplicate_window=SECOND_NS)  # seven days, made short
    place.deliver({name: range(number % LAST) for number, name in enumerate(names)})
    with place.wired() as estate:
        assert len(keep(kept(estate)).taken_in) == len(names)
        place.silent(since_minutes=-9 * 24 * 60)
        file, states = place.bytes, place.states()

        place.broker.stop()
        try:
            at_start(estate)
            assert _whys(estate) == dict.fromkeys(names, "nobody can tell")
        finally:
            place.broker.start()
        until("everything has expired", lambda: _messages(place) == 0)
        at_start(estate)
        assert _whys(estate) == dict.fromkeys(names, "nobody can tell")
        assert (place.bytes, place.states()) == (file, states)
        assert place.rows("SELECT count(*) FROM healing_actions") == [(0,)]

        place.broker.clear()
        place.broker.make_streams()
        place.run("UPDATE workflow_state SET stage_deliverables = '{}'")
        place.silent()
        states = place.states()
        _, storm, ended = take_turn(estate)
        assert "55 are stuck at once, a storm: nothing is changed" in storm
        assert (ended, place.bytes, place.states()) == ({}, file, states)
    assert sum("a storm: 55 workflows" in one for one in place.alerts()) == 1


def _whys(estate: Estate) -> dict[str, str]:
    """Of whom nobody can tell, each with a reason."""
    survey = recovery(estate).looks.all()
    assert not survey.standing(Standing.STUCK)
    untold = survey.standing(Standing.COULD_NOT_TELL)
    assert all(one.verdict.why for one in untold)
    return {one.verdict.req_number: "nobody can tell" for one in untold}


def _messages(place: RealEstate) -> int:
    infos = place.broker.api("STREAM.LIST")["streams"]
    return sum(one["state"]["messages"] for one in infos if one["config"]["name"].startswith("agog_features"))


def test_02_the_request_file_was_wiped_twice_in_five_minutes(place: RealEstate, counter: Counter) -> None:
    """Seen each time, nothing moves or is written, a person is asked and says yes; all is back, the wiped are kept."""
    place.world.write(*(f"REQ-{number} {word} P2" for number, word in enumerate(["NEW", "IN_PROGRESS"] * 10)))
    with place.wired(healing={"allow": ["workflows", REQUEST_FILE]}) as estate:
        at_start(estate)
        place.silent()
        good, states = place.bytes, place.states()
        for wiped in (WIPED, b""):
            Path(place.world.file).write_bytes(wiped)
            answer = healed(estate, sick(estate, REQUEST_FILE)).answer
            assert answer.decision is Decision.AWAITING_APPROVAL, answer
            at_start(estate)
            assert turn(started(estate)).stopped
            assert (place.bytes, place.states()) == (wiped, states)
            question = counter.approvals.one(UUID(answer.reason.rpartition(" ")[2]))
            counter.answer(question, why="nobody meant it")
            (raised,) = counter.due()
            assert healed(estate, raised).name == "Healed"
            assert place.bytes == good
            assert counter.state(question) == ApprovalState.USED
    changes = [one for one in FileChangeRows(place.engine).newest(limit=99) if one.kind is ChangeKind.RESTORE]
    assert [one.state for one in changes] == [ChangeState.DONE] * 2
    assert [Path(one.backup).read_bytes() for one in reversed(changes)] == [WIPED, b""]


def test_03_zombies(place: RealEstate) -> None:
    """State running, NATS nothing, file NEW: pending from the beginning, and started again, each once."""
    names = [f"REQ-ZOMBIE-{number}" for number in range(3)]
    place.world.write(*(f"{name} IN_PROGRESS P1" for name in names))
    with place.wired() as estate:
        keep(kept(estate))
        place.silent()
        for name in names:
            place.world.set(name, "NEW")
        assert keep(kept(estate)).settled.moved == set(names)
        assert {states[:2] for states in place.states().values()} == {("pending", 0)}
        assert set(turn(started(estate)).started) == set(names)
        assert sorted(place.started()) == [(name, 0) for name in names]
        assert {place.world.status(name) for name in names} == {"IN_PROGRESS"}
        assert keep(kept(estate)).left == []
    found = place.rows("SELECT settled_at IS NOT NULL FROM workflow_disagreements WHERE kind = 'ZOMBIE'")
    assert found == [(True,)] * len(names)


def test_04_a_host_process_was_down_all_day(place: RealEstate, estate: Demo, faults: Faults) -> None:
    """The orchestrator is dead and nothing restarts it: a full check does, in host mode; from a container, never."""
    tables = estate.settings()
    tables["components"]["orchestrator"] |= {"healthy_delay": "100 ms"}
    healing = {"allow": ["orchestrator"]}
    faults.kill("orchestrator")
    service = {"host_services": ["orchestrator"]}
    with place.wired(**tables, healing=healing, workflows={**service, "host_mode": "no"}) as inside:
        assert recovery(inside).services_down() == []
    with place.wired(**tables, healing=healing, workflows={**service, "host_mode": "yes"}) as host:
        found = recovery(host)
        assert found.full_is_due()
        triggers = found.services_down()
        ended = dispatched(lambda one: healed(host, one), triggers)
        assert {name: getattr(one, "name", one) for name, one in ended.items()} == {"orchestrator": "Healed"}
        assert found.services_down() == []
    assert estate.control().process("orchestrator").running


def test_05_36_in_progress_against_a_limit_of_10_and_urgent_ones_blocked_behind_them(place: RealEstate) -> None:
    """A P0 starts all the same, and nothing else; as places get free the others follow, never more than the limit."""
    crowd = [f"REQ-CROWD-{number}" for number in range(36)]
    place.world.write(*(f"{name} IN_PROGRESS P2" for name in crowd))
    place.world.write(*(f"REQ-NEXT-{number} NEW P1" for number in range(12)))
    place.world.write("REQ-URGENT-1 NEW P0", "REQ-URGENT-2 NEW P0")
    with place.wired(workflows={"at_once": 10}) as estate:
        keep(kept(estate))
        assert len(running(estate)) == 36
        assert list(turn(started(estate)).started) == ["REQ-URGENT-1"]
        found = turn(started(estate))
        assert (found.started, "37 run, which is the limit" in found.stopped) == ({}, True)
        place.silent("REQ-CROWD-%")  # else nobody could tell what they have delivered
        for name in crowd:
            place.world.set(name, "BLOCKED")
        assert keep(kept(estate)).settled.moved == set(crowd)
        found = turn(started(estate))
        assert next(iter(found.started)) == "REQ-URGENT-2"
        assert (len(found.started), len(running(estate))) == (9, 10)
        assert turn(started(estate)).started == {}
    assert len(place.started()) == 10
