"""log-monitor: follows the logs of files and containers, and heals what their lines suggest and a look confirms.

A run follows for about five minutes: the next scheduled run takes over without a gap; without a successor it simply
goes on, after a reload with the new settings. Heals run in this process, beside further reading.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.healing_dispatch import dispatch
from flows.names import log_run
from selfheal.bootstrap import current, renewed
from selfheal.watch.log_watcher import MECHANISM
from tasks.signing import signed_in


@flow(name="log-monitor", flow_run_name=log_run, persist_result=False)
def log_monitor() -> State[None]:
    """Follow until the next run follows."""
    with signed_in(MECHANISM) as run_id:
        estate = current()
        while estate.settings.log_monitor.there_are:
            done = estate.log_watcher(run_id=run_id, dispatch=dispatch).run()
            if done.handed_over or not estate.overtaken():
                break
            estate = renewed()
        else:
            estate.health.retire_watch(MECHANISM, run_id)
            return Completed(name="NoLogs", message="the settings name no log: log_monitor.sources is empty")
    return Completed(
        name="HandedOver" if done.handed_over else "Stopped",
        message=f"{done.lines} lines, {done.hits} of them errors, {done.raised} triggers raised",
    )
