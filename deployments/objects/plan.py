"""What is to be done on a Prefect server, decided before anything is changed there.

Whatever bears one of our names and is not in the register is somebody else's: the whole plan is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deployments.objects import kinds
from deployments.objects.kinds import TAG, Body, Found, Ids, Kind, Wanted
from deployments.objects.register import INTENDED, Register
from deployments.prefect_api import PrefectApi
from selfheal.model.errors import NotAllowed


class Change(StrEnum):
    """What happens to one object."""

    MAKE = "made"
    CHANGE = "changed"
    KEEP = "unchanged"
    REMOVE = "removed"
    END = "cancelled"
    LEAVE = "left"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One object, and what happens to it.

    Attributes:
        kind: what it is, in Prefect's words.
        name: its name.
        change: what happens to it.
        detail: which fields change, or why it is left.
        found: as it is on the server now; empty: it is not there.
    """

    kind: str
    name: str
    change: Change
    detail: str = ""
    found: Found = field(default_factory=dict, repr=False)


def to_apply(api: PrefectApi, wanted: Sequence[Wanted], register: Register, *, adopt: bool) -> list[Step]:
    """The steps that bring everything there.

    Args:
        api: the server.
        wanted: in the order in which it is made.
        register: what is ours already.
        adopt: take over what bears our names without being in the register.

    Raises:
        NotAllowed: somebody else's objects bear our names; names each of them.
    """
    ids: dict[kinds.Key, str] = {}
    steps, strangers = [], []
    for one in wanted:
        there = kinds.named(api, one.kind, one.name)
        ours = [found for found in there if adopt or _is_ours(one.kind, found, register.ids.get(one.key))]
        if len(ours) < len(there):
            strangers.append(f"{one.kind} {one.name!r}")
            continue
        if ours:
            ids[one.key] = str(ours[0]["id"])
        steps.append(_step(one, ours, ids))
    if strangers:
        raise foreign(strangers)
    return [*steps, *_left_over(wanted, register)]


def foreign(strangers: Sequence[str]) -> NotAllowed:
    """The refusal that names what is somebody else's."""
    return NotAllowed(
        f"on the Prefect server somebody else has {', '.join(strangers)}; nothing was changed",
        hint="have them renamed, or give Selfheal a Prefect server of its own "
        "(if they are Selfheal's own and its table was lost: `selfheal deployments apply --adopt`)",
    )


def differing(body: Body, found: Found, compared: Sequence[str]) -> list[str]:
    """The fields of an object that are not as they shall be; what the server adds by itself does not count."""
    return [name for name in compared if not _is_so(name, found, body.get(name))]


def _is_ours(kind: Kind, found: Found, registered: str | None) -> bool:
    if kind is Kind.FLOW and TAG in found["tags"]:  # it stays for its runs' sake when all else is removed
        return True
    return registered in {found["id"], INTENDED}


def _step(one: Wanted, ours: Sequence[Found], ids: Ids) -> Step:
    if not ours:
        return Step(kind=one.kind, name=one.name, change=Change.MAKE)
    fields = differing(one.body(ids), ours[0], one.compared)
    change = Change.CHANGE if fields else Change.KEEP
    stays = [f"{name} stays {ours[0][name]}" for name in differing(one.body(ids), ours[0], one.lasting)]
    return Step(kind=one.kind, name=one.name, change=change, detail=", ".join([*fields, *stays]), found=ours[0])


def _left_over(wanted: Sequence[Wanted], register: Register) -> list[Step]:
    """What an earlier release or earlier settings had; flows stay for the sake of their runs."""
    names = {one.key for one in wanted}
    return [
        Step(
            kind=kind,
            name=name,
            change=Change.REMOVE,
            detail="no longer wanted",
            found={"id": register.ids[kind, name]},
        )
        for kind, name in register.ids
        if (kind, name) not in names and kind is not Kind.FLOW
    ]


def _is_so(name: str, found: Found, wanted: Any) -> bool:
    if name == "schedules":  # a person may have some of their own
        missing = any(not any(_holds(one, each) for one in found[name]) for each in wanted)
        return not missing and not kinds.surplus(found[name], wanted)
    return _holds(_normal(name, found), wanted)


def _normal(name: str, found: Found) -> Any:
    """A field as it was sent, where the server answers in another shape."""
    if name == "concurrency_limit" and name in found:
        return (found.get("global_concurrency_limit") or {}).get("limit")
    return found.get(name)


def _holds(there: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_holds(there.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], Mapping):
        return isinstance(there, list) and all(any(_holds(one, each) for one in there) for each in wanted)
    return bool(there == wanted)
