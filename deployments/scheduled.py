"""Whether the Prefect server creates the runs of schedules: with some versions of libraries it silently does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.objects.kinds import POOL
from deployments.prefect_api import PrefectApi

HINT = "the scheduler creates them within a minute of a start; later, check the version of sqlalchemy"


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """What the server has planned.

    Attributes:
        wanted: the deployments of ours that have a schedule, and that nobody has paused.
        without: those of them of which no run is scheduled.
        runs: how many are scheduled of all.
    """

    wanted: Sequence[str]
    without: Sequence[str]
    runs: int


def scheduled(api: PrefectApi) -> Scheduled:
    """Ask the server.

    Raises:
        Transient: it does not answer.
    """
    ours = {"deployments": {"tags": {"all_": ["selfheal"]}}, "work_pools": {"name": {"any_": [POOL]}}}
    deployments = api.all_of("/deployments/filter", ours)
    wanted = {
        one["id"]: one["name"]
        for one in deployments
        if not one.get("paused") and any(each["active"] for each in one["schedules"])
    }
    runs = api.all_of("/flow_runs/filter", ours | {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}})
    without = wanted.keys() - {run["deployment_id"] for run in runs}
    return Scheduled(wanted=sorted(wanted.values()), without=sorted(wanted[one] for one in without), runs=len(runs))
