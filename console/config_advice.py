"""What `selfheal config check` warns of: the file, its settings and ladders; live, also what runs."""

import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from uuid6 import uuid7

from console import checks
from console.doctor_databases import database
from console.doctor_docker import lives_of
from console.doctor_estate import registry_of, wrong_with
from selfheal.actions.table import Registry
from selfheal.clients.clock import SystemClock
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import SelfhealError
from selfheal.model.trigger import Source, Trigger, TriggerType
from selfheal.policy.triggers import priority_of, usual_type
from selfheal.settings.advice import Advice, advice, holds_secret
from selfheal.settings.estate import Settings
from selfheal.settings.file import read


def warnings(settings: Settings, path: Path | None, *, live: bool) -> list[Advice]:
    """All of them, in the order in which a person mends them.

    Args:
        settings: right ones.
        path: their file; None for none.
        live: whether to ask Docker, the supervisors and the databases, within a bounded time.
    """
    return [
        *_of_file(settings, path),
        *advice(settings),
        *_of_ladders(settings),
        *_of_openings(settings),
        *_of_logs(settings),
        *(_of_world(settings) if live else ()),
    ]


def _of_file(settings: Settings, path: Path | None) -> Iterator[Advice]:
    if path is None:
        yield Advice(
            setting="the file",
            said="there is none: only defaults and the environment count",
            what_to_do="name it with --config FILE, or write one: `selfheal discover --output selfheal.toml`",
        )
    if path is not None and holds_secret(read(path), settings) and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Advice(
            setting="the file",
            said=f"{path.name} holds a password and can be read by others",
            what_to_do=f"chmod 600 {path}, or give the password in the environment",
        )


def _of_ladders(settings: Settings) -> Iterator[Advice]:
    """Every action that a ladder names exists and fits what its component raises when it is down; one of them acts."""
    registry = registry_of(settings)
    for name, component in sorted(settings.catalogue().items()):
        problems = {action: _misfit(registry, action, component) for action in component.ladder}
        for problem in filter(None, problems.values()):
            yield Advice(
                setting=f"components.{name}.ladder",
                said=problem,
                what_to_do=f"name actions that fit: {', '.join(_fitting(registry, component)) or 'none does'}",
            )
        modes = {action: registry.mode(registry.get(action)) for action in problems if not problems[action]}
        if name in settings.healing.allow and modes and "auto" not in modes.values():
            yield Advice(
                setting=f"components.{name}.ladder",
                said=f"nothing on it acts by itself: {', '.join(f'{one} is in mode {modes[one]}' for one in modes)}",
                what_to_do=f'set mode = "auto" in [actions.{next(iter(modes))}], if that is what is meant',
            )


def _of_openings(settings: Settings) -> Iterator[Advice]:
    """What a breaker's opening heals may be healed, by an action that fits."""
    registry, components = registry_of(settings), settings.catalogue()
    for breaker, causes in settings.breaker_rules().causes.items():
        for cause in causes:
            down = replace(_down(components[cause.component]), type=TriggerType.BREAKER_OPENED, action=cause.action)
            try:
                wrong = "" if registry.find_actions(down, components[cause.component]) else "nothing on its ladder fits"
            except SelfhealError as error:
                wrong = error.message
            if cause.component not in settings.healing.allow:
                wrong = wrong or "it is not in healing.allow"
            if wrong:
                yield Advice(
                    setting=f"on_opening.{breaker}.heal",
                    said=f"{cause.component} will not be healed: {wrong}",
                    what_to_do="name an action that fits an open breaker, and allow the component",
                )


def _of_logs(settings: Settings) -> Iterator[Advice]:
    """What a log suspects may be healed, by an action that takes a log's word as a reason; and no log counts twice."""
    registry, components, found = registry_of(settings), settings.catalogue(), settings.log_monitor
    patterns = [pattern.name for pattern in found.rules().patterns if not pattern.tells]
    followed = dict[tuple[str, str], str]()
    for source in found.followed(settings.components):
        first = followed.setdefault((source.file, source.container), source.name)
        if first != source.name:
            yield Advice(
                setting=f"log_monitor.sources.{source.name}",
                said=f"is the same log as {first}: each of its lines counts twice",
                what_to_do="leave one of them, and name what its lines suspect in its `suspects`",
            )
        for suspect in sorted({source.suspect(pattern) for pattern in patterns}):
            said = replace(_down(components[suspect]), type=TriggerType.LOG_ERROR, source=Source.LOG_MONITOR)
            try:
                wrong = "" if registry.find_actions(said, components[suspect]) else "nothing on its ladder fits"
            except SelfhealError as error:
                wrong = error.message
            if suspect not in settings.healing.allow:
                wrong = wrong or "it is not in healing.allow"
            if wrong:
                yield Advice(
                    setting=f"log_monitor.sources.{source.name}",
                    said=f"whatever its lines say, {suspect} will not be healed: {wrong}",
                    what_to_do="name another suspect, or an action that fits on its ladder, and allow it",
                )


def _misfit(registry: Registry, action: str, component: Component) -> str:
    """Why this action never heals this component; empty: it may."""
    try:
        fits = registry.get(action).can_handle(_down(component), component)
    except SelfhealError as error:
        return error.message
    keeper = component.keeper or "nobody"
    return "" if fits else f"{action} does not fit a component with probe {component.probe} that {keeper} runs"


def _fitting(registry: Registry, component: Component) -> list[str]:
    return [name for name in registry.names() if not _misfit(registry, name, component)]


def _down(component: Component) -> Trigger:
    """The trigger that the watcher would raise."""
    kind = usual_type(component)
    return Trigger(
        id=uuid7(),
        type=kind,
        component=component.name,
        source=Source.WATCHER,
        priority=priority_of(component, kind),
        reason="a check of the settings",
        detected_at=SystemClock().now(),
    )


def _of_world(settings: Settings) -> Iterator[Advice]:
    """What a keeper does not know, or that it does not answer; all are asked at the same time."""
    questions: dict[str, Callable[[], str]] = {
        f"supervisors.{name}": partial(_supervisor, settings, name) for name in settings.supervisors
    }
    questions |= {f"databases.{name}": partial(database, settings, name) for name in settings.databases}
    if any(one.container for one in settings.components.values()):
        questions["docker"] = partial(_containers, settings)
    for finding in checks.run(questions):
        if not finding.ok:
            yield Advice(setting=finding.check, said=finding.said, what_to_do=finding.what_to_do)


def _supervisor(settings: Settings, name: str) -> str:
    wrong = wrong_with(settings, name)
    if wrong:
        raise checks.Problem(wrong, hint="start it, or correct supervisors and components in the settings")
    return "knows all its programs"


def _containers(settings: Settings) -> str:
    """They are there, and of those that may be healed Docker can tell whether they work."""
    lives = lives_of(settings)
    missing = sorted(name for name, life in lives.items() if life.state == "REMOVED")
    if missing:
        raise checks.Problem(
            f"there is no container {', '.join(missing)}", hint="start it, or correct container of its component"
        )
    judged = (one for name, one in settings.components.items() if name in settings.healing.allow)
    bare = {one.container for one in judged if one.probe is ProbeKind.CONTAINER and not lives[one.container].health}
    if running := sorted(name for name in bare if lives[name].running):
        raise checks.Problem(
            f"no health check in {', '.join(running)}: healed will only mean that it runs",
            hint="give it a HEALTHCHECK, or its component another probe",
        )
    return "knows all its containers"
