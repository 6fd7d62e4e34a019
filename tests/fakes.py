"""Stand-ins for the world, for tests without servers.

`FakeControl`, `FakeProcesses`, `FakePaths`, `FakeInside`, `FakeReplicas` and `FakeHeals` pass the conformance tests of
what is real.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from uuid6 import uuid7

from selfheal.clients.docker import checked_id
from selfheal.model.admission import Answer, Decision, Outlook, Place, Refusal, Rung
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Attempt, Holder, Outcome, Phase, Plan, RollbackOutcome, Status, Verification
from selfheal.model.check import Executed, GoodCopy, MemoryUse, PathStanding, PathState, Replicas
from selfheal.model.component import Component
from selfheal.model.errors import NotAllowed, Permanent, PlanNeeded, SelfhealError, TargetChanged
from selfheal.model.migration import CatalogueEntry
from selfheal.model.mode import ActionMode
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.role_rights import RoleRights
from selfheal.model.trigger import Trigger
from selfheal.policy.names import nearest
from selfheal.ports import Clock

T = TypeVar("T")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


class FakeControl:
    """A supervisor whose programs start and stop at once; `calls` tells what was done to them."""

    def __init__(self, **states: str) -> None:
        self.calls: list[str] = []
        self.log = "one line\n"
        self.away: SelfhealError | None = None
        self._pid = 100
        self._lives = {name: self._life(state) for name, state in states.items()}

    def processes(self) -> Mapping[str, Incarnation]:
        self._answer()
        return dict(self._lives)

    def process(self, program: str) -> Incarnation:
        self._answer()
        if "/" in program or not program:
            raise NotAllowed(f"{program!r} is no name of a program")
        if program not in self._lives:
            raise Permanent(f"the supervisor knows no program {program!r}{nearest(program, self._lives)}")
        return self._lives[program]

    def stop(self, program: str, *, timeout: timedelta) -> None:  # noqa: ARG002
        if self.process(program).running:
            self.calls.append(f"stop {program}")
            self._lives[program] = Incarnation(pid=0, started_at=self._lives[program].started_at, state="STOPPED")

    def start(self, program: str, *, timeout: timedelta) -> None:  # noqa: ARG002
        if not self.process(program).running:
            self.calls.append(f"start {program}")
            self._lives[program] = self._life("RUNNING")

    def log_tail(self, program: str, *, size: int) -> str:
        self.process(program)
        return self.log[-size:]

    def _life(self, state: str) -> Incarnation:
        self._pid += 1
        up = state in {"RUNNING", "STARTING", "STOPPING"}
        return Incarnation(pid=self._pid if up else 0, started_at=self._pid, state=state)

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away


class FakeBroker:
    """Answers each ping with the next of `answers` (an error, or milliseconds), the last one for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)
        self.pings = 0
        self.sent: list[tuple[str, bytes]] = []

    def ping(self, url: str, *, credentials: tuple[str, str] | None, timeout: timedelta) -> int:  # noqa: ARG002
        self.pings += 1
        return _next(self._answers)

    def publish(
        self, url: str, subject: str, body: bytes, *, credentials: tuple[str, str] | None, timeout: timedelta
    ) -> None:
        self.ping(url, credentials=credentials, timeout=timeout)
        self.sent.append((subject, body))


class FakeHttp:
    """Answers each get with the next of `answers` (an error, or a status), the last one for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)
        self.gets: list[str] = []
        self.body = ""
        self.sent: list[tuple[str, str, str, str]] = []

    def get(self, url: str, *, timeout: timedelta) -> tuple[int, int]:  # noqa: ARG002
        self.gets.append(url)
        return _next(self._answers), 7

    def read(self, url: str, *, token: str, timeout: timedelta) -> str:  # noqa: ARG002
        self.get(url, timeout=timeout)
        return self.body

    def send(self, method: str, url: str, *, token: str, body: str, timeout: timedelta) -> int:  # noqa: ARG002
        self.sent.append((method, url, token, body))
        return _next(self._answers)


def _next(answers: list[int | Exception]) -> int:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


def always(health: Health) -> Callable[[object], Observation]:
    """An observer that always sees the same."""
    return lambda component: Observation(component=component.name, health=health, detail="", observed_at=NOON)  # type: ignore[attr-defined]


@dataclass(kw_only=True)
class FakeFault:
    """An open or closed fault."""

    id: UUID
    target: str
    detected_at: datetime
    component: str = ""
    open: bool = True
    needs_person: str | None = None
    prediction: UUID | None = None


@dataclass(kw_only=True)
class FakeRow:
    """An attempt and what only the store knows of it."""

    attempt: Attempt
    target: str
    action_type: str
    lease_until: datetime
    acted: bool = False
    execution_ms: int | None = None
    settled_fence: int = 0
    completed_at: datetime | None = None

    @property
    def tried(self) -> bool:
        """Whether its act was begun, and not declined; of an interrupted one nobody knows."""
        outcome = self.attempt.outcome
        return self.acted and (self.execution_ms is not None or (outcome is not None and outcome.interrupted))

    @property
    def unfinished(self) -> bool:
        return self.completed_at is None


PER_ACTION = 3
WIDE = {
    "at_once": 64,
    "in_10_minutes": 10_000,
    "in_an_hour": 100_000,
    "attempts_per_action": 100,
    "attempts_per_fault": 100,
    "storm_estate": 0,
}
"""Settings of `healing` for tests that break more than the limits allow; each limit has its own test."""
NEVER_TRIPS = {"fewest": 1000}
"""Settings of `breakers`, for the same."""


class FakeHeals:
    """The store of heals in memory, on a clock of the test; `calls` tells what was written, in order.

    `fail` maps the name of a method to errors that its next calls raise, one each.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        lease: timedelta = timedelta(seconds=60),
        cooldown: timedelta = timedelta(minutes=10),
        flap: timedelta = timedelta(minutes=10),
    ) -> None:
        self.calls: list[str] = []
        self.predictions: set[UUID] = set()  # those that stand
        self.paused = ""  # why, while it is
        self.fail: dict[str, list[Exception]] = {}
        self.rows: dict[UUID, FakeRow] = {}
        self.faults: dict[UUID, FakeFault] = {}
        self._answers: dict[UUID, Answer] = {}
        self.plans: list[Proposal] = []
        self._clock, self._lease, self._cooldown, self._flap = clock, lease, cooldown, flap

    def admit(
        self,
        trigger: Trigger,
        *,
        place: Place,
        rungs: Sequence[Rung],
        observation: Observation | None,
        refusal: Refusal | None,
        plans: Sequence[Proposal] = (),
    ) -> Answer:
        self._call("admit")
        if trigger.id in self._answers:
            return replace(self._answers[trigger.id], repeated=True)
        standing = self._standing(place.target, rungs)
        if refusal is None and isinstance(standing, Rung) and standing.mode != "auto":
            standing = self._restrained(standing, plans)
        told = trigger.foretold
        if told is not None and told.id not in self.predictions:
            standing = Answer(decision=Decision.ALREADY_HEALTHY, reason="what was foretold no longer holds")
        if refusal is not None:
            standing = Answer(decision=refusal.decision, reason=refusal.reason)
        sick = observation is not None and observation.health is not Health.HEALTHY
        opens = sick if told is None else isinstance(standing, Rung)
        fault = self._fault(place.target, trigger.component, None if told is None else told.id) if opens else None
        answer = standing if isinstance(standing, Answer) else self._admitted(trigger, place.target, standing, fault)
        answer = replace(answer, fault_id=None if fault is None else fault.id)
        self._answers[trigger.id] = answer
        return answer

    def _restrained(self, rung: Rung, plans: Sequence[Proposal]) -> Answer:
        """What does not act by itself: no plan of an action that only observes, of the others it must be known."""
        if rung.mode == "observe":
            return Answer(decision=Decision.NOT_ALLOWED, reason=f"{rung.action} is in mode {rung.mode}")
        if rung.action not in {one.action for one in plans}:
            raise PlanNeeded(rung.action)
        self.plans.extend(plans)
        decision = Decision.AWAITING_APPROVAL if rung.mode == "approve" else Decision.NOT_ALLOWED
        return Answer(decision=decision, reason=f"{rung.action} is in mode {rung.mode}")

    def peek(self, trigger: Trigger, *, place: Place, rungs: Sequence[Rung]) -> Outlook:  # noqa: ARG002
        self._call("peek")
        standing = self._standing(place.target, rungs)
        if isinstance(standing, Answer):
            return Outlook(refusals=(standing,))
        return Outlook(action=standing.action)

    def claim(self, attempt_id: UUID, *, fence: int, holder: Holder, run: UUID | None = None) -> Attempt | None:
        self._call("claim")
        row = self.rows.get(attempt_id)
        if row is None or not row.unfinished or row.attempt.fence != fence:
            return None
        if row.attempt.status is Status.RUNNING and row.lease_until >= self._clock.now():
            return None
        row.lease_until = self._clock.now() + self._lease
        known, held_by = row.attempt.flow_runs, row.attempt.holder
        row.attempt = replace(
            row.attempt,
            status=Status.RUNNING,
            fence=fence + 1,
            runs=row.attempt.runs + 1,
            holder=holder,
            displaced=row.attempt.displaced if held_by is None else (*row.attempt.displaced, held_by),
            flow_runs=known if run is None or run in known else (*known, run),
        )
        return row.attempt

    def renew(self, held: Mapping[UUID, int]) -> set[UUID]:
        self._call("renew")
        ours = {key for key, fence in held.items() if self._held(key, fence)}
        for key in ours:
            self.rows[key].lease_until = self._clock.now() + self._lease
        return ours

    def record_plan(self, attempt_id: UUID, *, fence: int, plan: Plan) -> bool:
        row = self._held(attempt_id, fence)
        if row is not None and row.attempt.phase not in {None, Phase.PREPARED}:
            self._call("record_plan")
            return False
        return self._change("record_plan", attempt_id, fence, plan=plan, phase=Phase.PREPARED)

    def announce_act(self, attempt_id: UUID, *, fence: int, timeout: timedelta) -> bool:
        row = self._held(attempt_id, fence)
        told = None if row is None else row.attempt.foretold
        off = told is not None and told.id not in self.predictions
        off = off or row is None or row.attempt.phase is not Phase.PREPARED
        if row is None or off or row.lease_until <= self._clock.now() + self._lease / 4:
            self._call("announce_act")
            return False
        row.acted = True
        deadline = self._clock.now() + timeout
        return self._change("announce_act", attempt_id, fence, phase=Phase.ACTING, act_deadline=deadline)

    def enter(self, attempt_id: UUID, *, fence: int, phase: Phase) -> bool:
        return self._change(f"enter {phase}", attempt_id, fence, phase=phase)

    def settle(self, attempt_id: UUID, *, fence: int, outcome: Outcome, execution_ms: int | None) -> bool:
        self._call("settle")
        row = self._held(attempt_id, fence)
        if row is None:
            known = self.rows.get(attempt_id)
            return known is not None and not known.unfinished and known.settled_fence == fence
        row.attempt = replace(row.attempt, status=outcome.status, outcome=replace(outcome, escalate=False))
        row.completed_at, row.settled_fence, row.execution_ms = self._clock.now(), fence, execution_ms
        fault = self.faults[row.attempt.fault_id]
        fruitless = [
            one for one in self._of(fault) if one.attempt.outcome and (one.attempt.outcome.interrupted or not one.acted)
        ]
        if outcome.verification is Verification.HEALED:
            fault.open = False
            self.predictions -= {fault.prediction} if fault.prediction else set()
        elif outcome.escalate or len(fruitless) >= 3:
            fault.needs_person = outcome.message
        return True

    def held_back(self, attempt_id: UUID, *, mode: str) -> str:
        self._call("held_back")
        one = self.rows[attempt_id].attempt
        stricter = ActionMode(mode).rank < (ActionMode.APPROVE if one.approved else ActionMode.AUTO).rank
        return self.paused or (f"{one.action} is in mode {mode} by now" if stricter else "")

    def stands(self, prediction: UUID) -> bool:
        self._call("stands")
        return prediction in self.predictions

    def release(self, attempt_id: UUID, *, fence: int, holder: Holder) -> None:
        row = self.rows[attempt_id]
        if row.attempt.holder != holder:
            self._call("release")
        elif self._change("release", attempt_id, fence, holder=None):
            self.rows[attempt_id].lease_until = self._clock.now() - timedelta(microseconds=1)

    def attempt(self, attempt_id: UUID) -> Attempt | None:
        self._call("attempt")
        row = self.rows.get(attempt_id)
        return None if row is None else row.attempt

    def expired(self) -> Sequence[Attempt]:
        self._call("expired")
        now = self._clock.now()
        return [
            row.attempt
            for row in self.rows.values()
            if row.unfinished
            and row.lease_until < now
            and (
                row.attempt.phase is not Phase.ACTING
                or (row.attempt.act_deadline is not None and row.attempt.act_deadline < now)
            )
        ]

    def has_open_fault(self, target: str) -> bool:
        self._call("has_open_fault")
        mine = [fault for fault in self.faults.values() if fault.prediction is None and fault.target == target]
        return any(fault.open for fault in mine)

    def stopped_by_us(self, target: str) -> bool:
        self._call("stopped_by_us")
        fault = next((one for one in self.faults.values() if one.open and one.target == target), None)
        rows = [row for row in self.rows.values() if fault and row.attempt.fault_id == fault.id and row.tried]
        if not rows or rows[-1].attempt.outcome is None:
            return False
        last, outcome = rows[-1].attempt, rows[-1].attempt.outcome
        plan = last.plan or Plan()
        rolled_to_stop = outcome.rollback is RollbackOutcome.DONE and (plan.rollback or {}).get("restore") == "stopped"
        not_started = plan.before is not None and plan.before.state == "STOPPED" and outcome.status is Status.FAILED
        return outcome.interrupted or rolled_to_stop or not_started

    def close_recovered(self, target: str, *, seen_at: datetime, except_of: Collection[str] = ()) -> bool:
        self._call("close_recovered")
        mine = [row for row in self.rows.values() if row.target == target]
        if any(row.unfinished or (row.completed_at or seen_at) > seen_at for row in mine):
            return False
        closing = [
            fault
            for fault in self.faults.values()
            if fault.open
            and fault.target == target
            and fault.prediction is None
            and fault.detected_at < seen_at
            and fault.component not in except_of
        ]
        for fault in closing:
            fault.open = False
        return bool(closing)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if errors := self.fail.get(name.partition(" ")[0]):
            raise errors.pop(0)

    def _change(self, call: str, attempt_id: UUID, fence: int, **values: object) -> bool:
        self._call(call)
        row = self._held(attempt_id, fence)
        if row is not None:
            row.attempt = replace(row.attempt, **values)  # type: ignore[arg-type]
        return row is not None

    def _held(self, attempt_id: UUID, fence: int) -> FakeRow | None:
        row = self.rows.get(attempt_id)
        held = row is not None and row.attempt.fence == fence and row.attempt.status is Status.RUNNING
        return row if held else None

    def _fault(self, target: str, component: str, prediction: UUID | None = None) -> FakeFault:
        mine = [one for one in self.faults.values() if one.target == target and one.prediction == prediction]
        found = next((fault for fault in mine if fault.open), None)
        if found is None:
            now = self._clock.now()
            found = FakeFault(id=uuid7(), target=target, component=component, detected_at=now, prediction=prediction)
            self.faults[found.id] = found
        return found

    def _of(self, fault: FakeFault) -> list[FakeRow]:
        return [row for row in self.rows.values() if row.attempt.fault_id == fault.id]

    def _admitted(self, trigger: Trigger, target: str, rung: Rung, fault: FakeFault | None) -> Answer:
        assert fault is not None, "what is healthy is refused at the door"
        attempt = Attempt(
            id=uuid7(),
            fault_id=fault.id,
            component=trigger.component,
            target=target,
            action=rung.action,
            trigger_type=trigger.type.value,
            status=Status.PENDING,
            fence=0,
            phase=None,
            holder=None,
            act_deadline=None,
            runs=0,
            plan=None,
            created_at=self._clock.now(),
            foretold=trigger.foretold,
        )
        self.rows[attempt.id] = FakeRow(
            attempt=attempt, target=target, action_type=rung.action_type, lease_until=self._clock.now() + self._lease
        )
        reason = f"{rung.action} on {trigger.component}"
        return Answer(decision=Decision.ADMITTED, reason=reason, attempt_id=attempt.id)

    def _standing(self, target: str, rungs: Sequence[Rung]) -> Answer | Rung:
        """The refusal that stands, or the rung that may be tried."""
        for row in self.rows.values():
            if row.target == target and row.unfinished:
                return Answer(
                    decision=Decision.ALREADY_HEALING,
                    reason=f"attempt {row.attempt.id} ({row.attempt.action}) is under way on this target",
                    attempt_id=row.attempt.id,
                    retry_at=row.lease_until,
                )
        cooling: Answer | None = None
        for rung in rungs:
            counted = self._counted(target, rung.action_type)
            if sum(self._tried(key) for key, _ in counted) >= PER_ACTION:
                continue
            until = counted[-1][1] + self._cooldown * 2 ** (len(counted) - 1) if counted else self._clock.now()
            if until <= self._clock.now():
                return rung
            if cooling is None or cooling.retry_at is None or until < cooling.retry_at:
                cooling = Answer(
                    decision=Decision.COOLDOWN, reason="cooling down", attempt_id=counted[-1][0], retry_at=until
                )
        return cooling or Answer(decision=Decision.ATTEMPTS_EXHAUSTED, reason="a person must look")

    def _tried(self, attempt_id: UUID) -> bool:
        row = self.rows[attempt_id]
        return row.acted and not (row.attempt.outcome is not None and row.attempt.outcome.interrupted)

    def _counted(self, target: str, action_type: str) -> list[tuple[UUID, datetime]]:
        """What a cool-down counts of the last 24 hours, oldest first."""
        begin = self._clock.now() - timedelta(hours=24)
        ended = sorted(
            (row.completed_at, row.attempt.id)
            for row in self.rows.values()
            if (row.target, row.action_type) == (target, action_type) and row.completed_at and row.completed_at > begin
        )
        counted = []
        for number, (at, key) in enumerate(ended):
            row = self.rows[key]
            flaps = number > 0 and at - ended[number - 1][0] < self._flap
            failed = row.attempt.status is not Status.SUCCESS
            interrupted = row.attempt.outcome is not None and row.attempt.outcome.interrupted
            fault = self.faults[row.attempt.fault_id]
            handed_over = fault.open and fault.needs_person is not None
            if handed_over or (not interrupted and row.acted and (failed or flaps)):
                counted.append((key, at))
        return counted


class FakeDatabase:
    """A database of the estate: `says` is what each ping gives or raises; `objects` the states of what is in it."""

    def __init__(self, *says: int | Exception, **objects: str) -> None:
        self._says = list(says) or [1]
        self.objects = {name.replace("__", "."): state for name, state in objects.items()}
        self.held: dict[str, CatalogueEntry] = {}
        self.applied: list[str] = []
        self.pings = 0

    def ping(self, *, timeout: timedelta) -> int:  # noqa: ARG002
        self.pings += 1
        return _next(self._says)

    def object(self, name: str, *, timeout: timedelta) -> Incarnation:
        self.ping(timeout=timeout)
        state = self.objects.get(name, "MISSING")
        return Incarnation(pid=0, started_at=0, state=state, id="" if state == "MISSING" else "1")

    def entries(self) -> Mapping[str, CatalogueEntry]:
        return self.held

    def apply(self, entry: str, *, sha256: str, timeout: timedelta) -> bool:  # noqa: ARG002
        self.applied.append(entry)
        made = self.held[entry].creates
        new = self.objects.get(made, "MISSING") == "MISSING"
        self.objects[made] = "PRESENT"
        return new

    def rights(self) -> RoleRights:
        return RoleRights(role="selfheal_estate", privileged=False, member_of=(), may_create_in=())


class FakeEngine:
    """A Docker engine with one container, which lives `life`; only looked at."""

    def __init__(self) -> None:
        self.life = Incarnation(pid=7, started_at=1, state="RUNNING", id="b" * 64)
        self.log = "Error: Cannot find module 'pg'\n"
        self.inspected: dict[str, object] = {"image": "web:1", "stop_signal": "SIGTERM"}

    def container(self, name: str) -> Incarnation:  # noqa: ARG002
        return self.life

    def inspect(self, container_id: str) -> dict[str, object]:  # noqa: ARG002
        return self.inspected

    def log_tail(self, container_id: str, *, lines: int) -> str:  # noqa: ARG002
        return self.log


class FakeInside:
    """The inside of containers: `executes` is what commands end with or raise, in turn, the last one for ever."""

    def __init__(
        self,
        *,
        executes: Sequence[Executed | Exception] = (Executed(exit_code=0, output=""),),
        path: PathStanding | Exception = PathStanding(state=PathState.PRESENT),  # noqa: B008 - frozen
        memory: MemoryUse | Exception = MemoryUse(used=0),  # noqa: B008 - frozen
    ) -> None:
        self.executes, self.standing, self.use = list(executes), path, memory
        self.ran: list[tuple[str, ...]] = []
        self.signals: list[str] = []

    def execute(self, container_id: str, command: tuple[str, ...], *, timeout: timedelta) -> Executed:  # noqa: ARG002
        checked_id(container_id)
        self.ran.append(command)
        return _said(self.executes.pop(0) if len(self.executes) > 1 else self.executes[0])

    def path(self, container_id: str, path: str, *, mounted: bool) -> PathStanding:  # noqa: ARG002
        checked_id(container_id)
        return _said(self.standing)

    def memory(self, container_id: str) -> MemoryUse:
        checked_id(container_id)
        return _said(self.use)

    def signal(self, container_id: str, name: str) -> None:
        checked_id(container_id)
        self.signals.append(name)


class FakeProcesses:
    """Processes of this machine; `handled` is what they handle."""

    def __init__(self, *, used: int = 0, handled: Collection[str] = ("SIGUSR1",)) -> None:
        self.used, self.handled = used, handled
        self.signals: list[tuple[int, str]] = []

    def memory(self, life: Incarnation) -> MemoryUse:
        if not life.pid:
            raise Permanent("there is no process 0 on this machine")
        return MemoryUse(used=self.used)

    def signal(self, life: Incarnation, name: str, *, still: Callable[[], bool]) -> None:
        if not life.pid:
            raise TargetChanged("there is no process 0 any more: nothing was sent")
        if name not in self.handled:
            raise NotAllowed(f"process {life.pid} does not handle {name} and would end by it: nothing was sent")
        if not still():
            raise TargetChanged(f"process {life.pid} was restarted by somebody else meanwhile: nothing was sent")
        self.signals.append((life.pid, name))


class FakePaths:
    """Files of this machine, all of which stand the same; `calls` tells what was done."""

    def __init__(
        self, standing: PathStanding | Exception, *, copy: GoodCopy | None = None, unmountable: str = ""
    ) -> None:
        self.stands, self._copy, self._unmountable = standing, copy, unmountable
        self.refuses: SelfhealError | None = None
        self.calls: list[str] = []

    def standing(self, path: str, *, mounted: bool, timeout: timedelta) -> PathStanding:  # noqa: ARG002
        return _said(self.stands)

    def mountable(self, path: str) -> str:  # noqa: ARG002
        return self._unmountable

    def mount(self, path: str, *, timeout: timedelta) -> None:  # noqa: ARG002
        if self._unmountable:
            raise Permanent(f"mounting {path} was refused: {self._unmountable}")
        self._do(f"mount {path}")

    def keep(self, path: str, folder: str, *, timeout: timedelta) -> None:  # noqa: ARG002
        self._do(f"keep {path}")

    def copy(self, path: str, folder: str) -> GoodCopy | None:  # noqa: ARG002
        return self._copy

    def put_back(self, path: str, folder: str, *, sha256: str, who: str, why: str) -> None:  # noqa: ARG002
        if self._copy is None or self._copy.sha256 != sha256:
            raise TargetChanged(f"another copy of {path} is the last good one by now: nothing was changed")
        if _said(self.stands).state is PathState.PRESENT:
            raise TargetChanged(f"something is at {path} again: nothing was changed")
        self._do(f"put back {path}")
        self.stands = PathStanding(state=PathState.PRESENT)

    def _do(self, what: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.calls.append(what)


def _said(answer: T | Exception) -> T:
    if isinstance(answer, Exception):
        raise answer
    return answer


class FakeReplicas:
    """A set of replicas that comes and goes at once; `asked` tells which numbers it was brought to.

    `away` is raised by each look; an `idle` one takes every change for done, and changes nothing.
    """

    def __init__(self, running: int, *, there: int | None = None) -> None:
        self.now = Replicas(running=running, there=running if there is None else there)
        self.asked: list[int] = []
        self.away: SelfhealError | None = None
        self.idle = False

    def look(self, component: Component) -> Replicas:  # noqa: ARG002
        if self.away is not None:
            raise self.away
        return self.now

    def bring_to(self, component: Component, number: int) -> str:  # noqa: ARG002
        self.asked.append(number)
        if not self.idle:
            self.now = Replicas(running=number, there=number)
        return "done"
