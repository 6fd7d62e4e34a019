"""The metrics of the views against a recount in plain Python over the raw rows."""

import math
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from uuid6 import uuid7

from selfheal.policy.intervals import wilson
from selfheal.store.rates import RateReports

DAY = timedelta(days=1)
TYPES, COMPONENTS = ("RESTART_SERVICE", "RESTART_CONTAINER", "CLEAR_CACHES"), ("api", "web", "db", "queue")
Row = dict[str, Any]


def history(seed: int, size: int, now: datetime) -> tuple[list[Row], list[Row], list[Row]]:
    """Faults, attempts and decisions, at random, of the last 40 days; an attempt may be unfinished."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable history
    faults: list[Row] = []
    attempts: list[Row] = []
    decisions: list[Row] = []
    for _ in range(size):
        component = chance.choice(COMPONENTS)
        detected = now - timedelta(hours=chance.uniform(0.1, 40 * 24))
        verified = detected + timedelta(seconds=chance.uniform(1, 5000))
        resolution = chance.choice(["HEALED", "HEALED", "RECOVERED"])
        fault = {
            "id": uuid7(), "target": f"t/{component}", "component": component, "detected": detected,
            "verified": verified, "resolution": resolution,
        }  # fmt: skip
        faults.append(fault)
        attempts += [attempt(chance, fault, healed=False) for _ in range(chance.randrange(3))]
        if resolution == "HEALED":
            attempts.append(attempt(chance, fault, healed=True))
        decisions += [decided(chance, fault) for _ in range(chance.randrange(3))]
    return faults, attempts, decisions


def decided(chance: random.Random, fault: Row) -> Row:
    """A refusal, by a breaker or by something else."""
    word = chance.choice(["CIRCUIT_OPEN", "COOLDOWN"])
    return {
        "decision": word, "type": chance.choice(TYPES), "component": fault["component"], "fault": fault["id"],
        "reason": str(chance.random()), "at": fault["detected"], "cost": 215 if word == "CIRCUIT_OPEN" else 0,
    }  # fmt: skip


def attempt(chance: random.Random, fault: Row, *, healed: bool) -> Row:
    """One of every kind: healed, failed, rolled back, harmful, never acted, interrupted, unfinished."""
    kind = "healed" if healed else chance.choice(["failed", "rolled", "harmful", "never", "interrupted", "unfinished"])
    over = kind != "unfinished"
    return {
        "id": uuid7(), "kind": kind, "fault": fault["id"], "trigger": uuid7(), "type": chance.choice(TYPES),
        "component": fault["component"], "status": {"healed": "SUCCESS", "rolled": "ROLLED_BACK"}.get(
            kind, "FAILED" if over else "RUNNING"), "success": healed if over else None,
        "verification": "HEALED" if healed else "NOT_HEALED" if over else None,
        "rollback": {"rolled": "DONE", "harmful": "FAILED"}.get(kind), "interrupted": kind == "interrupted",
        "ms": None if kind in {"never", "interrupted", "unfinished"} else chance.randrange(10, 9000),
        "acted": None if kind == "never" else fault["detected"], "created": fault["detected"],
        "completed": fault["verified"] if over else None, "target": f"{uuid7()}", "cost": chance.choice([50, 150]),
    }  # fmt: skip


STORE = {
    "faults": """
        INSERT INTO faults (id, target_key, component, trigger_type, detected_at, verified_at, closed_at, resolution,
                            start_from)
        VALUES (:id, :target, :component, 'X', :detected, :verified, :verified, :resolution, :detected)""",
    "attempts": """
        INSERT INTO healing_actions (id, fault_id, trigger_id, trigger_type, action_type, action_name, target_component,
                                     target_key, status, success, verification, rollback_outcome, interrupted,
                                     execution_time_ms, act_started_at, created_at, completed_at, manual_cost,
                                     failure_cost, mode)
        VALUES (:id, :fault, :trigger, 'X', :type, 'x', :component, :target, :status, :success, :verification,
                :rollback, :interrupted, :ms, :acted, :created, :completed, :cost, 215, 'auto')""",
    "decisions": """
        INSERT INTO healing_triggers (decision, reason, trigger_type, component, target_key, action_type, source,
                                      priority, fault_id, first_at, failure_cost)
        VALUES (:decision, :reason, 'X', :component, 't', :type, 'watcher', 'HIGH', :fault, :at, :cost)""",
}
TRANSITION = """
    INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status, success,
                                 completed_at)
    VALUES ('X', 'BREAKER_TRANSITION', 'circuit-breaker', 'heal:x', 'b', 'SUCCESS', true, now())"""


@pytest.fixture
def owner(empty: Engine, embedded_postgres: Any) -> Iterator[Engine]:
    from deployments.embedded import roles  # noqa: PLC0415
    from selfheal.store.engine import open_engine  # noqa: PLC0415

    engine = open_engine(embedded_postgres.url(roles.MIGRATOR))
    yield engine
    engine.dispose()


def write(engine: Engine, kept: tuple[list[Row], list[Row], list[Row]]) -> None:
    with engine.begin() as connection:
        for sql, rows in zip(STORE.values(), kept, strict=True):
            connection.execute(text(sql), rows)
        connection.execute(text(TRANSITION))


def counted(kept: tuple[list[Row], list[Row], list[Row]], of: Callable[[Row], bool], since: datetime) -> Row:
    """One line of the metrics, from the rows alone."""
    faults, attempts, decisions = kept
    by_id = {one["id"]: one for one in faults}
    over = [one for one in attempts if of(one) and one["completed"] is not None and one["completed"] > since]
    healed = [by_id[one["fault"]] for one in over if one["kind"] == "healed"]
    times = [(one["verified"] - one["detected"]).total_seconds() for one in healed]
    recurred = sum(
        any(
            one is not again and one["target"] == again["target"]
            and one["verified"] <= again["detected"] < one["verified"] + DAY for again in faults
        )
        for one in healed
    )  # fmt: skip
    prevented = {
        (one["fault"], one["type"]) for one in decisions
        if of(one) and one["decision"] == "CIRCUIT_OPEN" and one["at"] > since
    }  # fmt: skip
    worth = {"healed": 1, "never": 0}
    dollars = [worth.get(one["kind"], -1) * one["cost"] - (215 if one["kind"] == "harmful" else 0) for one in over]
    dollars += [215] * len(prevented)
    low, high = wilson(len(healed), len(over)) if over else (None, None)
    again_low, again_high = wilson(recurred, len(healed)) if healed else (None, None)
    spread = margin(times)
    loss = margin(dollars)
    return {
        "attempts": len(over), "healed": len(healed), "recurred": recurred, "prevented": len(prevented),
        "success_rate": len(healed) / len(over) if over else None, "success_low": low, "success_high": high,
        "mttr_s": statistics.fmean(times) if times else None,
        "mttr_low_s": None if spread is None else max(0, statistics.fmean(times) - spread),
        "mttr_high_s": None if spread is None else statistics.fmean(times) + spread,
        "recurrence_rate": recurred / len(healed) if healed else None, "recurrence_low": again_low,
        "recurrence_high": again_high, "saved": sum(dollars),
        "saved_low": None if loss is None else sum(dollars) - loss * len(dollars),
        "saved_high": None if loss is None else sum(dollars) + loss * len(dollars),
    }  # fmt: skip


def margin(values: Sequence[float]) -> float | None:
    """Half of a 95 % interval of their mean."""
    if len(values) < 2:
        return None
    return quantile(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


def quantile(freedom: int) -> float:
    """Student's t at 97.5 %, by integrating its density."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    low, high, steps = 1.9, 13.0, 400
    while high - low > 1e-4:
        t = (low + high) / 2
        points = [(1 + (t * n / steps) ** 2 / freedom) ** (-(freedom + 1) / 2) for n in range(steps + 1)]
        weights = [1, *([4, 2] * (steps // 2))[:-1], 1]
        area = 0.5 + scale * t / steps / 3 * sum(w * p for w, p in zip(weights, points, strict=True))
        low, high = (t, high) if area < 0.975 else (low, t)
    return low


@pytest.mark.parametrize("seed", range(4))
def test_every_figure_is_that_of_a_recount(owner: Engine, seed: int) -> None:
    """All, each action, each component and both; of a day, of a week and ever: counts, means and intervals."""
    now = datetime.now(UTC)
    kept = history(seed, [3, 40, 150, 300][seed], now)
    write(owner, kept)
    for within in (DAY, 7 * DAY, None):
        since = datetime.min.replace(tzinfo=UTC) if within is None else now - within
        with owner.connect() as connection:
            rows = connection.execute(text("SELECT * FROM healing_rates(:within)"), {"within": within}).mappings().all()
        told = {(row["action_type"], row["component"]): row for row in rows}
        lines = [(kind, component) for kind in (None, *TYPES) for component in (None, *COMPONENTS)]
        for kind, component in lines:
            wanted = counted(
                kept,
                lambda one, kind=kind, component=component: (  # type: ignore[misc]
                    kind in {None, one["type"]} and component in {None, one["component"]}
                ),
                since,
            )
            if wanted["attempts"] + wanted["prevented"] == 0:
                assert (kind, component) not in told
                continue
            row = told[kind, component]
            width = abs((wanted["saved_high"] or 0) - (wanted["saved_low"] or 0))
            for name, value in wanted.items():
                close = value is None or pytest.approx(value, rel=1e-3, abs=max(1e-3 * width, 1e-3))
                assert (row[name] is None) if value is None else row[name] == close, (kind, component, name)
        assert set(told) <= set(lines)


@pytest.mark.parametrize(("after", "recurred"), [(timedelta(hours=23, minutes=59), 1), (DAY, 0)])
def test_a_day_later_is_no_recurrence(owner: Engine, after: timedelta, recurred: int) -> None:
    """Sick again less than 24 h after it was verified healed, and not at the very end of that."""
    chance, now = random.Random(1), datetime.now(UTC)  # noqa: S311 - as above
    first = {"id": uuid7(), "target": "t", "component": "api", "detected": now - 3 * DAY, "resolution": "HEALED"}
    first["verified"] = now - 2 * DAY
    again = first | {"id": uuid7(), "detected": first["verified"] + after, "verified": now}
    with owner.begin() as connection:
        connection.execute(text(STORE["faults"]), [first, again])
        connection.execute(text(STORE["attempts"]), [attempt(chance, first, healed=True)])
    (total,) = [one for one in RateReports(owner).rates(within=None) if one.action_type is one.component is None]
    assert (total.healed, total.recurred) == (1, recurred)


def test_the_clients_view_is_that_of_a_recount(owner: Engine, empty: Engine) -> None:
    """By action type, over finished attempts: a rolled-back one failed, a transition is none; refreshed."""
    kept = history(9, 200, datetime.now(UTC))
    write(owner, kept)
    RateReports(empty).refresh()
    with empty.connect() as connection:
        rows = connection.execute(text("SELECT * FROM healing_action_success_rates")).mappings().all()
    assert {row["action_type"] for row in rows} == set(TYPES)
    for row in rows:
        over = [one for one in kept[1] if one["type"] == row["action_type"] and one["completed"] is not None]
        good = [one for one in over if one["kind"] == "healed"]
        assert (row["total_attempts"], row["successful"], row["failed"]) == (
            len(over), len(good), len(over) - len(good),
        )  # fmt: skip
        assert float(row["success_rate_pct"]) == round(100 * len(good) / len(over), 2)
        assert row["avg_execution_time_ms"] == pytest.approx(statistics.fmean(one["ms"] for one in good))
        assert row["last_attempted"] == max(one["created"] for one in over)
        assert row["rolled_back"] == sum(one["kind"] == "rolled" for one in over)


def test_the_clients_view_has_the_clients_columns(empty: Engine) -> None:
    """Name by name, in the given order; one row for each action type, kept by a unique index."""
    with empty.connect() as connection:
        names = list(connection.execute(text("SELECT * FROM healing_action_success_rates")).keys())
        index = connection.scalar(
            text("SELECT indexdef FROM pg_indexes WHERE tablename = 'healing_action_success_rates'")
        )
    assert names == [
        "action_type", "total_attempts", "successful", "failed", "success_rate_pct", "avg_execution_time_ms",
        "last_attempted", "rolled_back",
    ]  # fmt: skip
    assert index.startswith("CREATE UNIQUE INDEX")
    assert index.endswith("(action_type)")


def test_views_are_read_with_the_readers_own_rights(empty: Engine) -> None:
    """Row security will hold for whoever reads them: each plain view says security_invoker."""
    views = "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
    with empty.connect() as connection:
        found = {row.relname: row.reloptions for row in connection.execute(text(views))}
    assert found
    assert {name: "security_invoker=true" in (options or []) for name, options in found.items()} == dict.fromkeys(
        found, True
    )


def test_where_nothing_was_healed_there_are_no_rates(empty: Engine) -> None:
    """No row, and no division by zero."""
    assert RateReports(empty).rates(within=None) == []
