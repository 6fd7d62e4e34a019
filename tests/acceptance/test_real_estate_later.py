"""What went wrong in the real estate, seven to thirteen: as `test_real_estate`."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from estate_fixtures import until
from real_estate import ALL, EVENTS, RealEstate, healed, kept, sick, started
from starting_worlds import PIPELINE, turn
from workflow_fixtures import complete_escalated, recovery, take_turn

from console.turns import section
from deployments.demo.estate import USER
from deployments.demo.estate import Estate as Demo
from deployments.demo.faults import Faults
from deployments.objects import declared
from selfheal.model.breaker import BreakerDeed, Denial, State
from selfheal.model.component import ProbeKind
from selfheal.model.disagreement import Kind
from selfheal.model.observation import Health
from selfheal.model.recovery import Standing
from selfheal.model.trigger import Priority
from selfheal.model.workflow_health import Level
from selfheal.protocol.holder import this_process
from selfheal.protocol.keeping import keep
from selfheal.protocol.starting import conclude
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.runs import MechanismRuns

QA = 4
IMPATIENT = [{"agent": one.agent, "kind": one.kind, "timeout": "100 ms"} for one in PIPELINE.stages]
"""The pipeline, whose stages may take no time."""
AGENT = "agent:cynthia"


def test_07_the_broker_refused_connections_and_the_log_pattern_did_not_match_the_real_text(
    place: RealEstate, estate: Demo, faults: Faults
) -> None:
    """No word of any log is read: the broker is asked. Sick, restarted, healed; meanwhile nobody can tell anything."""
    tables = estate.settings()
    broker = tables["components"]["broker"] | {"healthy_delay": "100 ms"}
    asked = {key: broker[key] for key in ("probe", "url", "username", "password")}
    tables["components"] |= {"broker": broker, "asked": asked}
    access = {"url": estate.url("broker"), "username": USER, "password": estate.password}
    place.world.write("REQ-1 IN_PROGRESS P1")
    with place.wired(**tables, workflows=access, healing={"allow": ["broker", "workflows"]}) as wired:
        keep(kept(wired))
        place.silent()
        log = estate.folder / "logs" / "broker.log"
        faults.kill_broker()
        written = log.read_bytes()
        assert "refuses connections" in sick(wired, "asked").reason
        trigger = sick(wired, "broker")
        assert trigger.priority is Priority.CRITICAL
        assert log.read_bytes() == written, "nothing is said in its log that anybody could match"
        before = place.bytes, place.states()
        assert take_turn(wired)[2] == {}
        (look,) = recovery(wired).looks.all().looks
        assert look.verdict.standing is Standing.COULD_NOT_TELL
        assert look.verdict.why
        assert (place.bytes, place.states()) == before
        assert healed(wired, trigger).name == "Healed"
        assert wired.observer(wired.healer.components["broker"]).health is Health.HEALTHY


def test_08_a_container_was_up_while_the_application_inside_was_broken(
    place: RealEstate, estate: Demo, faults: Faults
) -> None:
    """Its keeper says that it runs, and so does a look at the process; the HTTP probe sees it, and a restart heals."""
    tables = estate.settings()
    asked = tables["components"]["backend"] | {"healthy_delay": "100 ms", "probe_timeout": "300 ms"}
    tables["components"]["backend"] = asked
    tables["components"]["process"] = {key: asked[key] for key in ("supervisor", "program")} | {"probe": "process"}
    with place.wired(**tables, healing={"allow": ["backend"]}) as wired:
        faults.hang("backend")
        before = estate.control().process("backend")
        assert before.running
        assert wired.observer(wired.healer.components["process"]).health is Health.HEALTHY
        assert wired.healer.components["backend"].probe is ProbeKind.HTTP
        assert healed(wired, sick(wired, "backend")).name == "Healed"
        assert not estate.control().process("backend").same_life(before)
        assert wired.observer(wired.healer.components["backend"]).health is Health.HEALTHY


def test_09_22_of_74_requests_complete_without_a_qa_deliverable(place: RealEstate) -> None:
    """52 become complete on their evidence; the 22 are listed, for a person, and nobody writes COMPLETE of them."""
    names = [f"REQ-DONE-{number}" for number in range(74)]
    without = set(names[:22])
    place.world.write(*(f"{name} IN_PROGRESS P2" for name in names))
    with place.wired() as wired:
        keep(kept(wired))
        short = {name: [one for one in ALL if one < QA or (one > QA and int(name[9:]) % 2)] for name in without}
        place.deliver({name: short.get(name, ALL) for name in names})
        place.silent()
        file = Path(place.world.file)
        file.write_text(file.read_text().replace("IN_PROGRESS", "COMPLETE"))
        found = keep(kept(wired))
        assert {one.req_number for one in found.left} == without
        assert {one.kind for one in found.left} == {Kind.COMPLETE_WITHOUT_EVIDENCE}
        before = place.bytes
        take_turn(wired)
        keep(kept(wired))
    assert place.bytes == before
    assert {name for name, (status, _, _) in place.states().items() if status != "complete"} == without
    listed = "SELECT req_number FROM workflow_disagreements WHERE settled_at IS NULL ORDER BY 1"
    assert {name for (name,) in place.rows(listed)} == without
    told = [one for one in place.alerts() if "only a person settles it" in one]
    assert len(told) == 1
    written = "SELECT count(*) FROM file_changes WHERE after = 'COMPLETE'"
    assert place.rows(written) == [(0,)]
    with pytest.raises(Exception, match="workflow_state_complete_by_evidence"):
        place.run("UPDATE workflow_state SET status = 'complete' WHERE req_number = 'REQ-DONE-0'")


def test_10_a_count_of_deliverables_was_taken_for_the_last_index(place: RealEstate) -> None:
    """Stages 0, 1 and 3 are delivered: it goes on at 2, whose agent is told, and after that at 4."""
    place.world.write("REQ-GAP-1 IN_PROGRESS P1")
    with place.wired(workflows={"stages": IMPATIENT}) as wired:
        keep(kept(wired))
        place.silent()
        place.deliver({"REQ-GAP-1": [0, 1, 3]})
        place.run("UPDATE workflow_state SET current_stage = 3, updated_at = now() - interval '9 hours'")
        until("it is stuck", lambda: bool(recovery(wired).looks.all().standing(Standing.STUCK)))
        _, _, ended = take_turn(wired)
        assert {name: getattr(one, "name", one) for name, one in ended.items()} == {"REQ-GAP-1": "Healed"}
        assert (place.world.status("REQ-GAP-1"), place.states()["REQ-GAP-1"][:2]) == ("PENDING", ("pending", 2))
        turn(started(wired))
        assert place.started() == [("REQ-GAP-1", 2)]
        place.deliver({"REQ-GAP-1": [2]})
        keep(kept(wired))
        turn(started(wired))
        assert place.started() == [("REQ-GAP-1", 2), ("REQ-GAP-1", QA)]


def test_11_the_breakers_results_were_never_recorded_it_opened_on_1_of_1_closing_did_not_clear_its_window(
    place: RealEstate,
) -> None:
    """Each ending is a row; one failure of one opens nothing, five of five do; made new, one more opens nothing."""
    names = [f"REQ-{number}" for number in range(1, 8)]
    with place.wired(workflows={"at_once": 10}) as wired:

        def fails(name: str) -> None:
            place.world.write(f"{name} NEW P0")
            keep(kept(wired))
            assert list(turn(started(wired)).started) == [name]
            place.broker.deliver(name, 0, status="FAILED")
            assert conclude(started(wired)) == [f"{name} FAILED: cynthia says that it failed"]
            place.world.set(name, "BLOCKED")
            keep(kept(wired))

        fails(names[0])
        assert wired.breakers.look(AGENT).state is State.CLOSED
        for name in names[1:5]:
            fails(name)
        results = "SELECT success FROM circuit_breaker_results WHERE component = :name AND kind = 'Result'"
        assert place.rows(results, name=AGENT) == [(False,)] * 5
        assert wired.breakers.look(AGENT).state is State.OPEN
        place.world.write(f"{names[5]} NEW P0")
        keep(kept(wired))
        found = turn(started(wired))
        assert (found.started, set(found.held)) == ({}, {names[5]})

        wired.breakers.decide(AGENT, BreakerDeed.RESET, who="ada", why="cynthia is well again")
        place.run("UPDATE workflow_state SET held_until = now()")
        assert list(turn(started(wired)).started) == [names[5]]
        place.broker.deliver(names[5], 0, status="FAILED")
        conclude(started(wired))
        assert wired.breakers.look(AGENT).state is State.CLOSED
        assert not isinstance(wired.breakers.ask(AGENT, uuid4()), Denial)
        assert wired.breakers.look(AGENT) == wired.breakers.replayed(AGENT)
    assert place.rows(results, name=AGENT) == [(False,)] * 6


def test_12_two_of_eight_mechanisms_ran_nowhere_and_a_health_endpoint_was_constant(place: RealEstate) -> None:
    """`selfheal status` shows what really ran, and when; what never did is late after two turns. Health is what is."""
    runs, every = MechanismRuns(place.engine), declared.schedules(workflows=True, logs=False)
    mechanisms = Mechanisms(place.engine)
    mechanisms.schedule(every, since=datetime.now(UTC))
    ran = {"workflow-admission", "workflow-persistence"}
    for name in ran:
        run = uuid4()
        runs.begin(run, name, this_process())
        runs.end(run)
    table, bad = section(mechanisms.all())
    assert not bad
    assert {row["state"] for row in table.rows} == {"ran", "waiting"}
    long_ago = max(every.values()) * 3
    mechanisms.schedule(every, since=datetime.now(UTC) - long_ago)
    table, bad = section(mechanisms.all())
    shown = {str(row["mechanism"]): row for row in table.rows}
    assert bad
    assert {name for name, row in shown.items() if row["state"] == "ran"} == ran
    assert {name for name, row in shown.items() if row["state"] == "late"} == set(shown) - ran
    assert {"recovery-health-check", "workflow-recovery"} <= set(shown) - ran
    assert all((row["last_run"] is not None) == (name in ran) for name, row in shown.items())

    levels = []
    with place.wired() as wired:
        for number in range(5):
            place.world.write(f"REQ-{number} BLOCKED P1")
            found = recovery(wired)
            health = found.concluded(
                found.looks.all(), full=False, orphans=None, recovered={}, not_recovered={}, services={}, storm=""
            )
            levels.append(health.level)
    assert levels == [Level.DEGRADED] * 3 + [Level.CRITICAL] * 2


def test_13_an_escalation_was_published_to_a_subject_that_no_stream_covered_before_it_was_written_anywhere(
    place: RealEstate,
) -> None:
    """First the row, then the message, which the publisher refuses with a hint; a person is told, nothing is lost."""
    place.broker.api(f"STREAM.DELETE.{EVENTS}")
    place.broker.api("STREAM.DELETE.agog_strategic_escalations")
    place.world.write("REQ-START-1 NEW P1", "REQ-LOST-1 ESCALATED P1")
    with place.wired() as wired:
        keep(kept(wired))
        found = turn(started(wired))
        assert found.started == {"REQ-START-1": "stage 0 (cynthia), not finished yet"}
        ((ending, reason),) = place.rows("SELECT ending, reason FROM workflow_starts")
        assert ending == "PUBLISH_FAILED"
        assert "what is published there is lost; make a stream that covers it" in reason
        assert place.world.status("REQ-START-1") == "NEW"
        assert any("REQ-START-1 could not be started: no stream" in one for one in place.alerts())

        before = place.world.status("REQ-LOST-1"), place.states()["REQ-LOST-1"]
        assert complete_escalated(wired) == ({}, {})
        (look,) = [one for one in recovery(wired).looks.all().looks if one.verdict.req_number == "REQ-LOST-1"]
        assert look.verdict.standing is Standing.COULD_NOT_TELL
        assert "no stream keeps agog.strategic.escalations.REQ-LOST-1" in look.verdict.why
        assert (place.world.status("REQ-LOST-1"), place.states()["REQ-LOST-1"]) == before

        place.broker.clear()
        place.broker.make_streams()
        place.run("UPDATE workflow_state SET held_until = now(), under_way_since = now() + interval '1 minute'")
        assert list(turn(started(wired)).started) == ["REQ-START-1"]
        assert place.started() == [("REQ-START-1", 0)]
        complete_escalated(wired)
        assert any("REQ-LOST-1 is escalated and stays so" in one for one in place.alerts())
        assert wired.outbox.unsent() == len(place.alerts())
