"""Takes everything of ours from a Prefect server again, and nothing else; `selfheal deployments remove` calls this.

Ours is what the register names by id. It is refused as a whole, before anything is changed, while somebody else
uses our pool or a worker of it is still online. The history (our flows with their runs) is kept unless it is asked
for too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.objects import declared, kinds, register
from deployments.objects.kinds import POOL, TAG, Found, Kind
from deployments.objects.plan import Change, Step
from deployments.objects.register import Register
from deployments.prefect_api import PrefectApi, by_ids, in_bulk
from selfheal.model.errors import NotAllowed

UNFINISHED = ["PENDING", "RUNNING", "PAUSED", "CANCELLING"]
_ORDER = (Kind.AUTOMATION, Kind.DEPLOYMENT, Kind.LIMIT, Kind.QUEUE, Kind.POOL)


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What is to be removed.

    Attributes:
        register: what is ours.
        there: which of it is still there.
        flows: our flows that are there.
        runs: our unfinished runs.
        history: whether the flows and their runs go too.
    """

    register: Register
    there: Sequence[tuple[Kind, str, str]]
    flows: Sequence[Found]
    runs: Sequence[Found]
    history: bool

    def steps(self) -> list[Step]:
        """The same for a person, in the order in which it is done."""
        runs = [Step(kind="flow-run", name=one["name"], change=Change.END) for one in self.runs]
        gone = [Step(kind=kind, name=name, change=Change.REMOVE) for kind, name, _ in self.there]
        change, why = (Change.REMOVE, "with its runs") if self.history else (Change.LEAVE, "its runs are history")
        flows = [Step(kind=Kind.FLOW, name=one["name"], change=change, detail=why) for one in self.flows]
        return [*runs, *gone, *flows]


def remove(
    api: PrefectApi, *, estate: str, history: bool = False, force: bool = False, dry_run: bool = False
) -> Sequence[Step]:
    """Remove everything of ours; gives what was done, or what would be.

    Args:
        api: the server.
        estate: name of the estate whose objects they are.
        history: remove our flows and their runs too.
        force: although a worker of our pool is online: what it carries out is cancelled.
        dry_run: change nothing.

    Raises:
        NotAllowed: somebody else would be touched, or a worker is online; nothing was changed.
        Transient: the server did not answer; running it again goes on where it ended.
    """
    wanted = _look(api, estate=estate, history=history)
    _refuse_strangers(api, wanted)
    if not force:
        _refuse_workers(api, wanted)
    steps = wanted.steps()
    if not dry_run:
        _carry_out(api, wanted)
    return steps


def _look(api: PrefectApi, *, estate: str, history: bool) -> Removal:
    """What is there of ours."""
    ours = register.read(api, estate=estate)
    there = [
        (kind, name, ours.ids[kind, name])
        for wanted in _ORDER
        for kind, name in ours.ids
        if kind is wanted and kinds.by_id(api, kind, name, ours.ids[kind, name]) is not None
    ]
    flows = _flows(api, ours)
    runs = _runs(api, flows, {"state": {"type": {"any_": UNFINISHED}}})
    return Removal(register=ours, there=there, flows=flows, runs=runs, history=history)


def _flows(api: PrefectApi, ours: Register) -> list[Found]:
    """Our flows, also those that an earlier removal has left for the sake of their runs."""
    found = [api.find(f"/flows/name/{name}") for name in declared.flow_names()]
    known = set(ours.ids.values())
    return [one for one in found if one is not None and (one["id"] in known or TAG in one["tags"])]


def _runs(api: PrefectApi, flows: Sequence[Found], which: Mapping[str, Any]) -> list[Found]:
    """Runs of our flows that are ours: our deployments mark theirs, and watchers their heals."""
    if not flows:
        return []
    found = api.all_of("/flow_runs/filter", {"flow_runs": which, "flows": by_ids(flows)})
    return [one for one in found if TAG in one["tags"]]


def _refuse_strangers(api: PrefectApi, wanted: Removal) -> None:
    """Nothing of anybody else hangs on what is removed.

    Raises:
        NotAllowed: names what does.
    """
    ours = {object_id for _, _, object_id in wanted.there}
    touched = []
    if any(kind is Kind.POOL for kind, _, _ in wanted.there):
        in_pool = api.all_of("/deployments/filter", {"work_pools": {"name": {"any_": [POOL]}}})
        queues = api.all_of(f"/work_pools/{POOL}/queues/filter", {})
        touched += [f"deployment {one['name']!r} in work pool {POOL!r}" for one in in_pool if one["id"] not in ours]
        touched += [
            f"work queue {one['name']!r} in work pool {POOL!r}"
            for one in queues
            if one["id"] not in ours and one["name"] != "default"  # that one came with the pool
        ]
    if wanted.history and wanted.flows:
        under = api.all_of("/deployments/filter", {"flows": by_ids(wanted.flows)})
        touched += [f"deployment {one['name']!r} of our flow" for one in under if one["id"] not in ours]
    if touched:
        raise NotAllowed(
            f"somebody else has {', '.join(touched)}; nothing was removed",
            hint="have these moved or removed first",
        )


def _refuse_workers(api: PrefectApi, wanted: Removal) -> None:
    """No worker could be in the middle of a heal.

    Raises:
        NotAllowed: names those online.
    """
    if not any(kind is Kind.POOL for kind, _, _ in wanted.there):
        return
    workers = api.call("POST", f"/work_pools/{POOL}/workers/filter", {})
    online = sorted(one["name"] for one in workers if one.get("status") == "ONLINE")
    if online:
        doing = f", {len(wanted.runs)} runs are unfinished" if wanted.runs else ""
        raise NotAllowed(
            f"a worker is online in work pool {POOL!r} ({', '.join(online)}){doing}; nothing was removed",
            hint="stop `selfheal up` and every other worker of the pool, which counts as online for half a minute "
            "more (90 s where it was started by hand), or cancel what they do with --force",
        )


def _carry_out(api: PrefectApi, wanted: Removal) -> None:
    """Runs first, the register last: what was interrupted is taken up by the next removal."""
    cancelled = {"type": "CANCELLED", "name": "Removed", "message": "Selfheal was removed from this server"}
    for one in wanted.runs:
        api.call("POST", f"/flow_runs/{one['id']}/set_state", {"state": cancelled, "force": True})
    for kind, name, object_id in wanted.there:
        kinds.remove(api, kind, name, object_id)
    if wanted.history:
        for flow in wanted.flows:
            _forget(api, flow)
    register.forget(api, wanted.register)


def _forget(api: PrefectApi, flow: Found) -> None:
    """Our runs of a flow with what they have told in artifacts, then the flow unless somebody else has runs of it.

    In turns: the server's scheduler, which had read a deployment before it went, writes runs of it afterwards.
    """
    while api.call("POST", "/flow_runs/count", {"flows": by_ids([flow])}):
        runs = _runs(api, [flow], {})
        if not runs:
            return
        for some in in_bulk(runs):
            for told in api.all_of("/artifacts/filter", {"flow_runs": some}):
                api.call("DELETE", f"/artifacts/{told['id']}")
            api.call("POST", "/flow_runs/bulk_delete", {"flow_runs": some})
    kinds.remove(api, Kind.FLOW, flow["name"], flow["id"])
