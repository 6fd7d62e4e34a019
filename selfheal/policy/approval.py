"""What a person is asked about, what their word is bound to, and whose word is taken."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from selfheal.model.approval import AnswerRefusal, AnswerRefused, ApprovalDetail, ApprovalState, Proposal, Word
from selfheal.model.attempt import Plan
from selfheal.model.component import Component
from selfheal.model.errors import NotAllowed
from selfheal.model.identity import Identity
from selfheal.policy.asking import UNPROVEN
from selfheal.policy.identity import Deed, check
from selfheal.policy.places import below

_AT_MOST = 8
"""So many dependent components are named."""
DEEDS = {Word.APPROVED: Deed.APPROVE, Word.DENIED: Deed.DENY, Word.BREAK_GLASS: Deed.BREAK_GLASS}
"""What a person does who gives such a word."""


def fingerprint(action: str, target: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 of action, target and parameters, in one spelling; another act has another one."""
    told = json.dumps([action, target, dict(parameters)], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def proposal(
    action: str, plan: Plan, component: Component, components: Mapping[str, Component], *, risk: str
) -> Proposal:
    """What the action would do to the component, what else that touches, and what may come of it.

    Args:
        action: its name.
        plan: what `prepare` made.
        component: what it would be done to.
        components: all of them, by name.
        risk: as the action says itself; empty: it says nothing.
    """
    return Proposal(
        action=action,
        fingerprint=fingerprint(action, component.target, plan.parameters),
        parameters=plan.parameters,
        steps=plan.steps,
        blast_radius=". ".join(filter(None, (_radius(component, components), risk))),
        within=component.start_timeout + component.healthy_delay,
        evidence=plan.evidence,
    )


def _radius(component: Component, components: Mapping[str, Component]) -> str:
    """The component and what depends on it."""
    hit = sorted(below(component, components))
    if not hit:
        return f"{component.name}; nothing depends on it"
    more = f" and {len(hit) - _AT_MOST} more" if len(hit) > _AT_MOST else ""
    return f"{component.name}, and what depends on it: {', '.join(hit[:_AT_MOST])}{more}"


def refuse_answer(asked: ApprovalDetail, word: Word, identity: Identity, *, why: str, fingerprint: str) -> None:
    """Raise the first reason, if there is one, for which this answer is not taken.

    Raises:
        AnswerRefused: by name.
    """
    try:
        check(identity, DEEDS[word])
    except NotAllowed as error:
        raise AnswerRefused(AnswerRefusal.WRONG_ROLE, error.message, hint=error.hint) from error
    _refuse_state(asked)
    if fingerprint != asked.fingerprint:
        raise AnswerRefused(
            AnswerRefusal.CHANGED,
            f"what you saw is not what approval {asked.id} is about",
            hint=f"look at it again: `selfheal approvals show {asked.id}`",
        )
    if word is Word.APPROVED and same_person(identity.name, asked.asked_by):
        raise AnswerRefused(
            AnswerRefusal.SELF_APPROVAL,
            f"{asked.asked_by} asked for this, and somebody else must approve it",
            hint="where nobody can, an admin may break the glass: `selfheal heal "
            f"{asked.component} --action {asked.action} --break-glass --why ...`",
        )
    if word is not Word.APPROVED and not why:
        raise AnswerRefused(
            AnswerRefusal.NO_REASON, "it needs a reason", hint="say why; who asked reads it, and it is kept"
        )


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: in whatever case or spelling of Unicode, by sudo, or as said in Prefect."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    said = unicodedata.normalize("NFKC", name).removesuffix(UNPROVEN)
    return said.partition(" (as ")[0].strip().casefold()


def _refuse_state(asked: ApprovalDetail) -> None:
    """Raise unless it waits for an answer."""
    again = f"if {asked.component} is still sick, it is asked again"
    if asked.decision is not None:
        raise AnswerRefused(
            AnswerRefusal.ALREADY_ANSWERED,
            f"{asked.decided_by} answered {asked.decision} at {asked.decided_at:%Y-%m-%d %H:%M:%S} UTC: "
            f"{asked.decision_why or 'no reason given'}",
            hint=f"what became of it: `selfheal approvals show {asked.id}`",
        )
    if asked.state is ApprovalState.OVERTAKEN:
        raise AnswerRefused(AnswerRefusal.OVERTAKEN, f"{asked.component} was healthy again before", hint=again)
    if asked.state is not ApprovalState.OPEN:
        raise AnswerRefused(
            AnswerRefusal.EXPIRED, f"it could be answered until {asked.expires_at:%Y-%m-%d %H:%M} UTC", hint=again
        )
