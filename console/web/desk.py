"""What a person may do through the web server, whichever door they came in by: checked, done, and recorded.

The dashboard's forms and the API's mutations call this and nothing else that changes something.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from uuid6 import uuid7

from console.web import given
from console.web.given import LONGEST, WrongInput
from console.web.services import Services
from selfheal.logs import without_secrets
from selfheal.model import breaker
from selfheal.model.alert import OpenAlert, Silence
from selfheal.model.approval import Approval
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, Transient
from selfheal.model.identity import Door, Identity, Outcome
from selfheal.model.maintenance import Scope, Window
from selfheal.model.mode import ActionMode
from selfheal.model.pause import Pause
from selfheal.model.prediction import PREEMPT
from selfheal.policy.breaker_names import tenant_of
from selfheal.policy.identity import Deed, check, sees_all
from selfheal.policy.names import nearest
from selfheal.store.engine import seen_by

DEPLOYMENT = "healing-dispatch/healing-dispatch"


@dataclass(frozen=True, kw_only=True)
class StartedHeal:
    """A heal that was begun; what became of it is read from the attempts.

    Attributes:
        trigger: its id; the same one is healed once.
        run: the Prefect flow run.
        link: where a person looks at that.
    """

    trigger: UUID
    run: UUID
    link: str


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One person's.

    Attributes:
        services: that it works with.
        identity: who it is.
        door: where they came in.
        request_id: of their request.
    """

    services: Services
    identity: Identity
    door: Door
    request_id: str

    def heal(self, component: str, *, action: str = "", why: str, dry_run: bool = False) -> StartedHeal:
        """Start healing-dispatch, which admits, refuses and records as ever, or only tells what it would do.

        Raises:
            NotAllowed: they may not.
            WrongInput: there is no such component or action.
            Transient: Prefect does not answer; on the machine `selfheal heal` works all the same.
        """
        details = {"action": action, "why": why, "dry_run": dry_run}
        with self._apart(Deed.HEAL, component, details) as told:
            known = self.services.estate.healer.components
            if component not in known:
                raise WrongInput(f"no component is named {component[:100]!r}{nearest(component, known)}")
            chosen = self._action(action) if action else ""
            trigger = uuid7()
            parameters = {
                "component": component,
                "action": chosen,
                "reason": without_secrets(given.reason(why)),  # Prefect keeps it
                "dry_run": dry_run,
                "trigger_id": str(trigger),
                "who": self.identity.name,
            }
            with self.services.prefect() as prefect:
                run = prefect.start(DEPLOYMENT, parameters, key=str(trigger))
                started = StartedHeal(trigger=trigger, run=run, link=prefect.link(run))
            told |= {"trigger": str(trigger), "flow_run": str(run)}
        return started

    def pause(self, *, why: str, lasts: timedelta | None = None) -> Pause:
        """Let nothing be healed."""
        with self._deed(Deed.PAUSE, "", {"why": why, "lasts": str(lasts or "until resumed")}):
            return self.services.pauses.pause(
                who=self.identity.name, why=given.reason(why), duration=given.bounded(lasts)
            )

    def resume(self, *, why: str) -> Pause | None:
        """End the pause, and give it; None: there was none."""
        with self._deed(Deed.RESUME, "", {"why": why}):
            return self.services.pauses.resume(who=self.identity.name, why=given.reason(why))

    def plan_maintenance(
        self, *, scope: Scope, name: str, begins_at: datetime | None, lasts: timedelta, why: str
    ) -> Window:
        """Plan a window, from now on where no beginning is given; the web server gives all times in UTC."""
        details = {"scope": scope.value, "name": name, "begins_at": str(begins_at or "now"), "lasts": str(lasts)}
        with self._deed(Deed.PLAN_MAINTENANCE, f"{scope.value} {name}".strip(), details | {"why": why}) as told:
            self._in_scope(scope, name)
            begins = given.aware(begins_at) if begins_at else datetime.now(UTC)
            if begins > datetime.now(UTC) + LONGEST:
                raise WrongInput("the window begins in more than a year")
            ends = begins + (given.bounded(lasts) or timedelta(0))
            if ends <= datetime.now(UTC):
                raise WrongInput("the window would be over already", hint="give a later beginning")
            window = self.services.maintenance.plan(
                scope=scope,
                name=name,
                begins_at=begins,
                ends_at=ends,
                zone="UTC",
                who=self.identity.name,
                why=given.reason(why),
            )
            told["window"] = str(window.id)
        return window

    def end_maintenance(self, window: UUID, *, why: str) -> None:
        """End a window, or call one off."""
        with self._deed(Deed.END_MAINTENANCE, str(window), {"why": why}):
            if not self.services.maintenance.end(window, who=self.identity.name, why=given.reason(why)):
                raise WrongInput(f"no window {window} is planned or in force")

    def go_ahead(self, *, why: str) -> int:
        """Let heals begin again in every storm that nobody has decided about; how many those were."""
        with self._deed(Deed.STORM_GO, "", {"why": why}) as told:
            told["storms"] = self.services.storms.go(who=self.identity.name, why=given.reason(why))
        return int(told["storms"])

    def override_breaker(
        self, name: str, deed: breaker.BreakerDeed, *, why: str, lasts: timedelta | None = None
    ) -> breaker.Breaker:
        """Decide in place of a breaker's results, and give it."""
        details = {"do": deed.value, "why": why, "lasts": str(lasts or "until ended")}
        with self._deed(Deed.OVERRIDE_BREAKER, name, details):
            breakers, known = self.services.estate.breakers, self._breaker(name)
            if tenant_of(known) is not None and not sees_all(self.identity):
                raise NotAllowed(f"{known} is a tenant's breaker", hint="an admin without a tenant decides about it")
            if lasts is not None and deed not in {breaker.BreakerDeed.OPEN, breaker.BreakerDeed.CLOSE}:
                raise WrongInput(f"{deed} does not last", hint="only open and close do")
            why = given.reason(why)
            breakers.decide(known, deed, who=self.identity.name, why=why, lasts=given.bounded(lasts))
            return breakers.present(known)[0]

    def answer(self, approval: UUID, *, approve: bool, why: str, fingerprint: str) -> Approval:
        """Answer a question, once, and give what it has become.

        Raises:
            AnswerRefused: by name; nothing was changed.
        """
        details = {"why": why, "fingerprint": fingerprint}
        with self._deed(Deed.APPROVE if approve else Deed.DENY, str(approval), details):
            return self.services.approvals.answer(
                approval, approve=approve, identity=self.identity, door=self.door, why=why, fingerprint=fingerprint
            )

    def break_glass(self, approval: UUID, *, why: str, fingerprint: str) -> Approval:
        """An admin's own word for what nobody else can answer; raises what `answer` raises."""
        with self._deed(Deed.BREAK_GLASS, str(approval), {"why": why, "fingerprint": fingerprint}):
            return self.services.approvals.break_glass(
                approval, identity=self.identity, door=self.door, why=why, fingerprint=fingerprint
            )

    def set_mode(self, action: str, mode: ActionMode, *, why: str) -> None:
        """Decide how far an action may go by itself."""
        with self._deed(Deed.SET_MODE, action, {"mode": mode.value, "why": why}):
            self._action(action.removeprefix(PREEMPT))
            name = self.services.estate.mode_name(action)
            self.services.estate.modes.set(name, mode, who=self.identity.name, why=given.reason(why))

    def acknowledge(self, pattern: str, *, why: str) -> Sequence[OpenAlert]:
        """Take the open alerts that this means, and give those that nobody had."""
        with self._deed(Deed.ACKNOWLEDGE_ALERTS, pattern, {"why": why}) as told:
            store, why = self.services.silences, given.reason(why)
            taken = store.acknowledge(given.pattern(pattern), who=self.identity.name, why=why)
            if not taken:
                raise WrongInput(f"nothing that is open and nobody's is {pattern[:100]!r}", hint="see the open alerts")
            told["alerts"] = len(taken)
        return taken

    def silence(self, pattern: str, *, lasts: timedelta, why: str) -> Silence:
        """Let nobody be told of these alerts for a while."""
        with self._deed(Deed.SILENCE_ALERTS, pattern, {"why": why, "lasts": str(lasts)}) as told:
            store, why = self.services.silences, given.reason(why)
            lasts = given.bounded(lasts) or lasts
            silence = store.silence(given.pattern(pattern), lasts=lasts, who=self.identity.name, why=why)
            told["silence"] = str(silence.id)
        return silence

    def end_silence(self, silence: UUID, *, why: str) -> None:
        """Let people be told again."""
        with self._deed(Deed.END_SILENCE, str(silence), {"why": why}):
            if not self.services.silences.end(silence, who=self.identity.name, why=given.reason(why)):
                raise WrongInput(f"no silence {silence} is in force")

    @contextmanager
    def _deed(self, deed: Deed, subject: str, details: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Around what is done in the database alone: done and recorded, or neither."""
        who, deeds = self.identity, self.services.deeds
        with (
            seen_by(self.services.engine, who),
            deeds.recorded(who, self.door, deed, subject=subject, details=details, request_id=self.request_id) as told,
        ):
            yield told

    @contextmanager
    def _apart(self, deed: Deed, subject: str, details: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Around what another server is asked for: no transaction waits meanwhile, and the record comes after it."""
        told = dict(details)
        outcome = Outcome.FAILED
        try:
            check(self.identity, deed)
            yield told
            outcome = Outcome.DONE
        except SelfhealError as error:
            outcome = Outcome.REFUSED if isinstance(error, NotAllowed) else Outcome.FAILED
            told["message"] = error.message
            raise _not_ours(error) from error
        finally:
            with seen_by(self.services.engine, self.identity):
                record = self.services.deeds.record
                record(
                    self.identity,
                    self.door,
                    deed,
                    outcome=outcome,
                    subject=subject,
                    details=told,
                    request_id=self.request_id,
                )

    def _action(self, name: str) -> str:
        try:
            return self.services.estate.healer.actions.get(name).name
        except Permanent as error:
            raise WrongInput(error.message, hint=error.hint) from error

    def _breaker(self, name: str) -> str:
        try:
            return self.services.estate.breaker_name(name)
        except Permanent as error:
            raise WrongInput(error.message, hint=error.hint) from error

    def _in_scope(self, scope: Scope, name: str) -> None:
        """What the window is about exists."""
        components = self.services.settings.catalogue()
        groups = {one.group for one in components.values() if one.group}
        names = {Scope.ESTATE: {""}, Scope.GROUP: groups, Scope.COMPONENT: set(components)}[scope]
        if name not in names:
            raise WrongInput(f"no {scope} is named {name[:100]!r}{nearest(name, names)}")


def _not_ours(error: SelfhealError) -> SelfhealError:
    """What Prefect's silence means here."""
    if not isinstance(error, Transient):
        return error
    return Transient("the Prefect server does not answer", hint="`selfheal heal` on the machine works without it")
