"""`doctor`'s checks of the running stack: its parts, Postgres, NATS, Prefect, the worker and the watcher."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from console.checks import Problem
from console.place import Place
from deployments import attach
from deployments.embedded import web
from deployments.embedded.stack import WEB_PORT
from deployments.objects.kinds import POOL
from deployments.outside.prefect import check
from deployments.scheduled import HINT, scheduled
from selfheal.model.errors import SelfhealError
from selfheal.model.turn import TurnState
from selfheal.policy.turns import stands
from selfheal.policy.watching import EXPECTED, LATE_BEAT_S, LOGS

SEE_LOGS = "see the logs in the data folder"


def checks(place: Place) -> Mapping[str, Callable[[], str]]:
    """The checks by name; without a running stack only the one that says so."""
    alone = {"stack": lambda: stack(place)}
    try:
        if place.running() is None:
            return alone
    except SelfhealError:
        return alone
    return alone | {
        "postgres": lambda: postgres(place),
        "nats": lambda: nats(place),
        "prefect server": lambda: prefect_server(place),
        "scheduled runs": lambda: scheduled_runs(place),
        "worker": lambda: worker(place),
        "watchers": lambda: watchers(place),
        "mechanisms": lambda: mechanisms(place),
        "alert channels": lambda: alert_channels(place),
        "web server": lambda: web_server(place),
    }


def stack(place: Place) -> str:
    """It runs, and all its parts are ready."""
    running = place.stack()
    waiting = [f"{part.name} is {part.state}" for part in running.parts if part.state != "ready"]
    if waiting:
        raise Problem("; ".join(waiting), hint=f"wait a moment, then {SEE_LOGS}")
    return f"process {running.pid}, {len(running.parts)} parts ready"


def postgres(place: Place) -> str:
    """It lets us in, and its schema is known."""
    from console.database import database_of  # noqa: PLC0415  a broken driver is this check's finding

    try:
        with database_of(place) as database:
            return f"answers, schema {database.reports.schema()}"
    except SelfhealError as error:
        embedded = not place.settings().postgres.outside
        raise Problem(
            error.message, hint=f"see {place.folder}/logs/postgres.log" if embedded else error.hint
        ) from error


def nats(place: Place) -> str:
    """It takes our credentials and answers a flush; the embedded one has JetStream."""
    place.stack()
    settings = place.settings()
    server = attach.servers(place.folder, settings).nats
    if not server.ready():
        raise Problem(f"no answer from {server.url} within 2 s", hint=f"see {place.folder}/logs/nats.log")
    return f"{server.url} answers" + ("" if settings.nats.outside else ", JetStream enabled")


def prefect_server(place: Place) -> str:
    """It says that it is healthy."""
    url = place.stack().urls["prefect"]
    with place.prefect() as prefect:
        if place.settings().prefect.outside:
            check(prefect)
        elif not prefect.answers():
            raise Problem(f"no answer from {url} within a second", hint=f"see {place.folder}/logs/prefect.log")
    return f"{url} is healthy"


def scheduled_runs(place: Place) -> str:
    """The scheduler creates the runs of every deployment that has a schedule."""
    with place.prefect() as prefect:
        planned = scheduled(prefect)
    if not planned.wanted:
        raise Problem("no deployment of ours has a schedule", hint=f"see {place.folder}/logs/apply.log")
    if planned.without:
        raise Problem(f"no scheduled runs of {', '.join(planned.without)}", hint=HINT)
    return f"{planned.runs} runs of {', '.join(planned.wanted)}"


def worker(place: Place) -> str:
    """One is online in our pool."""
    with place.prefect() as prefect:
        found: list[dict[str, Any]] = prefect.call("POST", f"/work_pools/{POOL}/workers/filter", {})
    online = [one["name"] for one in found if one.get("status") == "ONLINE"]
    if not online:
        raise Problem(f"no worker is online in pool {POOL}", hint=f"see {place.folder}/logs/worker.log")
    return ", ".join(sorted(online))


def mechanisms(place: Place) -> str:
    """Each that a schedule begins has really run, and well."""
    from console.database import database_of  # noqa: PLC0415  a broken driver is this check's finding

    try:
        with database_of(place) as database:
            found = {one: stands(one) for one in database.mechanisms.all()}
    except SelfhealError as error:
        raise Problem(f"cannot be told: {error.message}", hint="repair Postgres first") from error
    late = [one for one, state in found.items() if state is TurnState.LATE]
    if late:
        told = ", ".join(f"{one.name} by {one.behind.total_seconds():.0f} s" for one in late)
        raise Problem(f"late: {told}", hint=_mend(len(late) == len(found), place))
    failed = [one for one, state in found.items() if state is TurnState.FAILED]
    if failed:
        told = "; ".join(f"{one.name}: {one.turn.error}" for one in failed)
        raise Problem(
            f"the last turn failed of {told}", hint="the next turn tries again; look at its run in the Prefect UI"
        )
    return ", ".join(f"{one.name} {state.value}" for one, state in found.items()) or "none has a schedule yet"


def alert_channels(place: Place) -> str:
    """Each takes what waits for it."""
    from console import database  # noqa: PLC0415  a broken driver is this check's finding

    try:
        with database.database_of(place) as found:
            troubled = found.alerts.troubled()
    except SelfhealError as error:
        raise Problem(f"cannot be told: {error.message}", hint="repair Postgres first") from error
    if troubled:
        told = "; ".join(
            f"{one.channel} does not take what waits since {_at(one.since)}: {one.error}" for one in troubled
        )
        tried = ", ".join(f"`selfheal alerts test {one.channel}`" for one in troubled)
        raise Problem(told, hint=f"correct [alerts.channels], or what is wrong with the channel; {tried} tries it")
    return "nothing waits for any for longer than 10 min"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _mend(everything: bool, place: Place) -> str:  # noqa: FBT001 - one of two texts
    """What to do about late mechanisms."""
    if everything:
        return f"nothing runs that a schedule begins: see the two checks above, and {place.folder}/logs/worker.log"
    return "see in the Prefect UI whether its schedule is paused, or its last run still holds its only place"


def web_server(place: Place) -> str:
    """It answers, and is where the settings say."""
    settings, running = place.settings().web, place.stack()
    if not settings.enabled:
        return "none: web.enabled is false"
    port = running.ports.get(WEB_PORT)
    if port is None:
        raise Problem(
            "none was started with this stack", hint="start `selfheal up` anew: web.enabled counts from then on"
        )
    if not web.answers(settings.host, port):
        raise Problem(f"no answer from {settings.host}, port {port}", hint=f"see {place.folder}/logs/web.log")
    return f"{running.urls['web']} answers"


def watchers(place: Place) -> str:
    """Each has looked lately."""
    from console.database import database_of  # noqa: PLC0415  a broken driver is this check's finding

    try:
        with database_of(place) as database:
            behind = {watch.mechanism: watch.behind_s for watch in database.health.watches()}
        expected = EXPECTED + ((LOGS,) if place.settings().log_monitor.there_are else ())
    except SelfhealError as error:
        raise Problem(f"cannot be told: {error.message}", hint="repair Postgres first") from error
    for name in expected:
        if name not in behind:
            raise Problem(f"{name} has never watched", hint="wait half a minute after a start, then see worker.log")
        if behind[name] > LATE_BEAT_S:
            raise Problem(f"{name} looked last {behind[name]:.0f} s ago", hint="look at its runs in the Prefect UI")
    return ", ".join(f"{name} looked {seconds:.1f} s ago" for name, seconds in sorted(behind.items()))
