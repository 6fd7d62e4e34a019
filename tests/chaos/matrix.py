"""The matrix: every moment of a heal x everything that may happen at it, and what became of each cell.

A cell is a target with a worker of its own that heals it, and stands still at the moment; then the fault happens to all
cells of a column at once, the workers go on, and another process reconciles. The campaign's checker judges all of it.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postgres_proxy import INTENT, OUTCOME, Proxy
from sqlalchemy import make_url

from benchmarks.chaos import containers
from benchmarks.chaos import estate as estates
from benchmarks.chaos import stack as stacks
from benchmarks.chaos.checker import effects
from benchmarks.chaos.checker.record import Record
from benchmarks.chaos.checker.verdict import Verdict, judge
from benchmarks.chaos.dispatchers import Dispatchers, Place
from benchmarks.chaos.estate import Estate, Target
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.stack import Stack
from benchmarks.dockerd import Dockerd
from benchmarks.free_ports import free_ports
from benchmarks.rounds import until

FROZEN_S = 4.0
"""How long Postgres is frozen: longer than a lease, shorter than a worker's patience with its database."""
LEASE_S = {"worker kill": 2, "worker freeze": 2}
LONGER_LEASE_S = 6
"""Where the worker lives on, its lease must not end while the other cells of its column come to their moment."""
SETTLED_S = 120.0
DOCKERD = "dockerd kill"
"""The column whose targets are containers."""
NEVER_WELL = 99


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One moment of a heal.

    Attributes:
        name: the row's heading.
        failpoint: where the worker stops by itself.
        hold: what its wire to Postgres holds, and of which transaction.
        phase: else the phase in which the test stops it.
        deaf: its target overhears TERM; the test waits until it was told to stop.
        broken: how its target is broken: its process is killed, or hangs.
        sick: no restart makes its target well, so that the heal is rolled back.
        second: the worker is the one that reconciles what a first one has left.
    """

    name: str
    failpoint: str = ""
    hold: tuple[bytes, str] = (b"", "")
    phase: str = ""
    deaf: bool = False
    broken: signal.Signals = signal.SIGKILL
    sick: bool = False
    second: bool = False


MOMENTS = (
    Moment(name="before the intent commits", hold=(INTENT, "commit")),
    Moment(name="commit answer lost", hold=(INTENT, "answer")),
    Moment(name="after the intent", failpoint="after-admit"),
    Moment(name="after the claim", failpoint="after-claim"),
    Moment(name="during the act", phase="acting", deaf=True, broken=signal.SIGUSR1),
    Moment(name="before the verification", failpoint="before-verify"),
    Moment(name="during the verification", phase="verifying"),
    Moment(name="final commit answer lost", hold=(OUTCOME, "answer")),
    Moment(name="during the rollback", phase="rolling_back", deaf=True, sick=True),
    Moment(name="during reconciliation", phase="verifying", second=True),
)


@dataclass(kw_only=True)
class Cell:
    """One moment in one column.

    Attributes:
        moment: its row.
        target: what is healed.
        worker: the process that the fault happens to.
        proxy: its wire to Postgres.
        pid: of the worker, also when it is gone.
        broken: process of the target that was broken.
    """

    moment: Moment
    target: str
    worker: Place
    proxy: Proxy
    pid: int = 0
    broken: int = 0


@dataclass(kw_only=True)
class Column:
    """All cells of one fault.

    Attributes:
        fault: its heading.
        estate: the targets of its cells.
        stack: the servers.
        dispatchers: makes the workers.
        ledger: of the targets.
        cells: one for each moment.
        engine: of its containers; None where programs are its targets.
        again_at: from when on attempts are those of the next sweep.
    """

    fault: str
    estate: Estate
    stack: Stack
    dispatchers: Dispatchers
    ledger: Ledger
    cells: list[Cell] = field(default_factory=list)
    engine: Dockerd | None = None
    again_at: float = float("inf")

    def run(self) -> Verdict:
        """Bring every cell to its moment, let the fault happen, and wait until all is settled."""
        self._leave_something([cell.target for cell in self.cells if cell.moment.second])
        for cell in self.cells:
            self._begin(cell)
        self._come_to_their_moments()
        FAULTS[self.fault](self)
        helper = self.dispatchers.place("helper", "reconcile")
        self.dispatchers.fill(helper)
        until(self._settled, what="every attempt has its outcome", seconds=SETTLED_S)
        for cell in self.cells:
            cell.worker.signal(signal.SIGCONT)  # what was frozen goes on, and must change nothing
        self._heal_again()
        with self.stack.connect() as connection:
            return judge(connection, self.estate.folder, patience_s=60)

    def _leave_something(self, names: list[str]) -> None:
        """Healers that die before they verify, and whose leases are over: back-dated, to save the time."""
        for name in names:
            os.kill(self.ledger.lives()[name].pid, signal.SIGKILL)
        dying = [self.dispatchers.place(f"first-{name}", "heal", name) for name in names]
        for place in dying:
            self.dispatchers.fill(place, failpoint="before-verify:kill")
        until(lambda: not any(place.state() for place in dying), what="the first workers have died")
        with self.stack.connect() as connection:
            connection.execute("UPDATE healing_actions SET lease_until = now(), act_deadline = now()")

    def _begin(self, cell: Cell) -> None:
        """Break the target and start its worker."""
        if cell.moment.sick:
            self.estate.poison(cell.target, NEVER_WELL)
        cell.broken = self.ledger.lives()[cell.target].pid
        if not cell.moment.second:
            os.kill(cell.broken, cell.moment.broken)
        if self.engine is not None and not cell.moment.second:
            until(lambda: self._docker_tells(cell.target), what=f"Docker tells that {cell.target} is sick")
        url = make_url(self.stack.environment["SELFHEAL_DATABASE_URL"]).set(port=cell.proxy.port)
        failpoint = f"{cell.moment.failpoint}:freeze" if cell.moment.failpoint else ""
        self.dispatchers.fill(cell.worker, failpoint=failpoint, database_url=url.render_as_string(hide_password=False))
        cell.pid = cell.worker.pid

    def _come_to_their_moments(self) -> None:
        """Wait until the workers stand still, each at its moment."""
        missing = list(self.cells)

        def all_there() -> bool:
            with self.stack.connect() as connection:
                rows = connection.execute(
                    "SELECT target_component, (holder ->> 'pid')::int, phase FROM healing_actions"
                )
                phases = {(name, pid): phase for name, pid, phase in rows}
            missing[:] = [cell for cell in missing if not self._there(cell, phases)]
            return not missing

        until(all_there, what="every worker is at its moment")

    def _there(self, cell: Cell, phases: Mapping[tuple[str, int], str | None]) -> bool:
        """Whether the worker has come to its moment; from then on it stands still."""
        moment = cell.moment
        if moment.failpoint:
            return cell.worker.state() == "T"
        if moment.hold[1]:
            return cell.proxy.reached.is_set()
        if phases.get((cell.target, cell.pid)) != moment.phase:
            return False
        if moment.deaf and not self._told_to_stop(cell.target):
            return False
        cell.worker.signal(signal.SIGSTOP)
        return True

    def _told_to_stop(self, target: str) -> bool:
        """Whether its keeper says so, or the container itself."""
        if self.engine is not None:
            return (self.estate.folder / "logs" / f"{target}.term").exists()
        log = (self.estate.folder / f"{self.estate.targets[target].keeper}.log").read_text(encoding="utf-8")
        return f"waiting for {target} to stop" in log

    def _docker_tells(self, target: str) -> bool:
        state = containers.inspect(containers.url_of(self.estate.folder), target)
        return not state["Running"] or state["Health"]["Status"] == "unhealthy"

    def _settled(self) -> bool:
        """Whether nothing is unfinished, and every worker that goes on by itself has ended."""
        if self.fault != "worker freeze" and any(one.worker.state() for one in self.cells):
            return False
        with self.stack.connect() as connection:
            return connection.execute("SELECT FROM healing_actions WHERE completed_at IS NULL").fetchone() is None

    def _started(self) -> set[str]:
        """Targets that an attempt has left running; a start takes a moment to come into the ledger."""
        with self.stack.connect() as connection:
            rows = connection.execute(
                "SELECT target_component FROM healing_actions WHERE status = 'SUCCESS'"
                " OR status = 'ROLLED_BACK' AND plan -> 'rollback' ->> 'restore' = 'running'"
            )
            return {name for (name,) in rows}

    def _heal_again(self) -> None:
        """What the next sweep does with a target that is still sick: a new trigger, a new attempt.

        Sick is one that was not started since it was broken: a single slow look is not, which a watcher gives strikes.
        """
        curable = [one for one in self.cells if not (one.moment.sick or one.moment.second)]
        started = [one for one in curable if one.target in self._started()]
        until(
            lambda: all(self.ledger.lives()[one.target].pid != one.broken for one in started),
            what="whatever was started has written that down",
        )
        self.again_at = time.time()
        lives = self.ledger.lives()
        again = [
            self.dispatchers.place(f"again-{one.target}", "heal", one.target)
            for one in curable
            if lives[one.target].pid == one.broken
        ]
        for place in again:
            self.dispatchers.fill(place)
        for place in again:
            until(lambda place=place: not place.state(), what=f"{place.target} was looked at again")  # type: ignore[misc]


def _worker_kill(column: Column) -> None:
    for cell in column.cells:
        cell.worker.signal(signal.SIGKILL)
        cell.proxy.release(forward=False)


def _worker_freeze(column: Column) -> None:
    """It stays frozen until others have settled everything."""
    for cell in column.cells:
        cell.worker.signal(signal.SIGSTOP)
        cell.proxy.release(forward=cell.moment.hold[1] == "commit")


def _go_on(column: Column) -> None:
    """The workers go on; an answer that was held is lost, a commit that was held is sent."""
    for cell in column.cells:
        cell.proxy.release(forward=cell.moment.hold[1] == "commit")
        cell.worker.signal(signal.SIGCONT)


def _postgres_kill(column: Column) -> None:
    column.stack.postgres.kill()
    _go_on(column)
    column.stack.postgres.begin()


def _postgres_freeze(column: Column) -> None:
    column.stack.postgres.freeze(FROZEN_S)
    _go_on(column)
    time.sleep(FROZEN_S)  # the fault itself: there is nothing to wait for
    column.stack.postgres.thaw()


def _blackhole(column: Column) -> None:
    for cell in column.cells:
        cell.proxy.silence()
        cell.worker.signal(signal.SIGCONT)


def _dockerd_kill(column: Column) -> None:
    if column.engine is None:
        raise TypeError("this column has no engine")
    column.engine.kill()
    _go_on(column)
    column.engine.start()


FAULTS: Mapping[str, Callable[[Column], None]] = {
    "worker kill": _worker_kill,
    "worker freeze": _worker_freeze,
    "Postgres kill": _postgres_kill,
    "Postgres freeze": _postgres_freeze,
    "connection blackholed": _blackhole,
    DOCKERD: _dockerd_kill,
}


@contextlib.contextmanager
def column(folder: Path, fault: str) -> Iterator[Column]:
    """An estate with a target for each moment, its servers, and workers that have not begun."""
    cells = [(moment, f"m{row}") for row, moment in enumerate(MOMENTS)]
    contained = fault == DOCKERD
    targets = [
        Target(name=name, deaf=moment.deaf, extra=_slow(moment, sick_after="8 s"), container=True)
        if contained
        else Target(name=name, keeper=f"keeper{place % 3}", port=port, deaf=moment.deaf, extra=_slow(moment))
        for place, ((moment, name), port) in enumerate(zip(cells, free_ports(len(cells)), strict=True))
    ]
    lease = f"{LEASE_S.get(fault, LONGER_LEASE_S)} s"
    changes = {"healing": {"at_once": 64, "lease": lease}, "breakers": {"fewest": 1000}}
    if contained:
        changes["docker"] = {"url": containers.url_of(folder)}
    estate = estates.write_targets(folder, targets, changes=changes)
    with contextlib.ExitStack() as ending:
        stack = ending.enter_context(stacks.running(folder, prefect=False, nats=False))
        ending.enter_context(estates.running(estate))
        engine = ending.enter_context(containers.engine(folder)) if contained else None
        if engine is not None:
            containers.start(estate, engine.url)
        dispatchers = Dispatchers(estate, stack.environment)
        ending.callback(dispatchers.end)
        ledger = Ledger(estate.ledger)
        until(lambda: len(ledger.lives()) == len(targets), what="every target has started")
        made = Column(fault=fault, estate=estate, stack=stack, dispatchers=dispatchers, ledger=ledger)
        made.engine = engine
        port = make_url(stack.environment["SELFHEAL_DATABASE_URL"]).port or 0
        for moment, name in cells:
            marker, hold = moment.hold
            proxy = Proxy(port, marker=marker or INTENT, hold=hold)  # type: ignore[arg-type]
            ending.callback(proxy.close)
            worker = dispatchers.place(f"worker-{name}", "settle" if moment.second else "heal", name)
            made.cells.append(Cell(moment=moment, target=name, worker=worker, proxy=proxy))
        yield made


def _slow(moment: Moment, *, sick_after: str = "1 s") -> Mapping[str, str]:
    """A verification that can be met in its middle, and one of a sick target that is over soon."""
    hung = moment.broken is signal.SIGUSR1  # then either time-out is waited for
    patient = {"probe_timeout": "1 s" if hung else "5 s", "start_timeout": "3 s" if hung else "20 s"}
    if moment.phase == "verifying":
        return patient | {"healthy_delay": "2 s"}
    return patient | ({"start_timeout": sick_after} if moment.sick else {})


def told(column: Column, record: Record) -> Mapping[str, str]:
    """What became of each moment, in words and counts."""
    return {cell.moment.name: _cell(cell, record, column.again_at) for cell in column.cells}


def _cell(cell: Cell, record: Record, again_at: float) -> str:
    """What the fault left: the attempt, who settled it, how many starts it made; and what the next sweep did."""
    attempts = [rows for rows in record.attempts().values() if rows[0].component == cell.target]
    left = [rows for rows in attempts if rows[0].at < again_at]
    said = ", ".join(_attempt(cell, rows, record) for rows in left) or "nothing done, nothing recorded"
    later = [_outcome(rows[-1]) for rows in attempts if rows[0].at >= again_at]
    return f"{said}; next sweep: {', '.join(later)}" if later else said


def _attempt(cell: Cell, rows: Sequence[Any], record: Record) -> str:
    starts = effects.counted(record, str(rows[0].id))
    by = "itself" if rows[-1].pid == cell.pid else "another"
    return f"{_outcome(rows[-1])} by {by}, {starts} start{'s' if starts != 1 else ''}"


def _outcome(last: Any) -> str:
    status, verification = last.status, last.verification
    return {"SUCCESS": "healed", "ROLLED_BACK": "rolled back"}.get(status, f"failed ({verification})")


def markdown(columns: Mapping[str, Mapping[str, str]]) -> str:
    """The table of `docs/reliability.md`."""
    lines = [f"| moment | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    lines += [f"| {one.name} | {' | '.join(cells[one.name] for cells in columns.values())} |" for one in MOMENTS]
    return "\n".join(lines)
