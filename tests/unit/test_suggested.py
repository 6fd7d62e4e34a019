"""What an alert of somebody else's, or a log, comes to, by what the component's own look says."""

import pytest
from fakes import NOON

from selfheal.model.admission import Decision
from selfheal.model.component import Component, ProbeKind
from selfheal.model.observation import Health, Incarnation, Observation
from selfheal.model.trigger import TriggerType
from selfheal.policy.suggested import refuse_suggested

WEB = Component(name="web", target="docker/web", probe=ProbeKind.CONTAINER, docker="docker", container="web")
SERVICE = Component(name="api", target="s/api", probe=ProbeKind.HTTP, supervisor="s", program="api", restarts=True)


def seen(component: Component, state: str, health: Health = Health.SICK) -> Observation:
    life = Incarnation(pid=0, started_at=1, state=state)
    return Observation(component=component.name, health=health, detail="no answer", observed_at=NOON, incarnation=life)


@pytest.mark.parametrize("kind", [TriggerType.EXTERNAL_ALERT, TriggerType.LOG_ERROR])
@pytest.mark.parametrize(
    ("component", "state", "health", "decision"),
    [
        (WEB, "EXITED", Health.SICK, None),
        (WEB, "RUNNING", Health.SICK, None),
        (WEB, "RUNNING", Health.UNKNOWN, Decision.NOT_ALLOWED),
        (WEB, "STOPPED", Health.SICK, Decision.NOT_ALLOWED),
        (WEB, "CRASH_LOOP", Health.SICK, Decision.NO_ACTION),
        (WEB, "REMOVED", Health.SICK, Decision.NO_ACTION),
        (WEB, "RESTARTING", Health.SICK, Decision.ALREADY_HEALING),
        (SERVICE, "EXITED", Health.SICK, Decision.ALREADY_HEALING),
        (SERVICE, "FATAL", Health.SICK, None),
    ],
)
def test_an_alert_or_a_log_moves_what_the_watcher_would_heal(
    component: Component, state: str, health: Health, decision: Decision | None, kind: TriggerType
) -> None:
    """Only what is seen sick is healed, and neither what a person stopped nor what is a person's or its platform's."""
    refusal = refuse_suggested(component, seen(component, state, health), kind)
    assert (refusal and refusal.decision) == decision


@pytest.mark.parametrize("kind", [TriggerType.MANUAL, TriggerType.SERVICE_DOWN])
def test_what_is_no_suggestion_is_not_judged_here(kind: TriggerType) -> None:
    """A person's word about a stopped component counts as ever."""
    assert refuse_suggested(WEB, seen(WEB, "STOPPED"), kind) is None
