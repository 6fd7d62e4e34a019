"""`doctor`'s checks of the estate: settings, supervisors, ladders, and the actions of third parties."""

from importlib.metadata import entry_points

from console.checks import Problem
from console.place import Place
from selfheal.actions.table import GROUP, Registry
from selfheal.bootstrap import wire
from selfheal.clients.supervisor import Supervisor
from selfheal.model.alert import Severity
from selfheal.model.errors import SelfhealError
from selfheal.settings.estate import Settings

NO_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/none"
"""The registry is built without ever asking a database."""


def settings(place: Place) -> str:
    """They are right, and something may be healed."""
    found = place.settings()
    if not found.components:
        raise Problem("no component is configured: nothing is watched", hint="name components in selfheal.toml")
    if not found.healing.allow:
        raise Problem(
            "healing.allow is empty: nothing may be healed", hint="add the components that may be healed to it"
        )
    return f"{len(found.components)} components, {len(found.healing.allow)} may be healed"


def supervisors(place: Place) -> str:
    """Each answers, and knows the programs of its components."""
    found = place.settings()
    wrong = [words for name in sorted(found.supervisors) if (words := wrong_with(found, name))]
    if wrong:
        raise Problem("; ".join(wrong), hint="start it, or correct supervisors and components in the settings")
    return ", ".join(sorted(found.supervisors)) or "none configured"


def alerts(place: Place) -> str:
    """Somebody can be told, of each severity."""
    found = place.settings().alerts
    rules = found.rules({})
    if not rules.channels:
        raise Problem(
            "no channel: alerts wait in the database, and nobody is told", hint="name one in [alerts]: docs/alerts.md"
        )
    untold = [one.value for one in (Severity.WARNING, Severity.CRITICAL) if not rules.channels_of(one)]
    if untold:
        raise Problem(
            f"nobody is told of {' and '.join(untold)}", hint="give their route in [[alerts.routes]] channels"
        )
    return f"{', '.join(rules.channels)}; `selfheal alerts test` tries them"


def ladders(place: Place) -> str:
    """Every action that a ladder names exists and can be loaded."""
    found = place.settings()
    registry = registry_of(found)
    wrong = []
    for name, component in sorted(found.components.items()):
        for action in component.ladder:
            try:
                registry.get(action)
            except SelfhealError as error:
                wrong.append(f"components.{name}.ladder: {error}")
    if wrong:
        raise Problem("; ".join(wrong), hint="correct the ladder, or install the package that brings the action")
    return f"known actions: {', '.join(registry.names())}"


def plugins(place: Place) -> str:
    """Every action of a third party can be loaded."""
    problems = registry_of(place.settings()).problems()
    if problems:
        raise Problem("; ".join(problems), hint="repair or uninstall the packages that bring them")
    names = sorted(f"{one.name} ({one.value})" for one in entry_points(group=GROUP))
    return ", ".join(names) or "none installed"


def wrong_with(found: Settings, name: str) -> str:
    """What is wrong with one supervisor; empty: nothing."""
    one = found.supervisors[name]
    control = Supervisor(
        url=one.url, username=one.username, password=one.password.get_secret_value(), timeout=one.timeout
    )
    try:
        knows = control.processes()
    except SelfhealError as error:
        return f"{name}: {error.message}"
    programs = {part.program for part in found.components.values() if part.supervisor == name}
    missing = ", ".join(sorted(programs - knows.keys()))
    return f"{name} has no program {missing}" if missing else ""


def registry_of(found: Settings) -> Registry:
    """Every action that these settings could use."""
    actions = wire(found, database_url=NO_DATABASE).healer.actions
    if not isinstance(actions, Registry):
        raise Problem("the registry of actions is not ours")
    return actions
