"""The admission of replays against the SQL of production: the same past before both, and the same answer."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from admission_desk import HEALED, target
from admission_desk import Desk as SqlDesk
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.model.admission import Answer, Decision, Limits, Place, Rung
from selfheal.model.breaker import Breaker, State, Thresholds
from selfheal.model.recorded import Hold
from selfheal.model.trigger import ForetoldMetric, Priority, Source, Trigger, TriggerType
from selfheal.replay.admission import Desk
from selfheal.replay.ahead import CAP
from selfheal.replay.faults import Fault, Heal, Storm
from selfheal.store.heals import Heals

ROUNDS, CAMPAIGN = 40, 1000
STORMS, STORMS_CAMPAIGN = 6, 200
LADDER = (
    Rung(action="restart-service", action_type="RESTART_SERVICE"),
    Rung(action="restore-nats-connection", action_type="RESTORE_NATS_CONNECTION"),
)
NAMES = tuple(f"one-{number}" for number in range(12))
_FAULT = text(
    """INSERT INTO faults (id, target_key, component, estate_group, trigger_type, detected_at, start_from, closed_at,
                            verified_at, resolution, needs_person, prediction_id)
       VALUES (:id, :target, :name, :group, :kind, :since, :since, :closed, :closed, :resolution, :person,
               :prediction)"""
)
_ATTEMPT = text(
    """INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, estate_group,
                                    status, success, verification, rollback_outcome, created_at, completed_at,
                                    act_started_at, execution_time_ms, fault_id, trigger_id, lease_until, mode,
                                    prediction_id)
       VALUES (:kind, :type, :action, :name, :target, :group, :status, :success, :verification, 'NOT_PLANNED',
               :began, :ended, CASE WHEN :acted THEN CAST(:began AS timestamptz) END,
               CASE WHEN :acted AND CAST(:ended AS timestamptz) IS NOT NULL THEN 1 END, :fault, :trigger,
               now() + interval '1 minute', 'auto', :prediction)"""
)
_PREDICTION = text(
    """INSERT INTO predictions (id, rule, component, metric, value, threshold, raised_at, ended_at, why)
       VALUES (:id, 'MEMORY_PRESSURE', :name, 'memory_percent', 91, 85, :since, :closed, 'memory is high')"""
)


_STORMS = "SELECT estate_group FROM storms WHERE ended_at IS NULL AND quiet_at > now()"


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
    ahead: dict[str, tuple[UUID, Fault]] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    quiet: bool = False

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
            if self.chance.random() < (0.05 if self.quiet else 0.4):
                self._fault(name, min(ago, timedelta(minutes=self.chance.choice([1, 4, 30]))), closed=False)
            if self.chance.random() < 0.2:
                ago = timedelta(hours=self.chance.choice([0.5, 3, 26]))
                self._fault(name, ago, closed=True, foretold=True)
            self._fault(name, timedelta(minutes=self.chance.choice([3, 20, 90])), closed=False, foretold=True)
        for rung in LADDER if not self.quiet and self.chance.random() < 0.2 else ():
            self._break(rung.action)
        for scope, name in (("estate", ""), ("component", NAMES[2]), ("group", "g")):
            if self.chance.random() < 0.07:
                self._hold(scope, name)
        for group in ("", "g"):
            if self.chance.random() < 0.15:
                self._storm(group)

    def _fault(self, name: str, ago: timedelta, *, closed: bool, foretold: bool = False) -> timedelta:
        """A fault, or a prediction, and its attempts; gives how long ago it was over."""
        place, since = self.place(name), self.now - ago
        person = not closed and self.chance.random() < 0.2
        fault = Fault(component=name, place=place, since=since, closed=closed, person=person, foretold=foretold)
        planned, at = [], since
        for _ in range(self.chance.choice([0, 0, 0, 1] if foretold and self.quiet else [0, 1, 1, 2, 4])):
            began = at + timedelta(seconds=self.chance.randint(1, 200))
            ended = began + timedelta(seconds=self.chance.randint(1, 60))
            if ended >= self.now:
                break
            planned.append(self._heal(fault, began, ended, healed=False))
            at = ended
        if closed and planned and self.chance.random() < 0.7:
            planned[-1].healed = planned[-1].acted = True
        if not closed and not planned and self.chance.random() < (0.05 if foretold else 0.3):
            planned.append(self._heal(fault, self.now - timedelta(seconds=1), None, healed=False))
        over = at + timedelta(seconds=1)
        self._store(fault, planned, over if closed else None)
        if not foretold:
            self.faults.append(fault)
        self.heals.extend(planned)
        return self.now - over - timedelta(seconds=self.chance.randint(1, 900))

    def _heal(self, fault: Fault, began: datetime, ended: datetime | None, *, healed: bool) -> Heal:
        action = self.chance.choice([LADDER[0], LADDER[0], LADDER[1]]).action
        acted = self.chance.random() < 0.9
        unknown = fault.foretold and ended is not None and self.chance.random() < 0.1
        return Heal(
            fault=fault, action=action, began_at=began, ended_at=ended, healed=healed, acted=acted, unknown=unknown
        )

    def _store(self, fault: Fault, heals: list[Heal], closed: datetime | None) -> None:
        fault_id, prediction = uuid7(), uuid7() if fault.foretold else None
        about = {"target": fault.place.target, "name": fault.component, "group": fault.place.group}
        about |= {"kind": "MEMORY_PRESSURE" if fault.foretold else "SERVICE_DOWN", "prediction": prediction}
        with self.engine.begin() as connection:
            if prediction is not None:
                known = {"id": prediction, "name": fault.component, "since": fault.since, "closed": closed}
                connection.execute(_PREDICTION, known)
                if closed is None:
                    self.ahead[fault.component] = prediction, fault
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
                    | {"verification": _verification(one) if over else None},
                )

    def _break(self, action: str) -> None:
        """Its breaker is open."""
        until, name = self.now + timedelta(minutes=5), f"heal:{action}"
        self.breakers[action] = Breaker(name=name, state=State.OPEN, open_until=until)
        with self.engine.begin() as connection:
            connection.execute(
                text("INSERT INTO circuit_breaker_state (component, state, open_until) VALUES (:name, 'OPEN', :until)"),
                {"name": name, "until": until},
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


def limits_of(chance: random.Random, *, quiet: bool) -> Limits:
    return Limits(
        at_once=50 if quiet else chance.choice([1, 3, 50]),
        in_10_min=100 if quiet else chance.choice([2, 10, 100]),
        in_hour=300 if quiet else chance.choice([5, 30, 300]),
        per_action=chance.choice([1, 3]),
        per_fault=chance.choice([2, 5]),
        cooldown=timedelta(minutes=chance.choice([1, 10])),
        flap=timedelta(minutes=chance.choice([1, 10, 60])),
        longest_cooldown=timedelta(minutes=chance.choice([15, 1440])),
        attempts_within=timedelta(hours=chance.choice([1, 24])),
        group_share=chance.choice([0.1, 0.2]),
        parents_first=timedelta(minutes=chance.choice([2, 10])),
        foretold_at_once=chance.choice([1, 2, 50]),
        foretold_in_hour=chance.choice([2, 50, 50]),
        foretold_in_day=chance.choice([2, 3, 100]),
        foretold_of_one=chance.choice([1, 3, 50]),
    )


def _verification(one: Heal) -> str:
    if one.healed:
        return "HEALED"
    return "UNKNOWN" if one.unknown else "NOT_HEALED"


@pytest.mark.timeout(1200)
def test_both_answer_the_same(desk: Callable[..., SqlDesk], empty: Engine, request: pytest.FixtureRequest) -> None:
    """Pasts and limits at random, sick or only foretold: the first refusal is the same, and so is when to ask again."""
    rounds = CAMPAIGN if request.config.getoption("--campaign") else ROUNDS
    met, ahead = set[str](), set[str]()
    for seed in range(rounds):
        chance = random.Random(seed)  # noqa: S311 - a test's dice
        quiet = seed % 2 == 1  # what is only foretold comes last, and would most often be refused for something else
        engine, limits = desk().engine, limits_of(chance, quiet=quiet)
        _forget(engine)
        past = Past(chance, engine, datetime.now(UTC), quiet=quiet)
        past.write()
        for name in NAMES:
            priority = chance.choice([Priority.CRITICAL, Priority.HIGH])
            foretold = chance.random() < 0.5
            told = _by_sql(Heals(engine, limits), past, name, priority, foretold=foretold)
            mine = _by_replay(past, limits, name, priority, foretold=foretold)
            assert (mine.decision, mine.cap) == (told.decision, told.cap), (seed, name, foretold, limits, mine, told)
            (ahead if foretold else met).add(mine.cap or mine.decision)
            if told.retry_at is not None and mine.retry_at is not None:
                assert abs(told.retry_at - mine.retry_at) < timedelta(seconds=2), (seed, name, foretold, mine, told)
    assert met >= {
        "ADMITTED",
        "ALREADY_HEALING",
        "COOLDOWN",
        "ATTEMPTS_EXHAUSTED",
        "BLAST_RADIUS",
        "MAINTENANCE",
        "STORM",
        "CIRCUIT_OPEN",
    }

    assert ahead >= met | {"at_once", "in_an_hour", "in_a_day", "per_component"}


@pytest.mark.timeout(600)
def test_storms_begin_and_end_alike(desk: Callable[..., SqlDesk], request: pytest.FixtureRequest) -> None:
    """Components become sick, are healed and sick again, while time goes by: the same storms, and the same answers."""
    rounds = STORMS_CAMPAIGN if request.config.getoption("--campaign") else STORMS
    met = set[str]()
    for seed in range(rounds):
        _forget(desk().engine)
        met |= _stormy(desk, random.Random(seed))  # noqa: S311 - a test's dice
    assert met >= {"ADMITTED", "STORM", "storm of g", "storm of the estate", "a storm is over"}


def _stormy(desk: Callable[..., SqlDesk], chance: random.Random) -> set[str]:
    """Some hours before both; what was met."""
    sql = desk(
        storm_group=chance.choice([0, 3, 3]),
        storm_estate=chance.choice([0, 4, 6]),
        storm_within=timedelta(minutes=chance.choice([2, 5])),
        storm_quiet=timedelta(minutes=chance.choice([3, 10])),
        cooldown=timedelta(0),
    )
    mine, later = Desk(sql.limits, Thresholds()), timedelta(0)
    met, before = set[str](), set[str]()
    for _ in range(40):
        if chance.random() < 0.15:
            by = timedelta(seconds=chance.choice([70, 210, 430]))  # whose sums meet none of the limits
            sql.passes(by)
            later += by
        name, priority = chance.choice(NAMES), chance.choice([Priority.CRITICAL, *[Priority.HIGH] * 3])
        group, size = ("g", 5) if int(name.rpartition("-")[2]) < 5 else ("", 0)
        place = Place(target=target(name), group=group, group_size=size)
        told = sql.ask(name, priority=priority, group=group, group_size=size)
        now = datetime.now(UTC) + later
        fault = mine.known(place.target) or mine.open(name, place, now, now=now)
        answer = mine.ask(fault, priority, LADDER[:1], now=now)
        decision = answer.decision if isinstance(answer, Answer) else Decision.ADMITTED
        assert decision is told.decision, (name, answer, told)
        standing = {one.group for one in mine.storms if one.quiet_at > now}
        assert standing == set(sql.some(_STORMS)), name
        met |= {decision.value, *(f"storm of {one or 'the estate'}" for one in standing)}
        met |= {"a storm is over"} if before - standing else set()
        before = standing
        if isinstance(answer, Heal) and chance.random() < 0.4:
            sql.end(told, HEALED)
            mine.end(answer, now=now, healed=True)
    return met


def _forget(engine: Engine) -> None:
    tables = "trigger_answers", "healing_triggers", "healing_actions", "faults", "maintenance_windows", "storms"
    with engine.begin() as connection:
        for table in (*tables, "predictions", "circuit_breaker_results", "circuit_breaker_state"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - written above


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer as both give it; of a pre-emptive heal with the cap that refuses it."""

    decision: str
    retry_at: datetime | None = None
    cap: str = ""

    @classmethod
    def of(cls, decision: Decision, reason: str, retry_at: datetime | None) -> "Said":
        return cls(decision=decision.value, retry_at=retry_at, cap=reason.partition(CAP)[2])


def _by_sql(heals: Heals, past: Past, name: str, priority: Priority, *, foretold: bool) -> Said:
    trigger = Trigger(
        id=uuid7(),
        type=TriggerType.SERVICE_DOWN,
        component=name,
        source=Source.WATCHER,
        priority=priority,
        reason="it is down",
        detected_at=datetime.now(UTC),
    )
    if foretold:
        known = ForetoldMetric(id=past.ahead[name][0], metric="memory_percent", value=91, well_below=85)
        trigger = replace(trigger, type=TriggerType.MEMORY_PRESSURE, priority=Priority.HIGH, foretold=known)
    outlook = heals.peek(trigger, place=past.place(name), rungs=LADDER)
    if not outlook.refusals:
        return Said(decision="ADMITTED")
    first = outlook.refusals[0]
    return Said.of(first.decision, first.reason, first.retry_at)


def _by_replay(past: Past, limits: Limits, name: str, priority: Priority, *, foretold: bool) -> Said:
    desk = Desk(
        limits,
        Thresholds(),
        past.holds,
        faults=list(past.faults),
        heals=list(past.heals),
        storms=list(past.storms),
        _breakers=dict(past.breakers),
    )
    known = next((one for one in past.faults if one.component == name and not one.closed), None)
    now = datetime.now(UTC)
    fault = past.ahead[name][1] if foretold else known or Fault(component=name, place=past.place(name), since=now)
    person = fault.person
    answer = desk.ask(fault, Priority.HIGH if foretold else priority, LADDER, now=now)
    fault.person = person
    if isinstance(answer, Answer):
        return Said.of(answer.decision, answer.reason, answer.retry_at)
    return Said(decision="ADMITTED")
