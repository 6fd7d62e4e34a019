"""What we have made on a Prefect server, remembered on that server: the ids, in one table artifact.

Names and tags can be anybody's; an id in this table is ours. A person sees the table in Prefect's UI (Artifacts).
The intent is written before the first object is made, so that a process that dies in between leaves nothing
that nobody owns up to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from deployments.objects.kinds import Key, Kind
from deployments.prefect_api import PrefectApi
from selfheal.model.errors import NotAllowed, Permanent

ARTIFACT = "selfheal-objects"
INTENDED = ""
"""Instead of an id: it was not there, and we are about to make it."""
_MAKER = {"made_by": "selfheal"}
_DESCRIPTION = (
    "What Selfheal has made on this server. `selfheal deployments remove` removes exactly this. "
    "Please do not delete the table by hand: without it nobody knows any more what is Selfheal's."
)


@dataclass(frozen=True, kw_only=True)
class Register:
    """The table.

    Attributes:
        ids: of our objects.
        artifacts: the table's own id, and those of tables that simultaneous applications have left; the newest first.
    """

    ids: Mapping[Key, str]
    artifacts: tuple[str, ...] = ()


def read(api: PrefectApi, *, estate: str) -> Register:
    """The server's table, or an empty one.

    Raises:
        NotAllowed: it is another estate's, or something else bears its name.
        Permanent: it cannot be read.
    """
    found = api.all_of("/artifacts/filter", {"artifacts": {"key": {"any_": [ARTIFACT]}}})
    if not found:
        return Register(ids={})
    found.sort(key=lambda one: str(one["created"]), reverse=True)
    for one in found:
        _refuse_other(one["metadata_"] or {}, estate)
    ids: dict[Key, str] = {}
    for one in found:
        ids |= {key: object_id for key, object_id in _rows(one["data"]).items() if not ids.get(key)}
    return Register(ids=ids, artifacts=tuple(one["id"] for one in found))


def _refuse_other(noted: Mapping[str, str], estate: str) -> None:
    if noted.get("made_by") != _MAKER["made_by"]:
        raise NotAllowed(
            f"the server has an artifact {ARTIFACT!r} that is not ours",
            hint="rename or delete it, or give Selfheal a Prefect server of its own",
        )
    if noted.get("estate") != estate:
        raise NotAllowed(
            f"the server already carries the Selfheal of estate {noted.get('estate')!r}, this is {estate!r}",
            hint="one Prefect server serves one estate: use another server, or remove the other one first",
        )


def write(api: PrefectApi, register: Register, ids: Mapping[Key, str], *, estate: str) -> Register:
    """Write the table if it is another one; gives the new register."""
    if len(register.artifacts) == 1 and ids == register.ids:
        return register
    rows = [{"kind": kind.value, "name": name, "id": ids[kind, name]} for kind, name in ids]
    body = {"data": json.dumps(rows), "description": _DESCRIPTION, "metadata_": {**_MAKER, "estate": estate}}
    if not register.artifacts:
        made = api.call("POST", "/artifacts/", {**body, "key": ARTIFACT, "type": "table"})
        return Register(ids=ids, artifacts=(str(made["id"]),))
    kept, *others = register.artifacts
    api.call("PATCH", f"/artifacts/{kept}", body)
    for one in others:
        _delete(api, one)
    return Register(ids=ids, artifacts=(kept,))


def forget(api: PrefectApi, register: Register) -> None:
    """Remove the table itself, the last of all."""
    for one in register.artifacts:
        _delete(api, one)


def _delete(api: PrefectApi, artifact: str) -> None:
    if api.find(f"/artifacts/{artifact}") is not None:
        api.call("DELETE", f"/artifacts/{artifact}")


def _rows(data: object) -> dict[Key, str]:
    """The ids, as they were written."""
    try:
        rows = json.loads(str(data))
        return {(Kind(row["kind"]), str(row["name"])): str(row["id"]) for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise Permanent(
            f"the artifact {ARTIFACT!r} on the Prefect server cannot be read: {error}",
            hint="delete it, then `selfheal deployments apply --adopt` takes over what bears our names",
        ) from error
