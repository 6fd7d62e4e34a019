"""`selfheal status`: what runs, how the components are, and what a person must look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console import alerts, approvals, components, hosts, maintenance, storm, turns
from console.output import Cell, Section, show
from console.pause import facts
from console.place import Output, Place
from selfheal.model.approval import ApprovalState
from selfheal.model.errors import SelfhealError

if TYPE_CHECKING:
    from console.database import Database
    from deployments.stackfile import Stack
    from selfheal.model.health import ComponentHealth, Watch
    from selfheal.settings.estate import Settings

REFUSALS_SHOWN = 5


@dataclass(kw_only=True)
class Findings:
    """What is printed; not frozen, since it is gathered piece by piece.

    Attributes:
        facts: single values.
        sections: the tables.
        bad: whether any of it is bad news.
    """

    facts: dict[str, Cell] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    bad: bool = False


def status(*, place: Place = Place(), output: Output = "table") -> int:  # noqa: B008 - frozen: cyclopts fills a copy
    """Say how the stack and its components are."""
    stack = place.running()
    found = Findings()
    found.facts["data_folder"] = str(place.folder)
    if stack is None:
        found.facts |= {"stack": "not running", "what_to_do": place.way_to_one()}
        show([], output=output, facts=found.facts)
        return 1
    settings = place.settings()
    _parts(found, stack)
    _settings(found, place)
    try:
        _from_database(found, place, settings)
    except SelfhealError as error:
        found.bad = True
        found.facts["database"] = f"problem: {error}"
    show(found.sections, output=output, facts=found.facts)
    return int(found.bad)


def _parts(found: Findings, stack: "Stack") -> None:
    """What the stack itself says."""
    found.facts |= {
        "stack": f"running (process {stack.pid})",
        "dashboard": stack.urls.get("web"),
        "prefect_ui": stack.urls.get("prefect"),
    }
    rows: list[Mapping[str, Cell]] = [
        {
            "part": part.name,
            "state": part.state.value,
            "pid": part.pid,
            "restarts": part.restarts,
            "last_exit": part.last_exit,
        }
        for part in stack.parts
        if not part.outside
    ]
    found.bad = found.bad or any(row["state"] != "ready" for row in rows)
    columns = ("part", "state", "pid", "restarts", "last_exit")
    found.sections.append(Section(name="parts", columns=columns, rows=rows))
    _outside(found, stack)


def _outside(found: Findings, stack: "Stack") -> None:
    """Servers of somebody else's, given by their url: where each is, and why it is waited for."""
    rows: list[Mapping[str, Cell]] = [
        {"server": one.name, "state": one.state.value, "where": stack.urls.get(one.name), "detail": one.last_exit}
        for one in stack.parts
        if one.outside
    ]
    if rows:
        found.bad = found.bad or any(row["state"] != "ready" for row in rows)
        found.sections.append(Section(name="servers", columns=("server", "state", "where", "detail"), rows=rows))


def _settings(found: Findings, place: Place) -> None:
    """Which settings are in force, and how the file differs from them by now."""
    from deployments import accepted  # noqa: PLC0415  keeps `--help` fast

    known = accepted.about(place.folder)
    if known is None or place.config:
        return
    source = f"{known.source} as of {known.at}" if known.source else "none: defaults and the environment"
    found.facts["settings"] = source
    if known.overrides:
        found.facts["environment_above_the_file"] = ", ".join(known.overrides)
    if differs := accepted.differs(place.folder):
        found.facts["settings_on_disk"] = f"NOT IN FORCE: {differs}"
    if known.needs_restart:
        found.facts["waits_for_a_restart"] = ", ".join(known.needs_restart)


def _from_database(found: Findings, place: Place, settings: "Settings") -> None:
    """What the watchers and the other mechanisms have written down."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast

    with database_of(place) as database:
        paused = database.pauses.current()
        found.facts |= facts(paused)
        found.bad = found.bad or paused is not None
        _mechanisms(found, database.health.watches(), logs=settings.log_monitor.there_are)
        section, bad = turns.section(database.mechanisms.all())
        found.sections.append(section)
        found.bad = found.bad or bad
        _components(found, settings, {row.component: row for row in database.health.latest()})
        _hosts(found, database)
        _decisions(found, database)
        _faults(found, database)
        _missed_starts(found, database)
        _refusals(found, database)


def _mechanisms(found: Findings, watches: "Sequence[Watch]", *, logs: bool) -> None:
    """Who watches, and when it last looked."""
    from selfheal.policy.watching import Watching, mechanisms, watching  # noqa: PLC0415  keeps `--help` fast

    rows: list[Mapping[str, Cell]] = []
    for name, watch in mechanisms(watches, logs=logs).items():
        state = watching(watch)
        found.bad = found.bad or state is not Watching.WATCHING
        rows.append(
            {
                "mechanism": name,
                "state": state.value,
                "last_beat": watch.beat_at if watch else None,
                "behind_s": round(watch.behind_s, 1) if watch else None,
            }
        )
    columns = ("mechanism", "state", "last_beat", "behind_s")
    found.sections.append(Section(name="mechanisms", columns=columns, rows=rows))


def _components(found: Findings, settings: "Settings", latest: Mapping[str, "ComponentHealth"]) -> None:
    """How each component is, and all of them together."""
    from selfheal.model.health import HealthStatus  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.health import overall  # noqa: PLC0415

    section, statuses = components.section(settings, latest, now=datetime.now(UTC))
    found.facts["overall"] = overall(statuses).value
    found.bad = found.bad or any(one is not HealthStatus.OPERATIONAL for one in statuses)
    found.sections.append(section)


def _hosts(found: Findings, database: "Database") -> None:
    """The hosts, where any was looked at."""
    section, bad = hosts.section(database.measured.hosts())
    found.bad = found.bad or bad
    if section.rows:
        found.sections.append(section)


def _decisions(found: Findings, database: "Database") -> None:
    """What stops heals: storms and maintenance windows; and what a person has not been told yet."""
    storms, windows = database.storms.current(), database.maintenance.upcoming()
    found.bad = found.bad or bool(storms)
    found.sections += [storm.section(storms)] if storms else []
    found.sections += [maintenance.section(windows)] if windows else []
    asked = database.approvals.newest(limit=REFUSALS_SHOWN, ended=False)
    found.bad = found.bad or any(one.state is ApprovalState.OPEN for one in asked)
    found.sections += [approvals.section(asked)] if asked else []
    told = database.alerts.counts()
    if told.undecided + told.waiting:
        found.facts["alerts_waiting"] = told.undecided + told.waiting
    if told.failed:
        found.facts["alerts_failed_24h"] = told.failed
        found.bad = True
    if troubled := database.alerts.troubled():
        found.sections.append(alerts.troubled(troubled))
        found.bad = True


def _faults(found: Findings, database: "Database") -> None:
    """What is sick, what is left alone for now, and where a person is needed."""
    now = datetime.now(UTC)
    rows: list[Mapping[str, Cell]] = [
        {
            "component": fault.component,
            "since": fault.detected_at,
            "attempts": fault.attempts,
            "cooling_down_until": fault.rests(now),
            "person_must_look": fault.needs_person,
        }
        for fault in database.faults.still_open()
    ]
    found.bad = found.bad or bool(rows)
    columns = ("component", "since", "attempts", "cooling_down_until", "person_must_look")
    found.sections.append(Section(name="open_faults", columns=columns, rows=rows))


def _missed_starts(found: Findings, database: "Database") -> None:
    """Heals that did not begin in time; how many, also where there were none."""
    missed = database.missed_starts.lately()
    found.facts["missed_starts_24h"] = len(missed)
    rows: list[Mapping[str, Cell]] = [
        {"component": one.component, "priority": one.priority, "since": one.since, "noted_at": one.missed_at}
        for one in missed[:REFUSALS_SHOWN]
    ]
    if rows:
        columns = ("component", "priority", "since", "noted_at")
        found.sections.append(Section(name="missed_starts", columns=columns, rows=rows))


def _refusals(found: Findings, database: "Database") -> None:
    """The last refusals: no bad news by themselves."""
    rows: list[Mapping[str, Cell]] = [
        {
            "component": one.component,
            "decision": one.decision,
            "times": one.occurrences,
            "last_at": one.last_at,
            "reason": one.reason,
        }
        for one in database.reports.refusals(limit=REFUSALS_SHOWN)
    ]
    columns = ("component", "decision", "times", "last_at", "reason")
    found.sections.append(Section(name="last_refusals", columns=columns, rows=rows))
