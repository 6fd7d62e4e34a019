"""`doctor`'s checks of the estate's databases: each answers, its role is limited, its catalogue is the settings'."""

from collections.abc import Callable, Mapping
from functools import partial

from console.checks import Problem
from console.place import Place
from selfheal.clients.estate_database import EstateDatabase
from selfheal.model.errors import SelfhealError
from selfheal.model.migration import CatalogueEntry, Migration
from selfheal.model.role_rights import RoleRights
from selfheal.settings.estate import Settings


def checks(place: Place) -> Mapping[str, Callable[[], str]]:
    """One check for each database; none while the settings cannot be read, which another check tells."""
    try:
        settings = place.settings()
    except SelfhealError:
        return {}
    return {f"database {name}": partial(database, settings, name) for name in sorted(settings.databases)}


def database(settings: Settings, name: str) -> str:
    """It answers, we may do nothing there that we need not, and it holds our catalogue."""
    one = settings.databases[name]
    client = EstateDatabase(
        url=one.url, username=one.username, password=one.password.get_secret_value(), timeout=one.timeout
    )
    rights = client.rights()
    if more := _too_many(rights):
        raise Problem(
            f"{rights.role} is not limited: {', '.join(more)}",
            hint="take these rights away, or name the role that `selfheal estate-sql` makes",
        )
    wanted = {key: entry for key, entry in settings.allowed_sql().items() if entry.database == name}
    if not wanted:
        return f"answers; {rights.role} is limited; no migrations"
    if wrong := _different(wanted, client.entries()):
        raise Problem(
            f"its catalogue is not that of the settings: {', '.join(wrong)}",
            hint=f"run the output of `selfheal estate-sql {name}` in that database again",
        )
    return f"answers; {rights.role} is limited; its catalogue holds the {len(wanted)} migrations of the settings"


def _too_many(rights: RoleRights) -> list[str]:
    """What the role may do that it need not."""
    privileged = ["it is a superuser, or may make databases or roles, replicate or pass row security by"]
    return [
        *(privileged if rights.privileged else []),
        *(f"it is a member of {role}" for role in rights.member_of),
        *(f"it may create in {place}" for place in rights.may_create_in),
    ]


def _different(wanted: Mapping[str, Migration], held: Mapping[str, CatalogueEntry]) -> list[str]:
    """The entries that only one side has, or that are not the same."""
    missing = [f"{name} is missing there" for name in sorted(wanted.keys() - held.keys())]
    more = [f"{name} is only there" for name in sorted(held.keys() - wanted.keys())]
    both = sorted(wanted.keys() & held.keys())
    return missing + more + [f"{name} is another SQL" for name in both if wanted[name].sha256 != held[name].sha256]
