"""One campaign from its first fault to its verdict; in a folder, so that it can be broken off and resumed.

Everything happens in turns of the main thread: tend the servers, look at the targets, make the next fault, kill
something. When enough faults were made, all that is ours is left in peace, and the campaign waits until the estate is
well and every attempt has its outcome.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psycopg

from benchmarks.chaos import containers
from benchmarks.chaos import estate as estates
from benchmarks.chaos import stack as stacks
from benchmarks.chaos.checker.record import notes as read_notes
from benchmarks.chaos.checker.verdict import Verdict, judge
from benchmarks.chaos.dispatchers import SOURCE, Dispatchers
from benchmarks.chaos.estate import Estate
from benchmarks.chaos.injector import Injector
from benchmarks.chaos.killer import Killer
from benchmarks.chaos.notes import Notes
from benchmarks.chaos.person import Person
from benchmarks.chaos.servers import Server
from benchmarks.chaos.stack import Stack
from benchmarks.rounds import until
from deployments.embedded.docker import answers

_TURN_S = 0.02
_TOLD_EVERY = 50
_AT_PEACE = b"""
    SELECT (SELECT count(*) FROM healing_actions WHERE completed_at IS NULL)
         + (SELECT count(*) FROM faults WHERE closed_at IS NULL)"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a campaign is to be.

    Attributes:
        faults: how many are made.
        seed: of every draw.
        targets: supervised programs.
        containers: targets besides them, where an engine can be started.
        broken: so many of them are broken at the same time, at most.
        rate: faults a second, at most.
        pause_s: mean seconds between two kills or freezes of what is ours.
        plain: dispatchers that run the plain steps.
        flows: dispatchers that Prefect runs.
        patience_s: how much later than two turns a take-over may come.
        settle_s: how long the end may take until all is well.
    """

    faults: int
    seed: int
    targets: int = 40
    containers: int = 4
    broken: int = 20
    rate: float = 4.0
    pause_s: float = 0.8
    plain: int = 3
    flows: int = 1
    patience_s: float = 10.0
    settle_s: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a campaign ended.

    Attributes:
        plan: what it was to be.
        commit: of the code.
        verdict: the checker's.
        made: faults that were made.
        deeds: how often what was killed or frozen, since the last resume.
        seconds: it took, since the last resume.
        skipped: what could not be part of it, and why.
    """

    plan: Plan
    commit: str
    verdict: Verdict
    made: int
    deeds: Mapping[str, int]
    seconds: float
    skipped: Sequence[str] = ()


def campaign(folder: Path, plan: Plan) -> Outcome:
    """Run a campaign in a folder, or go on with the one that is there."""
    begun = time.monotonic()
    plan, skipped = _possible(plan)
    estate = _estate(folder, plan)
    notes = Notes(folder)
    made = sum(one["kind"] == "fault" for one in read_notes(folder / "notes.jsonl"))
    notes.write("session", commit=commit(), made=made)
    with (
        stacks.running(folder, prefect=plan.flows > 0, nats=True) as stack,
        estates.running(estate),
        _engine(estate) as engine,
    ):
        dispatchers = Dispatchers(estate, stack.environment, plain=plan.plain, flows=plan.flows)
        injector = Injector(estate, notes, seed=plan.seed, made=made, at_once=plan.broken)
        servers = {**stack.servers, **engine}
        killer = Killer(dispatchers, servers, notes, seed=f"{plan.seed}/{made}", pause_s=plan.pause_s)
        person = Person(estate, stack, notes)
        try:
            until(lambda: len(injector.ledger.lives()) == len(estate.targets), what="every target has started")
            person.begin()
            _break_all(injector, killer, plan)
            _come_to_peace(injector, killer, stack, plan)
        finally:
            person.end()
            dispatchers.end()
        with stack.connect() as connection:
            verdict = judge(connection, folder, patience_s=plan.patience_s)
    notes.close()
    return Outcome(
        plan=plan,
        commit=commit(),
        verdict=verdict,
        made=injector.made,
        deeds=dict(sorted(killer.counts.items())) | {"a person's help": person.deeds, "a person's look": person.looks},
        seconds=time.monotonic() - begun,
        skipped=skipped,
    )


def commit() -> str:
    """Of this source, with a mark if it was changed since."""
    command = ["git", "-C", str(SOURCE), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() or "unknown"
    return "unknown"


def _estate(folder: Path, plan: Plan) -> Estate:
    """Made in a new folder, read from one that is resumed."""
    if (folder / "estate.json").exists():
        return estates.read(folder)
    changes = {"docker": {"url": containers.url_of(folder)}} if plan.containers else {}
    made = estates.write(folder, count=plan.targets, containers=plan.containers, changes=changes)
    (folder / "plan.json").write_text(json.dumps(asdict(plan)), encoding="utf-8")
    return made


def _possible(plan: Plan) -> tuple[Plan, list[str]]:
    """The plan without what cannot be had here, and what that is."""
    why = containers.why_not() if plan.containers else ""
    return (replace(plan, containers=0), [f"containers and kills of dockerd: {why}"]) if why else (plan, [])


@contextlib.contextmanager
def _engine(estate: Estate) -> Iterator[Mapping[str, Server]]:
    """The Docker engine with the estate's containers, if it has any."""
    if not any(one.container for one in estate.targets.values()):
        yield {}
        return
    with containers.engine(estate.folder) as engine:
        containers.start(estate, engine.url)
        yield {
            "dockerd": Server(
                name="dockerd", start=engine.again, ready=lambda: answers(engine.url), process=engine.process
            )
        }


def _break_all(injector: Injector, killer: Killer, plan: Plan) -> None:
    """Make the faults."""
    due = time.monotonic()
    while injector.made < plan.faults:
        killer.turn(deeds=True)
        injector.look()
        if time.monotonic() >= due and injector.inject():
            due = max(due + 1 / plan.rate, time.monotonic() - 1)
            if injector.made % _TOLD_EVERY == 0:
                sys.stderr.write(f"chaos: {injector.made} of {plan.faults} faults made\n")
        time.sleep(_TURN_S)  # the campaign's own clock: its turns have no condition to wait for


def _come_to_peace(injector: Injector, killer: Killer, stack: Stack, plan: Plan) -> None:
    """Leave all in peace until everything is well, or the patience is over: the checker says what is not."""
    killer.calm()
    ends = time.monotonic() + plan.settle_s
    next_look = 0.0
    while time.monotonic() < ends:
        killer.turn(deeds=False)
        injector.look()
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + 1
            if not injector.broken and _at_peace(stack):
                return
        time.sleep(_TURN_S)


def _at_peace(stack: Stack) -> bool:
    try:
        with stack.connect() as connection:
            return connection.execute(_AT_PEACE).fetchone() == (0,)
    except psycopg.Error:
        return False
