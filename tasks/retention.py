"""The steps of `retention`. Each goes on with what another run of it has left: a retry does nothing twice."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from tasks.retries import RETRYING


@task(name="prepare-days", task_run_name="make the partitions of the next days", cache_policy=NO_CACHE, **RETRYING)
def prepare_days() -> None:
    """Nobody shall have to make them at midnight."""
    current().retention.prepare_days()


@task(name="drop-old", task_run_name="drop what is old", cache_policy=NO_CACHE, **RETRYING)
def drop_old() -> Sequence[str]:
    """Drop one partition after the other, each in a transaction of its own; gives their names."""
    retention, dropped = current().retention, list[str]()
    while (name := retention.drop_one()) is not None:
        dropped.append(name)
    return dropped


@task(name="forget-runs", task_run_name="forget old signatures of runs", cache_policy=NO_CACHE, **RETRYING)
def forget_runs() -> int:
    """Which process carried out which run."""
    return current().retention.forget_runs()


@task(name="forget-logs", task_run_name="forget old counts of logs", cache_policy=NO_CACHE, **RETRYING)
def forget_logs() -> int:
    """What log-monitor counted, for windows that are long over."""
    return current().retention.forget_logs()


@task(name="forget-alerts", task_run_name="forget alerts that are long over", cache_policy=NO_CACHE, **RETRYING)
def forget_alerts() -> int:
    """Those that people were told of, and those of others that were taken in."""
    estate = current()
    return estate.outbox.forget(estate.settings.alerts.keep) + estate.intake.forget()


@task(
    name="forget-records",
    task_run_name="forget old refusals, and what else is no evidence",
    cache_policy=NO_CACHE,
    **RETRYING,
)
def forget_records() -> int:
    """What is kept for a year or so: refusals, what people were told, what was raised, errors of logs."""
    return current().retention.forget_records()


@task(name="forget-predictions", task_run_name="forget old predictions", cache_policy=NO_CACHE, **RETRYING)
def forget_predictions() -> int:
    """Those that were settled more than 400 days ago, as long as rollups are kept."""
    return current().retention.forget_predictions()
