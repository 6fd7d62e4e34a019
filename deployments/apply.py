"""Brings pool, queues, flows, deployments, limits and automation to a Prefect server.

All of it or, where somebody else's objects bear our names, nothing.
`up` runs it as `python -m deployments.apply` each time the Prefect server has become ready, `selfheal
deployments apply` on a server of the operator's own; running it again changes nothing that is right. For `up` it
is a process of its own because importing Prefect and the flows costs seconds and memory that the supervisor
should not hold.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from deployments.objects import kinds, plan, register
from deployments.objects.kinds import Key, Wanted
from deployments.objects.plan import Change, Step
from deployments.objects.register import INTENDED, Register
from deployments.prefect_api import PrefectApi, Refused
from selfheal.model.errors import SelfhealError, Transient
from selfheal.settings.estate import Settings
from selfheal.settings.file import load

REFUSED = 3
"""Exit code of this module where trying again changes nothing."""
CALL_TIMEOUT_S = 30.0
"""Of one call: a server that has just started is slow."""


def apply(  # noqa: PLR0913 - each is a part of what is to be there, or how
    api: PrefectApi,
    components: Iterable[str],
    *,
    estate: str,
    workflows: bool = True,
    logs: bool = True,
    worker: str = "prefork",
    adopt: bool = False,
    dry_run: bool = False,
) -> Sequence[Step]:
    """Bring everything to the server; gives what was done, or what would be.

    Args:
        api: the server.
        components: names of the configured components.
        estate: name of the estate that is applied.
        workflows: whether it has workflows; otherwise no schedule begins what looks after them.
        logs: the same of logs.
        worker: type of the worker that the pool is made for.
        adopt: take over what bears our names without being known as ours.
        dry_run: change nothing.

    Raises:
        NotAllowed: what is there is somebody else's, another estate's, or not for us; nothing was changed.
        Transient: the server did not answer; running it again goes on where it ended.
        SelfhealError: the server took something not.
    """
    ours = register.read(api, estate=estate)  # before the flows are imported: a wrong address is told at once
    from deployments.objects.wanted import everything  # noqa: PLC0415  imports Prefect and the flows, for seconds

    wanted = everything(components, workflows=workflows, logs=logs, worker=worker)
    steps = plan.to_apply(api, wanted, ours, adopt=adopt)
    if not dry_run:
        _carry_out(api, wanted, steps, ours, estate=estate)
    return steps


def _carry_out(
    api: PrefectApi, wanted: Sequence[Wanted], steps: Sequence[Step], ours: Register, *, estate: str
) -> None:
    """Write the intent, do it, write the ids."""
    by_key = dict(zip((one.key for one in wanted), steps, strict=False))
    ids: dict[Key, str] = {key: str(step.found.get("id", INTENDED)) for key, step in by_key.items()}
    going = {key: ours.ids[key] for key in ours.ids if key not in ids}
    ours = register.write(api, ours, {**going, **ids}, estate=estate)
    for one in wanted:
        step = by_key[one.key]
        if step.change is Change.MAKE:
            ids[one.key] = kinds.make(api, one.kind, one.body(ids))
        elif step.change is Change.CHANGE:
            body = one.body(ids)
            whole = one.kind is kinds.Kind.AUTOMATION
            fields = body if whole else {name: body[name] for name in one.compared}
            kinds.change(api, one.kind, step.found, fields)
    for (kind, name), object_id in going.items():
        if kind is not kinds.Kind.FLOW:  # its runs are history
            kinds.remove(api, kind, name, object_id)
    register.write(api, ours, ids, estate=estate)


def apply_settings(
    api: PrefectApi, settings: Settings, *, adopt: bool = False, dry_run: bool = False
) -> Sequence[Step]:
    """Bring what these settings ask for; raises what `apply` raises."""
    return apply(
        api,
        settings.catalogue(),
        estate=settings.estate,
        workflows=settings.workflows.there_are,
        logs=settings.log_monitor.there_are,
        worker=settings.prefect.worker,
        adopt=adopt,
        dry_run=dry_run,
    )


def main() -> int:
    """Apply for `up`, in the words of an operator if it cannot be done.

    With `--adopt` on the server of our own data folder, which cannot hold anybody else's: what bears our names
    there is ours.
    """
    try:
        path = os.environ.get("SELFHEAL_CONFIG")
        settings = load(Path(path) if path else None)
        url = os.environ["PREFECT_API_URL"].removesuffix("/api")
        secret = os.environ.get("PREFECT_API_AUTH_STRING", "")
        with PrefectApi(url, auth_string=secret, timeout_s=CALL_TIMEOUT_S) as api:
            apply_settings(api, settings, adopt="--adopt" in sys.argv[1:])
    except (Transient, Refused) as error:  # also a server that is not quite there yet, or another one that applies
        print(f"selfheal: {error}", file=sys.stderr)  # noqa: T201 - the supervisor reads it
        return 1
    except SelfhealError as error:
        print(f"selfheal: {error}", file=sys.stderr)  # noqa: T201 - the supervisor reads it
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
