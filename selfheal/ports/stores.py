"""What is remembered of heals: faults, triggers, attempts, breakers, alerts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from selfheal.model.admission import Answer, Outlook, Place, Refusal, Rung
from selfheal.model.approval import Proposal
from selfheal.model.attempt import Attempt, Holder, Outcome, Phase, Plan
from selfheal.model.breaker import Denial, Permit
from selfheal.model.ending import Ending
from selfheal.model.health import ComponentHealth, Measured, Watch
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger
from selfheal.model.turn import Mechanism


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

    def claim(self, attempt_id: UUID, *, fence: int, holder: Holder, run: UUID | None = None) -> Attempt | None:
        """Take an attempt whose fence is still `fence`: RUNNING, fence + 1, a new lease. None: somebody else did.

        Who held it until now, and did not let go of it, is told of in `Attempt.displaced` until its end: whoever claims
        it next may die before it has ended them.
        A flow run that carries it out from now on is written down with it; None: it is carried out without one.
        """
        ...

    def renew(self, held: Mapping[UUID, int]) -> set[UUID]:
        """Prolong the leases of these attempts (id to fence); gives back those that are still ours."""
        ...

    def record_plan(self, attempt_id: UUID, *, fence: int, plan: Plan) -> bool:
        """Store what `prepare` learned, phase PREPARED. False: no longer ours, or its act is announced already."""
        ...

    def announce_act(self, attempt_id: UUID, *, fence: int, timeout: timedelta) -> bool:
        """Commit phase ACTING and the act's deadline if the lease still covers it. False: stand down.

        Once for each attempt, and only of one that is PREPARED.
        Not either where a prediction for which it is done no longer stands.
        """
        ...

    def enter(self, attempt_id: UUID, *, fence: int, phase: Phase) -> bool:
        """Commit the next phase. False: no longer ours."""
        ...

    def settle(self, attempt_id: UUID, *, fence: int, outcome: Outcome, execution_ms: int | None) -> bool:
        """Write the one outcome and its consequence for the fault. False: no longer ours.

        Repeating it after a lost answer gives True again: with this fence only we can have written it.
        """
        ...

    def held_back(self, attempt_id: UUID, *, mode: str) -> str:
        """Why an attempt that was left behind before its act is not to be begun anew; empty: for no reason.

        There is a pause or a maintenance window by now, or its action may go less far than when it was admitted; `mode`
        is how far by the settings.
        """
        ...

    def stands(self, prediction: UUID) -> bool:
        """Whether a prediction still speaks for a pre-emptive heal."""
        ...

    def release(self, attempt_id: UUID, *, fence: int, holder: Holder) -> None:
        """Let go of an unfinished attempt: anybody may take it over at once, and nobody is ended for it.

        Nothing happens where another one holds it, under this fence too.
        """
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
        """Whether the newest attempt of the target's open fault that acted left it stopped.

        It was interrupted in its act, it was rolled back to a target that was found stopped, or it was to start what
        an attempt before it, or a person who asks for a start now, had found stopped, and failed.
        """
        ...

    def close_recovered(self, target: str, *, seen_at: datetime, except_of: Collection[str] = ()) -> bool:
        """Close the open fault of a target that is healthy again without an attempt under way.

        Only if it was seen healthy after it was detected and after its last attempt: whoever slept in between knows
        nothing of either. Not if it is the fault of one of the components `except_of`, which are the same thing seen
        otherwise: that its container runs does not tell that its packages are there.
        """
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


class OwnMechanisms(Protocol):
    """Our own mechanisms, and what people were told of them."""

    def all(self) -> Sequence[Mechanism]:
        """Those that a schedule begins, with what really ran of each."""
        ...

    def tell_late(self, name: str, trigger: Trigger) -> bool:
        """Tell a person that it is late, once; whether that was now."""
        ...

    def tell_well(self, name: str) -> bool:
        """Tell that it runs again, where its lateness was told; whether that was now."""
        ...

    def leave(self, expected: Collection[str]) -> None:
        """Tell that nothing is expected of those any more that were told to be late, but of these."""
        ...


class HealthStore(Protocol):
    """`health_history` and the hand-over between runs of a watcher."""

    def record(self, health: Sequence[ComponentHealth], further: Sequence[Measured] = ()) -> None:
        """One row per measured value: those of a look at each component, and of what else was measured.

        What cannot be written waits for the next call, an hour of it at most.

        Raises:
            Transient: the database is away; says how much waits.
        """
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

    def retire_watch(self, mechanism: str, run_id: UUID) -> None:
        """Say that there is nothing to watch any more: a run that still does sees another one's id and ends."""
        ...

    def watches(self) -> Sequence[Watch]:
        """Who watches, since when, and when it last said so."""
        ...
