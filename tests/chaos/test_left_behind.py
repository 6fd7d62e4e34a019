"""What a healer left behind, when the world is another one by the time that somebody takes it over.

Real healers die, or freeze, at a named place; then the settings change, people do what people do, and a turn of
reconcile settles it. Starts are counted from supervisord's own log.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos_estate import Targets, short_acts, targets, until
from sqlalchemy import Engine, text

from selfheal.bootstrap import wire
from selfheal.model.attempt import Outcome, RollbackOutcome, Status, Verification
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile
from selfheal.settings.file import parse

PATIENCE = timedelta(seconds=10)
OVER = text("UPDATE healing_actions SET lease_until = now() - interval '1 s', act_deadline = act_deadline - :by")

pytestmark = pytest.mark.timeout(120)
Ward = Callable[..., contextlib.AbstractContextManager[Targets]]


@pytest.fixture
def ward(empty: Engine, database_url: str, tmp_path: Path) -> Ward:
    """Two targets, `web` and `other`; `sick`: no restart makes web well."""

    def made(*, sick: bool = False) -> contextlib.AbstractContextManager[Targets]:
        never = {"web"} if sick else set[str]()
        return targets(tmp_path, ["web", "other"], never_healthy=never, database=empty, database_url=database_url)

    return made


def dies(one: Targets, place: str) -> None:
    """A healer of web is killed there, and its lease is over."""
    assert one.healer("web", failpoint=f"{place}:kill").wait(60) == -signal.SIGKILL
    let_pass(one)


def let_pass(one: Targets, by: timedelta = PATIENCE) -> None:
    with one.database.begin() as connection:
        connection.execute(OVER, {"by": by})


def started_by_hand(one: Targets) -> None:
    one.control().start("web", timeout=PATIENCE)
    until(lambda: one.healthy("web"), seconds=30, what="web answers")


def settle(one: Targets, **web: Any) -> Outcome | None:
    """A turn of reconcile under settings that say this of web by now; the outcome of the one attempt."""
    components = one.values["components"] | {"web": one.values["components"]["web"] | web}
    with closing(one, one.values | {"components": components}) as estate:
        (settled,) = reconcile(estate.healer, plain_steps(estate.healer))
        return settled.outcome


@contextlib.contextmanager
def closing(one: Targets, values: dict[str, Any]) -> Iterator[Any]:
    estate = short_acts(wire(parse(values, source="the test"), database_url=one.database_url))
    try:
        yield estate
    finally:
        estate.close()


def test_an_interrupted_rollback_stops_nothing_that_is_well(ward: Ward) -> None:
    """Found dead, started in vain, and mended by a person before the rollback to stopped could be repeated."""
    with ward(sick=True) as one:
        one.kill("web")
        dies(one, "after-roll-back")
        started_by_hand(one)
        outcome = settle(one, url=one.values["components"]["web"]["url"].replace("missing", "health"))
        assert outcome is not None
        assert (outcome.verification, outcome.rollback) == (Verification.UNKNOWN, RollbackOutcome.NOT_NEEDED)
        assert one.control().process("web").running


def test_what_a_person_started_long_after_the_act_was_healed_by_nobody_of_us(ward: Ward) -> None:
    """The healer died before its call; hours later somebody started the service: no success is recorded."""
    with ward() as one:
        one.kill("web")
        dies(one, "before-act")
        let_pass(one, timedelta(hours=3))
        started_by_hand(one)
        outcome = settle(one)
        assert outcome is not None
        assert (outcome.status, outcome.verification) == (Status.FAILED, Verification.UNKNOWN)


def test_what_a_person_stops_while_it_is_verified_stays_stopped(ward: Ward) -> None:
    """A hung service is restarted and sick still; somebody stops it, and no rollback starts it again."""
    with ward(sick=True) as one:
        healer = one.healer("web", failpoint="before-verify:freeze")
        until(lambda: _is_frozen(healer.pid), seconds=60, what="the healer has restarted it")
        one.control().stop("web", timeout=PATIENCE)
        healer.send_signal(signal.SIGCONT)
        healer.wait(60)
        assert one.said("web") == {"decision": "ADMITTED", "ended": "FAILED"}
        assert (one.starts("web"), one.control().process("web").state) == (2, "STOPPED")


def _is_frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
