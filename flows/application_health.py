"""application-health: watches the estate in sweeps and by process exits, and heals what is down.

A run watches for about five minutes: the next scheduled run takes over without a gap; without a successor it
simply goes on, after a reload with the new settings. Heals run in this process, beside further sweeps. Alerts of other
systems that come over NATS are taken here too.
"""

from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.healing_dispatch import dispatch
from flows.names import watch_run
from selfheal.bootstrap import Estate, current, renewed
from selfheal.protocol.plain import plain_steps
from selfheal.watch.watcher import MECHANISM
from selfheal.watch.world import Summary
from tasks.signing import signed_in


@flow(name="application-health", flow_run_name=watch_run, persist_result=False)
def application_health() -> State[None]:
    """Watch until the next run watches."""
    with signed_in(MECHANISM) as run_id:
        estate = current()
        done = _watch(estate, run_id)
        while not done.handed_over and estate.overtaken():
            estate = renewed()
            done = _watch(estate, run_id)
    return Completed(
        name="HandedOver" if done.handed_over else "Stopped",
        message=f"{done.sweeps} sweeps, {done.raised} triggers raised",
    )


def _watch(estate: Estate, run_id: UUID) -> Summary:
    """Watch by these settings."""
    with estate.listening():
        watcher = estate.watcher(
            run_id=run_id,
            dispatch=dispatch,
            reconcile=lambda: estate.turn(plain_steps(estate.healer)),
        )
        return watcher.run()
