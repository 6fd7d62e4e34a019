"""The campaign's checker sees what it must: healers with one promise taken out are caught by the name of that promise.

Each scenario is directed, so that its mutant has to break the promise; without the mutant it breaks none.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from embedded_fixtures import scratch_folder

from benchmarks.chaos import estate as estates
from benchmarks.chaos import stack as stacks
from benchmarks.chaos.checker import recount
from benchmarks.chaos.checker.record import Violation, read
from benchmarks.chaos.checker.verdict import judge
from benchmarks.chaos.dispatchers import Dispatchers, Place
from benchmarks.chaos.estate import Estate
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.stack import Stack
from benchmarks.rounds import until

AT_ONCE = 2
RACING = 5
CORRUPTIONS = 8
TARGETS = 2 * (1 + 1 + RACING) + CORRUPTIONS
NEVER_TRIPS = {"fewest": 1000}
WAITING = b"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
UNFINISHED = b"SELECT count(*) FROM healing_actions WHERE completed_at IS NULL"

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A small estate, its servers, and healers at hand."""

    estate: Estate
    stack: Stack
    dispatchers: Dispatchers
    ledger: Ledger
    fresh: Iterator[str]
    known: set[Violation] = field(default_factory=set)

    def kill(self, count: int) -> list[str]:
        """Break targets that no test has broken before; their names."""
        lives, names = self.ledger.lives(), [next(self.fresh) for _ in range(count)]
        for name in names:
            os.kill(lives[name].pid, signal.SIGKILL)
        return names

    def healer(self, task: str, target: str = "", *, failpoint: str = "", mutants: tuple[str, ...] = ()) -> Place:
        """A process that heals one target, or reconciles."""
        place = self.dispatchers.place(f"{task}-{target}", task, target)
        self.dispatchers.fill(place, failpoint=failpoint, mutants=mutants)
        return place

    def count(self, query: bytes) -> int:
        """What a count in the database says."""
        with self.stack.connect() as connection:
            return int(connection.execute(query).fetchone()[0])  # type: ignore[index]

    def found(self) -> set[str]:
        """The invariants that were broken since the last question."""
        with self.stack.connect() as connection:
            found = set(judge(connection, self.estate.folder, patience_s=60).violations)
        new = found - self.known
        self.known.update(found)
        return {one.invariant for one in new}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """One for the module: each test breaks targets of its own."""
    with scratch_folder() as folder:
        folder.mkdir(mode=0o755)
        changes = {"healing": {"at_once": AT_ONCE}, "breakers": NEVER_TRIPS}
        estate = estates.write(folder, count=TARGETS, changes=changes)
        with stacks.running(folder, prefect=False, nats=False) as stack, estates.running(estate):
            dispatchers, ledger = Dispatchers(estate, stack.environment), Ledger(estate.ledger)
            try:
                until(lambda: len(ledger.lives()) == TARGETS, what="every target has started")
                fresh = iter(sorted(estate.targets))
                yield Bench(estate=estate, stack=stack, dispatchers=dispatchers, ledger=ledger, fresh=fresh)
            finally:
                dispatchers.end()


def gone(*places: Place) -> None:
    """Wait until these have ended."""
    for place in places:
        until(lambda place=place: not place.state(), what=f"{place.name} has ended")  # type: ignore[misc]


def outlived(bench: Bench, *mutants: str) -> set[str]:
    """A healer freezes before it writes its outcome, another one settles the attempt, the first one goes on."""
    (target,) = bench.kill(1)
    healer = bench.healer("heal", target, failpoint="before-record:freeze", mutants=("elsewhere", *mutants))
    until(lambda: healer.state() == "T", what="the healer is frozen")
    other = bench.healer("reconcile")
    until(lambda: bench.count(UNFINISHED) == 0, what="the other one has settled it")
    other.signal(signal.SIGTERM)
    healer.signal(signal.SIGCONT)
    gone(healer, other)
    return bench.found()


def killed_in_the_act(bench: Bench, *mutants: str) -> set[str]:
    """One target is healed."""
    (target,) = bench.kill(1)
    gone(bench.healer("heal", target, mutants=mutants))
    return bench.found()


def raced(bench: Bench, *mutants: str) -> set[str]:
    """More healers than may heal at once have looked before the first of them is admitted."""
    names = bench.kill(RACING)
    with bench.stack.connect() as holding, holding.transaction():
        holding.execute("SELECT pg_advisory_xact_lock(hashtext('selfheal.admission'))")
        healers = [bench.healer("heal", name, mutants=mutants) for name in names]
        until(lambda: bench.count(WAITING) == len(names), what="all of them wait for the admission lock")
    gone(*healers)
    return bench.found()


SCENARIOS = {
    "no-fence": (outlived, "one outcome per attempt"),
    "no-intent": (killed_in_the_act, "an intent before every effect"),
    "limit-outside": (raced, "attempts within limits"),
}


@pytest.mark.parametrize("mutant", SCENARIOS)
def test_the_checker_names_what_a_mutant_breaks(bench: Bench, mutant: str) -> None:
    """A missing fence, a missing intent and a limit outside its transaction are each found by name."""
    scenario, invariant = SCENARIOS[mutant]
    assert invariant in scenario(bench, mutant)


@pytest.mark.parametrize("mutant", SCENARIOS)
def test_the_checker_finds_nothing_where_nothing_is_broken(bench: Bench, mutant: str) -> None:
    """The same scenarios without a mutant break no invariant; what nobody healed is still open."""
    scenario, _ = SCENARIOS[mutant]
    assert scenario(bench) <= {"all settled"}


CORRUPTED = {
    "saved": ("heal_results", "a.manual_cost", "(a.manual_cost + 1)"),
    "mttr_s": ("heal_results", "f.verified_at - f.detected_at", "f.verified_at - f.detected_at + interval '1 ms'"),
    "recurrence_rate": ("heal_results", "END AS recurred", "END IS NOT NULL AS recurred"),
    "success_rate": ("heal_results", "a.success AS healed", "a.success IS NULL AS healed"),
    "attempts": ("heal_results", "JOIN faults f", "CROSS JOIN generate_series(1, 2) JOIN faults f"),
    "prevented": ("prevented_failures", "'CIRCUIT_OPEN'", "'ADMITTED'"),
}


@pytest.mark.parametrize("figure", CORRUPTED)
def test_a_wrong_view_is_named(bench: Bench, figure: str) -> None:
    """Each of the metrics is counted again: the view and the figure that are wrong are told."""
    killed_in_the_act(bench)
    view, right, wrong = CORRUPTED[figure]
    with bench.stack.connect() as connection, connection.transaction(force_rollback=True):
        definition = connection.execute("SELECT pg_get_viewdef(%s::regclass)", (view,)).fetchone()
        corrupted = definition[0].replace(right, wrong)  # type: ignore[index]
        assert corrupted != definition[0]  # type: ignore[index]
        connection.execute(f"CREATE OR REPLACE VIEW {view} AS {corrupted}".encode())
        assert _recounted(bench, connection, "healing_metrics", figure)
    with bench.stack.connect() as connection:
        assert not _recounted(bench, connection, "healing_metrics", figure)


def test_a_view_that_was_not_refreshed_is_named(bench: Bench) -> None:
    """The client's view is looked at after a refresh: what that leaves out is told."""
    killed_in_the_act(bench)  # the judge refreshes it
    gone(bench.healer("heal", *bench.kill(1)))
    with bench.stack.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("CREATE OR REPLACE FUNCTION refresh_success_rates() RETURNS void LANGUAGE sql AS ''")
        assert _recounted(bench, connection, "healing_action_success_rates", "total_attempts")


def _recounted(bench: Bench, connection: psycopg.Connection[Any], view: str, figure: str) -> list[Violation]:
    """What the recount says of a figure of a view."""
    found = recount.violations(read(connection, bench.estate.folder), connection)
    return [one for one in found if one.about.startswith(view) and one.detail.startswith(f"{figure} is ")]
