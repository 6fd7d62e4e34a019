"""What the domain asks of the world: clients, probes, actions and the store fulfil these; bootstrap wires them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from selfheal.model.admission import Answer, Outlook, Place, Refusal, Rung
from selfheal.model.alert import Alert
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Attempt, Holder, Outcome, Phase, Plan
from selfheal.model.breaker import Denial, Permit
from selfheal.model.component import Component
from selfheal.model.ending import Ending
from selfheal.model.health import ComponentHealth, Watch
from selfheal.model.migration import CatalogueEntry
from selfheal.model.observation import Incarnation, Observation
from selfheal.model.standing import Standing
from selfheal.model.trigger import Trigger


class ServiceControl(Protocol):
    """A supervisor of processes (supervisord over XML-RPC).

    Every call answers within the client's time-out or raises `Transient` (away, too slow);
    a program that the supervisor does not know raises `Permanent` with the names it knows.
    """

    def processes(self) -> Mapping[str, Incarnation]:
        """All programs by name."""
        ...

    def process(self, program: str) -> Incarnation:
        """One program."""
        ...

    def stop(self, program: str, *, timeout: timedelta) -> None:
        """Stop with the program's own signal and grace, and wait for the end; no error if it does not run."""
        ...

    def start(self, program: str, *, timeout: timedelta) -> None:
        """Start without waiting for its health; no error if it already runs; `Permanent` if it cannot be spawned."""
        ...

    def log_tail(self, program: str, *, size: int) -> str:
        """The last `size` bytes of the program's output, decoded; empty when it keeps none."""
        ...


class Changes(Protocol):
    """A stream of containers that changed: their names, one by one, until the engine goes away or `close`."""

    def __iter__(self) -> Iterator[str]:
        """Ends, silently, when the engine dies; what happens while nobody listens never comes."""
        ...

    def close(self) -> None:
        """End the stream; may be called from another thread."""
        ...


class ContainerControl(Protocol):
    """A Docker engine.

    Every call answers within the client's time-out, or its own, or raises `Transient` (away, frozen, too slow).
    Names are looked up in the engine's list and never become part of a path: what is no name is `NotAllowed`. Acts
    take the id of the container that was looked at, so that another one of the same name is never touched.
    """

    def containers(self, names: Collection[str] | None = None) -> Mapping[str, Incarnation]:
        """These containers (None: all) by name; one that does not exist has the state REMOVED."""
        ...

    def container(self, name: str) -> Incarnation:
        """One container, looked at afresh."""
        ...

    def inspect(self, container_id: str) -> dict[str, Any]:
        """What is worth keeping as evidence: state, health log, limits, restart policy, and what it uses if it runs."""
        ...

    def stop_grace(self, container_id: str) -> timedelta:
        """How long the container may take to stop before it is killed, as it was created."""
        ...

    def restart(self, container_id: str, *, timeout: timedelta) -> None:
        """Stop with the container's own signal and grace, and start; one call to the engine. Waits for the start."""
        ...

    def start(self, container_id: str, *, timeout: timedelta) -> None:
        """Start without waiting for its health; no error if it already runs; `Permanent` if it cannot be started."""
        ...

    def stop(self, container_id: str, *, timeout: timedelta) -> None:
        """Stop with the container's own signal and grace, and wait for the end; no error if it does not run."""
        ...

    def pause(self, container_id: str) -> None:
        """Freeze its processes; no error if they are."""
        ...

    def unpause(self, container_id: str) -> None:
        """Let them run again; no error if they do."""
        ...

    def log_tail(self, container_id: str, *, lines: int) -> str:
        """Its last lines, decoded; empty when its log cannot be read back."""
        ...

    def changes(self) -> Changes:
        """Subscribe: once this returns, no change is missed until the stream ends."""
        ...


class HttpClient(Protocol):
    """Asks a URL."""

    def get(self, url: str, *, timeout: timedelta) -> tuple[int, int]:
        """Status code and milliseconds; `Transient` says in words why there was no answer."""
        ...

    def send(self, method: str, url: str, *, token: str, body: str, timeout: timedelta) -> int:
        """One call with a bearer token, if there is one, and a body; its status code. `Transient` as for `get`."""
        ...


class BrokerClient(Protocol):
    """Asks a NATS broker."""

    def publish(
        self, url: str, subject: str, body: bytes, *, credentials: tuple[str, str] | None, timeout: timedelta
    ) -> None:
        """Connect anew and send one message; the broker has taken it when this returns.

        Errors as for `ping`; `Permanent` too where the broker does not let us publish there.
        """
        ...

    def ping(self, url: str, *, credentials: tuple[str, str] | None, timeout: timedelta) -> int:
        """Connect anew, flush, and give the milliseconds of the flush.

        `Transient` says why there was no answer; `Permanent` that we asked wrongly (address, password).
        """
        ...


class EstateDatabase(Protocol):
    """A database of the estate's own, asked as the limited role; each call connects anew.

    `Transient`: it does not answer. `Permanent`: it answers, and does not let us in or know what we ask for.
    """

    def ping(self, *, timeout: timedelta) -> int:
        """SELECT 1; its milliseconds."""
        ...

    def object(self, name: str, *, timeout: timedelta) -> Incarnation:
        """A table or view, as `schema.name`: its state is PRESENT, MISSING or UNPOPULATED."""
        ...

    def entries(self) -> Mapping[str, CatalogueEntry]:
        """The catalogue of migrations that it holds, by name; `NotAllowed` where it has none for us."""
        ...

    def apply(self, entry: str, *, sha256: str, timeout: timedelta) -> bool:
        """Run an entry in one transaction unless its object stands; whether it ran.

        `TargetChanged`: the catalogue holds something else than `sha256`, nothing was run. `Undone`: it failed, and
        nothing of it is left. `Transient`: nobody can tell.
        """
        ...

    def standing(self) -> Standing:
        """What the role may do beyond what it needs."""
        ...


class Probe(Protocol):
    """One way to observe a component's health. It never raises: what it could not tell is UNKNOWN."""

    def observe(self, component: Component, incarnation: Incarnation | None) -> Observation:
        """One look; `incarnation` is what its keeper says of the process or container, None if it could not say."""
        ...


class Observe(Protocol):
    """One look at a component: process or container as its keeper sees it, then the probe. It never raises."""

    def __call__(self, component: Component) -> Observation:
        """The observation."""
        ...


class Action(Protocol):
    """One way to heal. Every action has this shape; `selfheal.actions.table` lists them.

    Attributes:
        name: as in a ladder, e.g. `restart-service`.
        action_type: as in `healing_actions`, e.g. `RESTART_SERVICE`.
        mode: observe, shadow, approve or auto.
        risk: in words, for a person who is asked.
        manual_minutes: what the same costs a person.
        timeout: the act itself is over by then; it becomes the act's deadline.
    """

    name: str
    action_type: str
    mode: str
    risk: str
    manual_minutes: int
    timeout: timedelta

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether this action fits this reason on this component."""
        ...

    def prepare(self, component: Component) -> Plan:
        """Look and keep the evidence; changes nothing. `Transient` when the target's keeper cannot be asked."""
        ...

    def commit(self, component: Component, plan: Plan) -> str:
        """Do it, once, within `timeout`; says what was done. Any error leaves the effect for observation to tell."""
        ...

    def validate(self, component: Component) -> Observation:
        """One look at the result; never raises."""
        ...

    def rollback(self, component: Component, plan: Plan) -> str:
        """Go back to what `plan.rollback` says; safe to repeat; says what was done."""
        ...


class HealStore(Protocol):
    """Faults, triggers and attempts. Times are the database's; every write of a holder carries its fence."""

    def admit(  # noqa: PLR0913 - each is a part of the question
        self,
        trigger: Trigger,
        *,
        place: Place,
        rungs: Sequence[Rung],
        observation: Observation | None,
        refusal: Refusal | None,
        plans: Sequence[Proposal] = (),
    ) -> Answer:
        """Admission in one transaction: the answer is recorded, and with ADMITTED the fault and the intent.

        The first of the rungs that is neither exhausted, nor cooling down, nor denied by its breaker is taken; one in
        mode approve asks a person, AWAITING_APPROVAL.

        Raises:
            PlanNeeded: ask again with what that action would do among the plans; nothing is recorded.
        """
        ...

    def peek(self, trigger: Trigger, *, place: Place, rungs: Sequence[Rung]) -> Outlook:
        """All that would stand in the way now, in the order of admission's questions; records nothing."""
        ...

    def claim(self, attempt_id: UUID, *, fence: int, holder: Holder) -> Attempt | None:
        """Take an attempt whose fence is still `fence`: RUNNING, fence + 1, a new lease. None: somebody else did."""
        ...

    def renew(self, held: Mapping[UUID, int]) -> set[UUID]:
        """Prolong the leases of these attempts (id to fence); gives back those that are still ours."""
        ...

    def record_plan(self, attempt_id: UUID, *, fence: int, plan: Plan) -> bool:
        """Store what `prepare` learned, phase PREPARED. False: no longer ours."""
        ...

    def announce_act(self, attempt_id: UUID, *, fence: int, timeout: timedelta) -> bool:
        """Commit phase ACTING and the act's deadline if the lease still covers it. False: stand down."""
        ...

    def enter(self, attempt_id: UUID, *, fence: int, phase: Phase) -> bool:
        """Commit the next phase. False: no longer ours."""
        ...

    def settle(self, attempt_id: UUID, *, fence: int, outcome: Outcome, execution_ms: int | None) -> bool:
        """Write the one outcome and its consequence for the fault. False: no longer ours.

        Repeating it after a lost answer gives True again: with this fence only we can have written it.
        """
        ...

    def release(self, attempt_id: UUID, *, fence: int) -> None:
        """Let go of an unfinished attempt: anybody may take it over at once, and nobody is ended for it."""
        ...

    def attempt(self, attempt_id: UUID) -> Attempt | None:
        """One attempt."""
        ...

    def expired(self) -> Sequence[Attempt]:
        """Unfinished attempts whose lease is over and whose announced act, if any, must be over too."""
        ...

    def has_open_fault(self, target: str) -> bool:
        """Whether a fault of this target is still open."""
        ...

    def stopped_by_us(self, target: str) -> bool:
        """Whether the newest attempt of the target's open fault left it stopped.

        It was interrupted in its act, or it was rolled back to a target that was found stopped.
        """
        ...

    def close_recovered(self, target: str, *, seen_at: datetime) -> bool:
        """Close the open fault of a target that is healthy again without an attempt under way.

        Only if it was seen healthy after it was detected and after its last attempt: whoever slept in between knows
        nothing of either.
        """
        ...


class AlertOutbox(Protocol):
    """Alerts that wait to be delivered."""

    def claim(self, *, limit: int, pause: timedelta) -> Sequence[Alert]:
        """Those that are due; nobody else gets them for `pause`, doubled with each try."""
        ...

    def sent(self, alert: UUID) -> None:
        """It was delivered."""
        ...

    def failed(self, alert: UUID, why: str) -> None:
        """It was not; it comes again."""
        ...


class AlertChannel(Protocol):
    """A way to tell people."""

    def send(self, alert: Alert) -> None:
        """Deliver it once; `Transient` if it was not taken."""
        ...


class AgentBreakers(Protocol):
    """The breakers of agents, for what starts workflows: ask before, renew while it runs, tell how it ended.

    `policy.breaker_names.agent_breaker` forms the names. A name that is none is `Permanent`, whatever is asked.
    """

    def ask(self, name: str, permit: UUID) -> Permit | Denial:
        """May a workflow of this agent begin? `permit` is client-made: the same one again gets the same answer.

        Never raises for the database's sake: where it does not answer, the answer is a `Denial` that says so.
        """
        ...

    def renew(self, name: str, permit: Permit) -> bool:
        """The workflow runs, and is not stuck: keep its permit. To be called well within the permit's lease.

        False: its permit is lost, and the result will not count; the workflow itself may go on. `Transient`: nobody
        can tell; try again within the lease.
        """
        ...

    def ended(self, name: str, permit: Permit, ending: Ending, *, note: str = "") -> None:
        """How it ended; counted once, however often it is told, so `Transient` may be answered by telling again.

        `note` tells people which workflow it was.
        """
        ...


class TriggersRaised(Protocol):
    """Triggers that were written in the transaction of what raised them."""

    def due(self, *, limit: int, pause: timedelta) -> Sequence[Trigger]:
        """Those that admission has not answered; nobody else gets them for `pause`."""
        ...


class HealthStore(Protocol):
    """`health_history` and the hand-over between runs of a watcher."""

    def record(self, health: Sequence[ComponentHealth]) -> None:
        """One row per component and sweep."""
        ...

    def latest(self) -> Sequence[ComponentHealth]:
        """The newest row of each component of the last 10 minutes."""
        ...

    def begin_watch(self, mechanism: str, run_id: UUID, holder: Holder) -> None:
        """Say that this run watches now; the run before it sees that and ends."""
        ...

    def beat(self, mechanism: str, run_id: UUID) -> bool:
        """Say that this run still watches. False: another run has begun."""
        ...

    def watches(self) -> Sequence[Watch]:
        """Who watches, since when, and when it last said so."""
        ...


class Clock(Protocol):
    """Time, so that tests can switch waiting off."""

    def now(self) -> datetime:
        """Aware UTC time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def wait(self, seconds: float) -> None:
        """Let that much time pass."""
        ...
