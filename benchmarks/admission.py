"""How much our admission costs: beside the same lock and the same durable row without our logic.

All sides run in one cluster (synchronous_commit on), on the same connections, alternately, against tables that were
filled alike just before. An answer of ours is counted when it is durable, after the product's second statement. Every
admission is of a target of its own and under the default limits; on every side the row of an attempt goes through a
trigger that settles it two hours ago, so that the limits are asked and never met.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import pgbench
from benchmarks.case import Case
from benchmarks.database import Database, own_database, scratch
from benchmarks.rounds import alternate
from selfheal.model.errors import Permanent

CONNECTIONS = {"one": 1, "sixteen": 16}
_STATISTICS = "VACUUM (ANALYZE) trigger_answers, healing_triggers, healing_actions, faults, storms"
_ADMISSION = {"ours": "admit", "transaction": "bare_transaction", "statement": "bare_statement"}
_REFUSAL = {"ours": "refuse", "look": "bare_look"}
_TRANSACTION = (
    "BEGIN; pg_advisory_xact_lock; INSERT of the attempt's row (same table, indexes and foreign key); COMMIT:"
    " four round trips, where ours are two"
)
_STATEMENT = "the same lock and INSERT as one statement, one round trip"
_LOOK = "the bare SELECT of the attempt in the way, which writes nothing; ours answers, counts and is durable"


@dataclass(frozen=True, kw_only=True)
class Load:
    """How a case is measured.

    Attributes:
        connections: each waits for its answer before it asks again.
        rounds: figures per side.
        seconds: of load per figure.
    """

    connections: int
    rounds: int
    seconds: int


def admission(*, quick: bool) -> list[Case]:
    """All cases."""
    rounds, seconds = (1, 2) if quick else (9, 3)
    with scratch() as folder, own_database(folder) as database:
        cases = []
        for name, connections in CONNECTIONS.items():
            load = Load(connections=connections, rounds=rounds, seconds=seconds)
            found = _measure(database, name, _ADMISSION, load)
            cases += [
                _case(name, found["ours"], found["transaction"], _TRANSACTION),
                _case(f"{name}-one-statement", found["ours"], found["statement"], _STATEMENT),
            ]
        found = _measure(database, "refusals", _REFUSAL, load)
        return [*cases, _case("refusals", found["ours"], found["look"], _LOOK)]


def _case(name: str, ours: tuple[float, ...], other: tuple[float, ...], what_other: str) -> Case:
    return Case(name=name, unit="per second", ours=ours, other=other, what_other=what_other)


def _measure(database: Database, what: str, scripts: Mapping[str, str], load: Load) -> dict[str, tuple[float, ...]]:
    """One figure per script and round."""
    sides = {side: functools.partial(_once, database, script, load) for side, script in scripts.items()}
    return alternate(sides, rounds=load.rounds, what=what)


def _once(database: Database, script: str, load: Load) -> float:
    """Fill the tables, run one script, and see that it did what its figure says."""
    database.owner.execute((pgbench.SCRIPTS / "fill.sql").read_bytes())
    database.owner.execute(_STATISTICS)
    database.owner.execute("CHECKPOINT")  # else one side pays for what the side before it has written
    rate = pgbench.per_second(database, script, connections=load.connections, seconds=load.seconds)
    _check(database, script)
    return rate


def _check(database: Database, script: str) -> None:
    """Refuse a figure whose transactions were not what they should be: all admitted, or all refused."""
    expected = "ALREADY_HEALING" if script == "refuse" else "ADMITTED"
    odd = database.owner.execute(
        "SELECT decision, reason FROM healing_triggers WHERE decision <> %s AND target_key LIKE 'supervisor/bench/%%'"
        " AND NOT (decision = 'ADMITTED' AND target_key = 'supervisor/bench/taken') LIMIT 1",
        (expected,),
    ).fetchone()
    if odd is not None:
        raise Permanent(f"the load of {script} was answered {odd[0]}: {odd[1]}")
