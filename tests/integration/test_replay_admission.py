"""The admission of replays against the SQL of production: the same past before both, and the same answer."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from admission_desk import Desk as SqlDesk
from admission_desk import target
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Answer, Limits, Place, Rung
from selfheal.model.breaker import Thresholds
from selfheal.model.recorded import Hold
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.replay.admission import Desk, Fault, Heal, Storm
from selfheal.store.heals import Heals

ROUNDS, CAMPAIGN = 40, 1000
LADDER = (
    Rung(action="restart-service", action_type="RESTART_SERVICE"),
    Rung(action="restore-nats-connection", action_type="RESTORE_NATS_CONNECTION"),
)
NAMES = tuple(f"one-{number}" for number in range(12))
_FAULT = text(
    """INSERT INTO faults (id, target_key, component, estate_group, trigger_type, detected_at, start_from, closed_at,
                            verified_at, resolution, needs_person)
       VALUES (:id, :target, :name, :group, 'SERVICE_DOWN', :since, :since, :closed, :closed, :resolution, :person)"""
)
_ATTEMPT = text(
    """INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, estate_group,
                                    status, success, verification, rollback_outcome, created_at, completed_at,
                                    act_started_at, fault_id, trigger_id, lease_until, mode)
       VALUES ('SERVICE_DOWN', :type, :action, :name, :target, :group, :status, :success, :verification, 'NOT_PLANNED',
               :began, :ended, CASE WHEN :acted THEN CAST(:began AS timestamptz) END, :fault, :trigger,
               now() + interval '1 minute', 'auto')"""
)


@dataclass
class Past:
    """A made-up past, for both."""

    chance: random.Random
    engine: Engine
    now: datetime
    faults: list[Fault] = field(default_factory=list)
    heals: list[Heal] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    storms: list[Storm] = field(default_factory=list)

    def place(self, name: str) -> Place:
        number = int(name.rpartition("-")[2])
        parents = (target(NAMES[0]),) if number % 4 == 1 else ()
        return Place(
            target=target(name), group="g" if number < 10 else "", group_size=10 if number < 10 else 0, parents=parents
        )

    def write(self) -> None:
        for name in NAMES:
            ago = timedelta(hours=self.chance.choice([0.3, 3, 26]))
            while ago > timedelta(minutes=2) and self.chance.random() < 0.6:
                ago = self._fault(name, ago, closed=True)
            if self.chance.random() < 0.4:
                self._fault(name, min(ago, timedelta(minutes=self.chance.choice([1, 4, 30]))), closed=False)
        for scope, name in (("estate", ""), ("component", NAMES[2]), ("group", "g")):
            if self.chance.random() < 0.07:
                self._hold(scope, name)
        for group in ("", "g"):
            if self.chance.random() < 0.15:
                self._storm(group)

    def _fault(self, name: str, ago: timedelta, *, closed: bool) -> timedelta:
        """A fault and its attempts; gives how long ago it was over."""
        place, since = self.place(name), self.now - ago
        person = not closed and self.chance.random() < 0.2
        fault = Fault(component=name, place=place, since=since, closed=closed, person=person)
        planned, at = [], since
        for _ in range(self.chance.choice([0, 1, 1, 2, 4])):
            began = at + timedelta(seconds=self.chance.randint(1, 200))
            ended = began + timedelta(seconds=self.chance.randint(1, 60))
            if ended >= self.now:
                break
            planned.append(self._heal(fault, began, ended, healed=False))
            at = ended
        if closed and planned and self.chance.random() < 0.7:
            planned[-1].healed = planned[-1].acted = True
        if not closed and not planned and self.chance.random() < 0.3:
            planned.append(self._heal(fault, self.now - timedelta(seconds=1), None, healed=False))
        over = at + timedelta(seconds=1)
        self._store(fault, planned, over if closed else None)
        self.faults.append(fault)
        self.heals.extend(planned)
        return self.now - over - timedelta(seconds=self.chance.randint(1, 900))

    def _heal(self, fault: Fault, began: datetime, ended: datetime | None, *, healed: bool) -> Heal:
        action = self.chance.choice([LADDER[0], LADDER[0], LADDER[1]]).action
        acted = self.chance.random() < 0.9
        return Heal(fault=fault, action=action, began_at=began, ended_at=ended, healed=healed, acted=acted)

    def _store(self, fault: Fault, heals: list[Heal], closed: datetime | None) -> None:
        fault_id = uuid7()
        about = {"target": fault.place.target, "name": fault.component, "group": fault.place.group}
        with self.engine.begin() as connection:
            connection.execute(
                _FAULT,
                about
                | {"id": fault_id, "since": fault.since, "closed": closed, "resolution": closed and "HEALED"}
                | {"person": "it waits" if fault.person else None},
            )
            for one in heals:
                over = one.ended_at is not None
                status = "PENDING" if not over else "SUCCESS" if one.healed else "FAILED"
                types = {rung.action: rung.action_type for rung in LADDER}
                connection.execute(
                    _ATTEMPT,
                    about
                    | {"type": types[one.action], "action": one.action, "status": status, "fault": fault_id}
                    | {"success": one.healed if over else None, "began": one.began_at, "ended": one.ended_at}
                    | {"acted": one.acted, "trigger": uuid7()}
                    | {"verification": ("HEALED" if one.healed else "NOT_HEALED") if over else None},
                )

    def _storm(self, group: str) -> None:
        quiet_at = self.now + timedelta(minutes=self.chance.choice([-1, 5]))
        self.storms.append(Storm(group=group, quiet_at=quiet_at))
        with self.engine.begin() as connection:
            connection.execute(
                text("INSERT INTO storms (estate_group, quiet_at, sick) VALUES (:group, :quiet_at, 9)"),
                {"group": group, "quiet_at": quiet_at},
            )

    def _hold(self, scope: str, name: str) -> None:
        begins = self.now - timedelta(minutes=5)
        ends = self.now + timedelta(minutes=self.chance.choice([-1, 30]))
        self.holds.append(Hold(what="MAINTENANCE", scope=scope, name=name, begins_at=begins, ends_at=ends))
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    """INSERT INTO maintenance_windows (scope, name, begins_at, ends_at, zone, who, why)
                       VALUES (:scope, :name, :begins, :ends, 'UTC', 'the test', 'so')"""
                ),
                {"scope": scope, "name": name, "begins": begins, "ends": ends},
            )


def limits_of(chance: random.Random) -> Limits:
    return Limits(
        at_once=chance.choice([1, 3, 50]),
        in_10_min=chance.choice([2, 10, 100]),
        in_hour=chance.choice([5, 30, 300]),
        per_action=chance.choice([1, 3]),
        per_fault=chance.choice([2, 5]),
        cooldown=timedelta(minutes=chance.choice([1, 10])),
        flap=timedelta(minutes=chance.choice([1, 10, 60])),
        longest_cooldown=timedelta(minutes=chance.choice([15, 1440])),
        attempts_within=timedelta(hours=chance.choice([1, 24])),
        group_share=chance.choice([0.1, 0.2]),
        parents_first=timedelta(minutes=chance.choice([2, 10])),
    )


@pytest.mark.timeout(600)
def test_both_answer_the_same(desk: Callable[..., SqlDesk], empty: Engine, request: pytest.FixtureRequest) -> None:
    """Pasts at random, and limits at random: the first refusal is the same, and so is when to ask again."""
    rounds = CAMPAIGN if request.config.getoption("--campaign") else ROUNDS
    met: set[str] = set()
    for seed in range(rounds):
        chance = random.Random(seed)  # noqa: S311 - a test's dice
        engine, limits = desk().engine, limits_of(chance)
        _forget(engine)
        past = Past(chance, engine, datetime.now(UTC))
        past.write()
        for name in NAMES:
            priority = chance.choice([Priority.CRITICAL, Priority.HIGH])
            told = _by_sql(Heals(engine, limits), name, past.place(name), priority)
            mine = _by_replay(past, limits, name, priority)
            assert mine[0] == told[0], (seed, name, limits, mine, told)
            met.add(mine[0])
            if told[1] is not None and mine[1] is not None:
                assert abs(told[1] - mine[1]) < timedelta(seconds=2), (seed, name, mine, told)
    assert met >= {
        "ADMITTED",
        "ALREADY_HEALING",
        "COOLDOWN",
        "ATTEMPTS_EXHAUSTED",
        "BLAST_RADIUS",
        "MAINTENANCE",
        "STORM",
    }


def _forget(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("healing_triggers", "healing_actions", "faults", "maintenance_windows", "storms"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - written above


def _by_sql(heals: Heals, name: str, place: Place, priority: Priority) -> tuple[str, datetime | None]:
    trigger = Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=name,
        source=Source.WATCHER,
        priority=priority,
        reason="it is down",
        detected_at=datetime.now(UTC),
    )
    outlook = heals.peek(trigger, place=place, rungs=LADDER)
    if not outlook.refusals:
        return "ADMITTED", None
    return outlook.refusals[0].decision.value, outlook.refusals[0].retry_at


def _by_replay(past: Past, limits: Limits, name: str, priority: Priority) -> tuple[str, datetime | None]:
    desk = Desk(
        limits, Thresholds(), past.holds, faults=list(past.faults), heals=list(past.heals), storms=list(past.storms)
    )
    known = next((one for one in past.faults if one.component == name and not one.closed), None)
    now = datetime.now(UTC)
    fault = known or Fault(component=name, place=past.place(name), since=now)
    person = fault.person
    answer = desk.ask(fault, priority, LADDER, now=now)
    fault.person = person
    return (answer.decision.value, answer.retry_at) if isinstance(answer, Answer) else ("ADMITTED", None)
