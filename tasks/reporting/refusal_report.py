"""The short page of a heal that was not admitted: why, what that means, and what a person can do about it."""

from collections.abc import Mapping, Sequence

from selfheal.model.admission import Answer, Decision
from selfheal.model.approval import Approval
from selfheal.model.web_address import WebAddress
from selfheal.protocol.heal import Result
from tasks.reporting.healing_report import link, moment
from tasks.reporting.markdown import bullets, page, words

ADVICE: Mapping[Decision, str] = {
    Decision.PAUSED: "Nothing is healed while Selfheal is paused; `selfheal resume --why ...` ends that.",
    Decision.MAINTENANCE: "Nothing is healed in a maintenance window: see `selfheal maintenance list`.",
    Decision.ALREADY_HEALING: "It is being taken care of: a target never has two heals at once.",
    Decision.STALE_TRIGGER: "It is looked at again, and decided anew.",
    Decision.ATTEMPTS_EXHAUSTED: "A person must look. `selfheal heal COMPONENT` tries all the same.",
    Decision.COOLDOWN: "Its last heal did not help, or did not hold. `selfheal heal COMPONENT` does not wait.",
    Decision.CIRCUIT_OPEN: "The action has failed too often lately; `selfheal breaker show ACTION` tells how it did.",
    Decision.STORM: "Much is sick at once: look for a common cause. `selfheal storm go` lets heals begin.",
    Decision.BLAST_RADIUS: "More heals than these are not begun; it is raised again when there is room.",
    Decision.NOT_ALLOWED: "Only what is on the allow-list, by actions whose mode lets them, is ever touched.",
    Decision.NO_ACTION: "Nothing that is configured can mend this: a person must.",
    Decision.ALREADY_HEALTHY: "There is nothing to heal.",
    Decision.AWAITING_APPROVAL: "Nothing is done before a person has said so.",
}


def refusal_report(component: str, reason: str, answer: Answer, questions: Sequence[Approval], web: WebAddress) -> str:
    """The page, in Markdown.

    Args:
        component: as the trigger named it.
        reason: of the trigger.
        answer: admission's.
        questions: to people, that are open about the fault.
        web: where the links go.
    """
    fault = "" if answer.fault_id is None else web.fault(answer.fault_id)
    retry = [] if answer.retry_at is None else [f"Worth raising again: {moment(answer.retry_at)} UTC"]
    asked = questions if answer.decision is Decision.AWAITING_APPROVAL else ()
    return page(
        f"# {Result(answer=answer).name}: {words(component) or 'no component'}",
        words(answer.reason),
        ADVICE[answer.decision],
        link("This fault's page: all its attempts, questions and refusals", fault),
        bullets([f"Why it was raised: {words(reason)}", *retry]),
        *(_question(one, web) for one in asked),
    )


def _question(asked: Approval, web: WebAddress) -> str:
    """What is asked of whom, and where it is answered."""
    address = web.approval(asked.id)
    return page(
        f"## {words(asked.action)} on {words(asked.component)}: yes or no?",
        bullets(
            [
                f"Asked by {words(asked.asked_by)}, open until {moment(asked.expires_at)} UTC",
                *(f"It would: {words(step)}" for step in asked.preview),
                f"It touches {words(asked.blast_radius)}",
                "Who may answer: somebody else than who asked, with a token of the role approver or admin",
            ]
        ),
        link("Answer on its page", address),
        f"Or on the command line: `selfheal approvals approve {asked.id} --why ...`, or `deny`.",
    )
