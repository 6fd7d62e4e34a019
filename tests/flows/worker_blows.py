"""The acceptance cases in which somebody interferes: limits, cancellations, kills, stops. See `worker_cases`.

The order counts: a run that a stopped stock worker has left Running keeps its slots for ever.
"""

import contextlib
import itertools
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

from embedded_fixtures import gone
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from worker_cases import CASES, Seen, case, hooked
from worker_lab import Lab, described, kill

__all__ = ["CASES"]
"""Once this module is imported, they are complete."""


@case
def pool_limit(lab: Lab) -> Seen:
    """Three runs in a pool of which the concurrency limit is one."""

    def seen() -> str:
        notes = [lab.note() for _ in range(3)]
        with _pool_limit(lab, 1):
            runs = [lab.run("lab_cases.holds", {"note": str(note)}) for note in notes]
            ended = {described(lab.ended(run)) for run in runs}
        spans = sorted((one["began"], one["ended"]) for one in map(lab.told, notes))
        apart = all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))
        return f"{', '.join(sorted(ended))}; {'one after the other' if apart else 'at the same time'}"

    return seen


@case
def deployment_limit(lab: Lab) -> Seen:
    """Runs of a deployment with a concurrency limit of one that cancels what is too much."""

    def seen() -> str:
        options = {
            "concurrency_limit": 1,
            "concurrency_options": ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        }
        limited = partial(lab.run, "lab_cases.naps", deployment="limited", **options)
        with napping(lab, run=limited) as (first, note, _):
            second = lab.run("lab_cases.naps", {"note": str(lab.note())}, deployment="limited")
            too_much = described(lab.ended(second))
            note.with_suffix(".wake").touch()
            allowed = described(lab.ended(first))
        with napping(lab, run=limited) as (third, note, _):
            note.with_suffix(".wake").touch()
            return f"{allowed}; while it ran: {too_much}; after it: {described(lab.ended(third))}"

    return seen


@case
def cancel_while_pending(lab: Lab) -> Seen:
    """Cancelled from the API while its pull steps keep it pending."""

    def seen() -> str:
        with pending(lab) as (run, note, _):
            lab.cancel(run)
            return f"{described(lab.ended(run))}; the flow {'has run' if note.exists() else 'has not run'}"

    return seen


@case
def kill_child_while_pending(lab: Lab) -> Seen:
    """Kill -9 of the process that would run the flow, while its pull steps keep it pending."""

    def seen() -> str:
        with pending(lab) as (run, _, pid):
            kill(pid)
            return described(lab.ended(run))

    return seen


@contextlib.contextmanager
def pending(lab: Lab) -> Iterator[tuple[UUID, Path, int]]:
    """A run whose pull step waits: its id, the note of its flow, its process; which has ended afterwards."""
    gate, note = lab.note(), lab.note()
    reached = gate.with_suffix(".reached")
    wait = f"echo $PPID > {gate}.new; mv {gate}.new {reached}; while [ ! -e {gate} ]; do sleep 0.1; done"
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"sh -c '{wait}'"}}
    run = lab.run("lab_cases.success", {"note": str(note)}, deployment=f"gated-{gate.stem}", pull_steps=[step])
    lab.until("the pull step runs", reached.exists)
    pid = int(reached.read_text(encoding="utf-8"))
    try:
        assert lab.state(run).is_pending()
        yield run, note, pid
    finally:
        gate.touch()
        lab.until("the process of the run ends", lambda: gone(pid))


@case
def cancel_while_scheduled(lab: Lab) -> Seen:
    """Cancelled from the API while no worker has taken it."""

    def seen() -> str:
        with _pool_limit(lab, 0):
            run = lab.run("lab_cases.success", {"note": str(lab.note())})
            lab.cancel(run)
            return described(lab.ended(run))

    return seen


@case
def cancel_while_running(lab: Lab) -> Seen:
    """Cancelled from the API while it runs."""
    return lambda: _cancelled(lab, "lab_cases.naps")


@case
def cancel_while_running_async(lab: Lab) -> Seen:
    """The same with an async flow."""
    return lambda: _cancelled(lab, "lab_cases.naps_async")


def _cancelled(lab: Lab, entrypoint: str) -> str:
    with napping(lab, entrypoint) as (run, note, pid):
        lab.cancel(run)
        ended = described(lab.ended(run))
        lab.until("its process ends", lambda: gone(pid))
        return ended + hooked(lab, note, "on_cancellation", "cancelling")


@case
def kill_child(lab: Lab) -> Seen:
    """Kill -9 of the process that runs the flow."""

    def seen() -> str:
        with napping(lab) as (run, note, pid):
            kill(pid)
            return described(lab.ended(run)) + hooked(lab, note, "on_crashed", "crashed")

    return seen


@case
def terminate_child(lab: Lab) -> Seen:
    """SIGTERM from somebody else to the process that runs the flow."""

    def seen() -> str:
        with napping(lab) as (run, note, pid):
            kill(pid, signal.SIGTERM)
            return described(lab.ended(run)) + hooked(lab, note, "on_crashed", "crashed")

    return seen


@case
def kill_zygote(lab: Lab) -> Seen:
    """Kill -9 of the process that forks the runs, while one is under way."""

    def seen() -> str:
        with napping(lab) as (run, note, _):
            zygote = lab.zygote()
            kill(zygote)
            lab.until("the zygote has ended", lambda: gone(zygote))
            note.with_suffix(".wake").touch()
            in_flight = described(lab.ended(run))
            following = lab.run("lab_cases.success", {"note": str(lab.note())})
            return f"{in_flight}; the next run {described(lab.ended(following))}"

    return seen


@case
def kill_worker(lab: Lab) -> Seen:
    """Kill -9 of the worker while a run is under way; another worker is started."""

    def seen() -> str:
        with napping(lab) as (run, _, pid):
            kill(lab.worker.pid)
            lab.worker.wait()
            return _restarted(lab, run, pid)

    return seen


@case
def stop_worker_sigterm(lab: Lab) -> Seen:
    """SIGTERM to the worker while a run is under way; another worker is started."""
    return lambda: _stopped(lab, signal.SIGTERM)


@case
def stop_worker_sigint(lab: Lab) -> Seen:
    """The same with SIGINT."""
    return lambda: _stopped(lab, signal.SIGINT)


def _stopped(lab: Lab, number: signal.Signals) -> str:
    with napping(lab) as (run, _, pid):
        lab.worker.send_signal(number)
        lab.until("the worker ends", lambda: lab.worker.poll() is not None)
        code = lab.worker.returncode
        return f"{_restarted(lab, run, pid)}; exit code of the worker {code}"


def _restarted(lab: Lab, run: UUID, pid: int) -> str:
    """What has become of a run once the next worker works."""
    lab.start()
    lab.ended(lab.run("lab_cases.success", {"note": str(lab.note())}))
    process = "its process has ended" if gone(pid) else "its process lives on"
    return f"{described(lab.state(run))}; {process}"


@contextlib.contextmanager
def napping(
    lab: Lab, entrypoint: str = "lab_cases.naps", *, run: Callable[..., UUID] | None = None
) -> Iterator[tuple[UUID, Path, int]]:
    """A run that goes on until it is woken: its id, its note, its process; which has ended afterwards."""
    note = lab.note()
    parameters = {"note": str(note)}
    begun = run(parameters) if run else lab.run(entrypoint, parameters)
    pid = int(lab.told(note)["pid"])
    try:
        lab.until("the run is running", lambda: lab.state(begun).is_running())
        yield begun, note, pid
    finally:
        note.with_suffix(".wake").touch()
        lab.until("the process of the run ends", lambda: gone(pid))


@contextlib.contextmanager
def _pool_limit(lab: Lab, limit: int) -> Iterator[None]:
    change = lab.server.client.update_work_pool
    change(lab.pool, WorkPoolUpdate(concurrency_limit=limit))
    try:
        yield
    finally:
        change(lab.pool, WorkPoolUpdate(concurrency_limit=None))
