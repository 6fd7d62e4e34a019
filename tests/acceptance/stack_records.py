"""What the tests of a running stack ask and count: its database as a superuser, Prefect's API, a kill and its heal."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg import Connection
from psycopg.rows import namedtuple_row
from stack_fixture import StackUnderTest, until

from deployments import attach


@contextmanager
def superuser(stack: StackUnderTest) -> Iterator[Connection[Any]]:
    """The stack's own database, with every right."""
    secret = json.loads((stack.data / "credentials.json").read_text())["postgres_superuser"]
    dsn = attach.servers(stack.data).postgres.dsn(user="postgres", password=secret, database="selfheal")
    with psycopg.connect(dsn, autocommit=True, row_factory=namedtuple_row) as connection:
        yield connection


def rows(stack: StackUnderTest, sql: LiteralString, *values: Any) -> list[Any]:
    """What the database says."""
    with superuser(stack) as connection:
        return connection.execute(sql, values).fetchall()


def attempts(stack: StackUnderTest, component: str) -> list[Any]:
    """The component's attempts, newest first."""
    return rows(
        stack,
        "SELECT id, status, verification FROM healing_actions WHERE target_component = %s ORDER BY created_at DESC",
        component,
    )


def watcher(stack: StackUnderTest) -> Any:
    """Which run watches, and in which process."""
    (row,) = rows(stack, "SELECT run_id, (holder ->> 'pid')::int AS pid FROM watch_epoch")
    return row


def forget_attempts(stack: StackUnderTest, component: str) -> None:
    """Let the component's earlier heals be long past, so that no cool-down of another test stands in the way."""
    with superuser(stack) as connection:
        connection.execute(
            "UPDATE healing_actions SET completed_at = completed_at - interval '2 days' WHERE target_component = %s",
            [component],
        )


def healed_after_kill(stack: StackUnderTest, component: str) -> None:
    """Kill a service and wait until exactly one new attempt has healed it."""
    forget_attempts(stack, component)
    before, starts = len(attempts(stack, component)), stack.estate.spawns(component)
    stack.faults.kill(component)

    def healed() -> bool:
        found = attempts(stack, component)
        return len(found) == before + 1 and (found[0].status, found[0].verification) == ("SUCCESS", "HEALED")

    until(healed, seconds=120, told=lambda: stack.selfheal("status").out + stack.selfheal("history").out)
    assert stack.estate.spawns(component) == starts + 1


def api(stack: StackUnderTest) -> httpx.Client:
    """Prefect's API."""
    running = attach.running(stack.data)
    assert running is not None
    return httpx.Client(base_url=running.urls["prefect"] + "/api", timeout=30, trust_env=False)


def state_of(stack: StackUnderTest, run_id: Any) -> tuple[str, str]:
    """Type and name of a flow run's state."""
    with api(stack) as client:
        state = client.get(f"/flow_runs/{run_id}").raise_for_status().json()["state"]
    return state["type"], state["name"]
