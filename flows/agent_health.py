"""agent-health: looks at the host that the agents run on, writes it down and publishes it.

A run costs more than a look: so one begins every 5 minutes and looks as often as is due until the next one begins,
every 2 minutes, every minute while something is wrong, and after a quiet hour once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms import DryRun
from flows.healing_dispatch import dispatch
from flows.names import host_run
from selfheal.bootstrap import current
from selfheal.logs import without_secrets
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.host import HostHealth
from selfheal.policy.host import remembered, status
from selfheal.protocol.host_watch import HostWatch
from tasks.hosts import keep_look, publish_look, tell_of_host
from tasks.signing import signed_in

TURN = timedelta(minutes=5)


@flow(name="agent-health", flow_run_name=host_run, persist_result=False)
def agent_health(dry_run: DryRun = False) -> State[None]:  # noqa: FBT002 - the form's tick box
    """Look at this host: files, NATS, memory, disks, processors.

    Args:
        dry_run: Only tell what is wrong now; nothing is written, published or healed.
    """
    host = current().host
    try:
        if dry_run:
            return Completed(name="DryRun", message=without_secrets(_words(host.look())))
        with signed_in("agent-health"):
            looks = _looks(host)
    except SelfhealError as error:
        return Failed(name="NotLooked", message=without_secrets(str(error)))
    if not looks:
        return Completed(name="NotDue", message="nothing was due before the next run")
    words = without_secrets(f"{len(looks)} looks; {_words(looks[-1])}")
    return Completed(name=status(looks[-1].findings).capitalize(), message=words)


def _looks(host: HostWatch) -> Sequence[HostHealth]:
    """All looks that are due before the next run begins.

    Raises:
        Transient: the database is away, and the last of them could not be written down or told of.
    """
    end, past, lost = host.clock.monotonic() + TURN.total_seconds(), host.past(), list[str]()
    looks = list[HostHealth]()
    while (left := _until(host.due(past), host.clock.now())) < end - host.clock.monotonic():
        host.clock.wait(left)
        past = host.past(past)
        if _until(host.due(past), host.clock.now()) > 0:
            continue  # another run, begun by hand, has just looked
        health = host.judged(past)
        publish_look(health, return_state=True)  # its failure stands in its own state
        written: list[State[Any]] = [keep_look(health, return_state=True), tell_of_host(health, return_state=True)]
        for trigger in host.triggers(health):
            dispatch(trigger)
        past = remembered((*past, health.past), host.limits)
        looks.append(health)
        lost = [str(state.message) for state in written if state.is_failed()]
    if lost:
        raise Transient(f"what was seen last could not be written down: {lost[0]}")
    return looks


def _until(due: datetime, now: datetime) -> float:
    """Seconds until then; none if it is past."""
    return max((due - now).total_seconds(), 0.0)


def _words(health: HostHealth) -> str:
    """What is wrong, or that nothing is."""
    return "; ".join(one.message for one in health.findings) or "nothing is wrong"
