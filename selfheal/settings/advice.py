"""What is right in a file of settings and yet hardly meant; `selfheal config check` warns of it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from selfheal.policy.catalogue import ALLOWED_AS, REQUEST_FILE
from selfheal.policy.triggers import LOOKS_WITHIN
from selfheal.settings.estate import INVESTIGATE, Settings
from selfheal.settings.values import Section


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One warning.

    Attributes:
        setting: its place in the file.
        said: what looks wrong.
        what_to_do: the mend.
    """

    setting: str
    said: str
    what_to_do: str


def advice(settings: Settings) -> list[Advice]:
    """Every warning that the settings alone give rise to."""
    return [*_healing(settings), *_within(settings), *_same_target(settings), *_unused(settings), *_web(settings)]


def _web(settings: Settings) -> Iterator[Advice]:
    """What people send must not be read on its way."""
    web = settings.web
    elsewhere = web.host not in {"127.0.0.1", "localhost", "::1"}
    if web.enabled and elsewhere and not web.public_url.startswith("https://"):
        yield Advice(
            setting="web.public_url",
            said=f"is no https address, and web.host is {web.host}: tokens cross the network for everybody to read",
            what_to_do="put a proxy with TLS before it and set web.public_url to that, or leave web.host out",
        )


def holds_secret(values: Mapping[str, Any], settings: Section | Mapping[str, Any]) -> bool:
    """Whether a file holds a secret.

    Args:
        values: its plain values.
        settings: what was read from them.
    """
    read = settings.model_dump() if isinstance(settings, Section) else settings
    for name, one in values.items():
        known = read.get(name)
        if isinstance(one, Mapping) and isinstance(known, Mapping):
            if holds_secret(one, known):
                return True
        elif isinstance(known, SecretStr) and one != "":
            return True
    return False


def _healing(settings: Settings) -> Iterator[Advice]:
    """Only what is allowed and has a ladder is healed: the one without the other does nothing."""
    allow = settings.healing.allow
    if not settings.catalogue():
        yield Advice(
            setting="components",
            said="none is named: nothing is watched, and nothing is healed",
            what_to_do="name some; `selfheal discover` finds what runs here",
        )
    if settings.components and not allow:
        yield Advice(
            setting="healing.allow",
            said="is empty: everything is observed, nothing is healed",
            what_to_do="name the components that may be healed",
        )
    for derived in sorted(allow & {ALLOWED_AS, REQUEST_FILE}) if not settings.workflows.request_file else ():
        yield Advice(
            setting="healing.allow",
            said=f"names {derived}, and workflows.request_file is empty: there are none",
            what_to_do=f"name the request file, or take {derived} out of healing.allow",
        )
    for name, component in sorted(settings.components.items()):
        if name in allow and not component.ladder:
            yield Advice(
                setting=f"components.{name}.ladder",
                said="is empty: it is allowed to be healed, and no action is named to do it",
                what_to_do='name one, like ladder = ["restart-container"], or take it out of healing.allow',
            )
        if allow and component.ladder and name not in allow:
            yield Advice(
                setting=f"components.{name}.ladder",
                said="means nothing: the component is not in healing.allow and is only observed",
                what_to_do="add it to healing.allow, or take its ladder away",
            )


def _within(settings: Settings) -> Iterator[Advice]:
    """Looks that cost much, and ways to mend that no ladder takes."""
    for name, component in sorted(settings.components.items()):
        place = f"components.{name}"
        if component.command and component.watched:
            yield Advice(
                setting=f"{place}.command",
                said="is run in its container at every sweep",
                what_to_do="set watched = false, so that it is run when a log or a person suspects it",
            )
        for setting, action in (("install", "install-packages"), ("collect", "collect-garbage"), ("scale", "scale")):
            if getattr(component, setting) is not None and action not in component.ladder:
                yield Advice(
                    setting=f"{place}.{setting}",
                    said=f"is done only where a person asks: {action} is not on its ladder",
                    what_to_do=f"add {action} to its ladder, or take it away",
                )
        if INVESTIGATE in component.ladder[:-1]:
            yield Advice(
                setting=f"{place}.ladder",
                said=f"goes on after {INVESTIGATE}, which hands the fault to a person at once",
                what_to_do=f"let {INVESTIGATE} be its last",
            )


def _same_target(settings: Settings) -> Iterator[Advice]:
    """One thing under two names: rarely meant, and never healed under both at once."""
    names: dict[str, list[str]] = defaultdict(list)
    catalogue = settings.catalogue()
    for name, component in sorted(catalogue.items(), key=lambda one: (one[1].probe in LOOKS_WITHIN, one[0])):
        names[component.target].append(name)
    looks_within = {name for name, one in settings.components.items() if one.probe in LOOKS_WITHIN}
    for target, several in names.items():
        for name in sorted(set(several[1:]) - looks_within):
            yield Advice(
                setting=f"components.{name}",
                said=f"is the same thing as {several[0]}: {target}",
                what_to_do="keep one of the two, unless two probes of one thing are meant",
            )


def _unused(settings: Settings) -> Iterator[Advice]:
    """What is described and asked by nobody."""
    components = settings.components.values()
    migrations = settings.migrations.values()
    used = {
        "supervisors": {one.supervisor for one in components},
        "databases": {one.database for one in components} | {one.database for one in migrations},
        "migrations": {one.migration for one in components},
    }
    described = {
        "supervisors": settings.supervisors.keys(),
        "databases": settings.databases.keys(),
        "migrations": settings.migrations.keys(),
    }
    for table, names in described.items():
        for name in sorted(names - used[table]):
            yield Advice(
                setting=f"{table}.{name}",
                said="is used by no component",
                what_to_do="take it away, or name it in a component",
            )
