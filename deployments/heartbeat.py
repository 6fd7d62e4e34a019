"""The dead-man heartbeat of `selfheal up`: sent only after a dry run has passed the whole chain that a heal needs."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from uuid6 import uuid7

from selfheal.bootstrap import Estate
from selfheal.clients.http import Http
from selfheal.model.errors import SelfhealError, Transient
from selfheal.model.trigger import Priority, Source, Trigger, TriggerType
from selfheal.policy.watching import blind
from selfheal.protocol.dry_run import preview
from selfheal.protocol.holder import this_process
from selfheal.settings.heartbeat import Heartbeat as Settings

MECHANISM = "heartbeat"
ROW: UUID = uuid5(NAMESPACE_OID, "selfheal heartbeat")
"""Of `mechanism_runs`: one for all heartbeats."""
COMPONENTS_TRIED = 5
GOOD = range(200, 300)
Links = Mapping[str, Callable[[Estate], None]]
_log = logging.getLogger(__name__)


def beat(estate: Estate, links: Links, *, call: Callable[[Settings], int]) -> str:
    """Ask link after link, and send the heartbeat if all hold; gives why it was withheld, empty: it was sent.

    What became of it stands in `mechanism_runs`, where the database can be written.
    """
    runs = estate.runs
    error = ""
    try:
        runs.begin(ROW, MECHANISM, this_process())
        error = _broken(estate, links) or _sent(estate.settings.heartbeat, call)
        runs.end(ROW, error=error)
    except SelfhealError as away:
        error = f"database: {away.message}"
    if error:
        _log.error("no heartbeat is sent: %s", error)
    return error


def _broken(estate: Estate, links: Links) -> str:
    """The first link that does not hold, and why; empty: all do."""
    for name, holds in links.items():
        try:
            holds(estate)
        except SelfhealError as error:
            return f"{name}: {error.message}"
        except Exception as error:  # noqa: BLE001 - a link that breaks does not hold
            _log.exception("the link %s broke", name)
            return f"{name}: {type(error).__name__}"
    return ""


def _sent(settings: Settings, call: Callable[[Settings], int]) -> str:
    try:
        status = call(settings)
    except SelfhealError:  # its words hold the address
        return "the outside address cannot be reached"
    return "" if status in GOOD else f"the outside address answers {status}"


def over_http(settings: Settings) -> int:
    """Call the outside address; the status of its answer."""
    url = settings.url.get_secret_value()
    return Http().send(settings.method, url, token="", body="", timeout=settings.timeout)


def database(estate: Estate) -> None:
    """What was just written can be read."""
    turn = estate.runs.latest([MECHANISM])[MECHANISM]
    if turn.began_at is None or turn.at - turn.began_at > timedelta(seconds=30):
        raise Transient("what was just written there is not read back")


def watchers(estate: Estate) -> None:
    """Everything that is to watch does."""
    silent = blind(estate.health.watches(), logs=estate.settings.log_monitor.there_are)
    if silent:
        raise Transient(f"{', '.join(silent)} does not watch")


def dry_run(estate: Estate) -> None:
    """A dry run of healing-dispatch comes to an answer, for one of the components at least: theirs may be away."""
    components = estate.healer.components
    names = sorted(components, key=lambda name: (name not in estate.healer.allow, name))[:COMPONENTS_TRIED]
    untold = None
    for name in names:
        try:
            preview(
                estate.healer, _trigger(name), untold=SelfhealError
            )  # that it leaves a whole file alone is an answer
        except Transient as error:
            untold = error
        else:
            return
    if untold is not None:
        raise untold


def _trigger(component: str) -> Trigger:
    return Trigger(
        id=uuid7(),
        type=TriggerType.MANUAL,
        component=component,
        source=Source.OWN_HEALTH,
        priority=Priority.LOW,
        reason="the heartbeat's dry run",
        detected_at=datetime.now(UTC),
    )
