"""The kinds of objects that we have on a Prefect server, and how each is found, made, changed and removed.

Only calls of the server's REST API; nothing is decided here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from deployments.objects import declared
from deployments.prefect_api import PrefectApi

POOL = "selfheal"
TAG = "selfheal"


class Kind(StrEnum):
    """What an object is, in the words of Prefect's UI."""

    POOL = "work-pool"
    QUEUE = "work-queue"
    FLOW = "flow"
    DEPLOYMENT = "deployment"
    LIMIT = "concurrency-limit"
    AUTOMATION = "automation"


Key = tuple[Kind, str]
Ids = Mapping[Key, str]
Body = Mapping[str, Any]
Found = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One object as it shall be.

    Attributes:
        kind: what it is.
        name: its name on the server; a deployment's is FLOW/NAME.
        body: what it is made of, given the ids of the objects that were made before it.
        compared: the fields of it that must stay as they are; the rest is the operator's, once it is made.
        lasting: fields that nobody can change once it is made, and that may be others: that is only told.
    """

    kind: Kind
    name: str
    body: Callable[[Ids], Body]
    compared: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.kind, self.name


def named(api: PrefectApi, kind: Kind, name: str) -> list[Found]:
    """Every object of that name, whoever made it: automations may share one."""
    if kind is Kind.AUTOMATION:
        return api.all_of("/automations/filter", {"automations": {"name": {"any_": [name]}}})
    found = api.find(_by_name(kind, name))
    return [] if found is None else [found]


def make(api: PrefectApi, kind: Kind, body: Body) -> str:
    """Make one; gives its id."""
    place = _MADE_AT[kind]
    return str(api.call("POST", place.rstrip("/") if kind is Kind.QUEUE else place, body)["id"])


def change(api: PrefectApi, kind: Kind, found: Found, body: Body) -> None:
    """Bring one that is there up to date."""
    place = _place(kind, found["name"], found["id"])
    if kind is Kind.AUTOMATION:  # replaced as a whole, but for the operator's switch
        api.call("PUT", place, {**body, "enabled": found["enabled"]})
    else:
        api.call("PATCH", place, {name: value for name, value in body.items() if name != "schedules"})
    if kind is Kind.DEPLOYMENT:
        _change_schedules(api, f"{place}/schedules", found["schedules"], body["schedules"])


def surplus(there: Sequence[Found], wanted: Sequence[Body]) -> list[Found]:
    """Schedules of ours that are no longer wanted; a person's own are none: they bear none of our names."""
    return [one for one in there if one["slug"] in declared.slugs() - {each["slug"] for each in wanted}]


def _change_schedules(api: PrefectApi, place: str, there: Sequence[Found], wanted: Sequence[Body]) -> None:
    """One by one: given as a whole, the server keeps what is left out, or takes a person's own away."""
    known = {one["slug"]: one for one in there}
    for one in wanted:
        if one["slug"] not in known:
            api.call("POST", place, [one])
        elif known[one["slug"]]["schedule"].get("interval") != one["schedule"]["interval"]:
            api.call("PATCH", f"{place}/{known[one['slug']]['id']}", {"schedule": one["schedule"]})
    for one in surplus(there, wanted):
        api.call("DELETE", f"{place}/{one['id']}")


def by_id(api: PrefectApi, kind: Kind, name: str, object_id: str) -> Found | None:
    """The object if it is still there under this id; another one of its name is not it."""
    found: Found | None = api.find(_place(kind, name, object_id))
    return found if found is not None and found["id"] == object_id else None


def remove(api: PrefectApi, kind: Kind, name: str, object_id: str) -> None:
    """Remove one; whoever was faster is as good as us."""
    if by_id(api, kind, name, object_id) is not None:
        api.call("DELETE", _place(kind, name, object_id))


def _place(kind: Kind, name: str, object_id: str) -> str:
    """Its address: pools and queues are known by their names only."""
    return f"{_MADE_AT[kind]}{quote(name) if kind in {Kind.POOL, Kind.QUEUE} else object_id}"


_MADE_AT = {
    Kind.POOL: "/work_pools/",
    Kind.QUEUE: f"/work_pools/{POOL}/queues/",
    Kind.FLOW: "/flows/",
    Kind.DEPLOYMENT: "/deployments/",
    Kind.LIMIT: "/v2/concurrency_limits/",
    Kind.AUTOMATION: "/automations/",
}


def _by_name(kind: Kind, name: str) -> str:
    between = "name/" if kind in {Kind.FLOW, Kind.DEPLOYMENT} else ""
    return f"{_MADE_AT[kind]}{between}{quote(name)}"
