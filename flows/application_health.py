"""application-health: watches the estate in sweeps and by process exits, and heals what is down.

A run watches for about five minutes: the next scheduled run takes over without a gap; without a successor it
simply goes on. Heals run in this process, beside further sweeps. Alerts of other systems that come over NATS are
taken here too.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.healing_dispatch import dispatch
from flows.names import watch_run
from selfheal.bootstrap import current
from selfheal.protocol.plain import plain_steps
from selfheal.watch.watcher import MECHANISM
from tasks.signing import signed_in


@flow(name="application-health", flow_run_name=watch_run, persist_result=False)
def application_health() -> State[None]:
    """Watch until the next run watches."""
    estate = current()
    with signed_in(MECHANISM) as run_id, estate.listening():
        watcher = estate.watcher(
            run_id=run_id,
            dispatch=dispatch,
            reconcile=lambda: estate.turn(plain_steps(estate.healer)),
        )
        done = watcher.run()
    return Completed(
        name="HandedOver" if done.handed_over else "Stopped",
        message=f"{done.sweeps} sweeps, {done.raised} triggers raised",
    )
