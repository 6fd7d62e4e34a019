"""What a healer left behind, when the world is another one by the time that somebody takes it over.

Real healers die, or freeze, at a named place; then the settings change, people do what people do, and a turn of
reconcile settles it. Starts are counted from supervisord's own log.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos_estate import Targets, short_acts, targets, until
from postgres_proxy import CLAIM, Proxy
from sqlalchemy import Engine, make_url, text

from selfheal.bootstrap import wire
from selfheal.model.attempt import Outcome, RollbackOutcome, Status, Verification
from selfheal.protocol.holder import holder_of
from selfheal.protocol.plain import plain_steps
from selfheal.protocol.reconcile import reconcile
from selfheal.settings.file import parse
from selfheal.store.pauses import Pauses

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


def test_another_program_is_neither_restarted_nor_judged(ward: Ward) -> None:
    """The settings give web the program of `other`, which is well: it is not touched, and proves no heal."""
    with ward() as one:
        one.kill("web")
        dies(one, "before-act")
        outcome = settle(one, program="other", url=one.values["components"]["other"]["url"])
        assert outcome is not None
        assert (outcome.status, outcome.escalate) == (Status.FAILED, True)
        assert (one.starts("web"), one.starts("other")) == (1, 1)


def test_nothing_is_begun_anew_under_a_pause(ward: Ward) -> None:
    """The kill switch holds for what was admitted before it and had not begun."""
    with ward() as one:
        one.kill("web")
        dies(one, "after-claim")
        Pauses(one.database).pause(who="ada", why="the healer harms")
        outcome = settle(one)
        assert outcome is not None
        assert "the healer harms" in outcome.message
        assert (outcome.status, outcome.escalate, one.starts("web")) == (Status.FAILED, False, 1)


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


def test_what_a_person_stops_before_the_act_stays_stopped(ward: Ward) -> None:
    """Somebody stops it while its heal waits to be carried out; whatever was raised before starts it no more."""
    with ward() as one:
        one.hang("web")
        healer = one.healer("web", failpoint="after-claim:freeze")
        until(lambda: _is_frozen(healer.pid), seconds=60, what="the healer has claimed it")
        one.control().stop("web", timeout=PATIENCE)
        healer.send_signal(signal.SIGCONT)
        healer.wait(60)
        assert one.said("web") == {"decision": "ADMITTED", "ended": "FAILED"}
        one.healer("web").wait(60)
        assert one.said("web")["decision"] == "NOT_ALLOWED"
        assert (one.starts("web"), one.control().process("web").state) == (1, "STOPPED")


def test_a_frozen_holder_is_ended_although_the_next_one_died_before_it_could(ward: Ward) -> None:
    """Taken over by a process that is killed at once; whoever comes then still ends the first one."""
    with ward() as one, subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as taker:
        one.kill("web")
        frozen = one.healer("web", failpoint="before-act:freeze")
        until(lambda: _is_frozen(frozen.pid), seconds=60, what="the healer has announced its act")
        let_pass(one)
        with closing(one, one.values) as estate:
            (left,) = estate.healer.store.expired()
            assert estate.healer.store.claim(left.id, fence=left.fence, holder=holder_of(taker.pid)) is not None
        taker.kill()
        let_pass(one)
        outcome = settle(one)
        assert outcome is not None
        assert outcome.verification is Verification.NOT_HEALED
        assert frozen.wait(10) == -signal.SIGKILL
        assert one.starts("web") == 1


def test_a_claim_whose_answer_is_lost_is_gone_on_with(ward: Ward) -> None:
    """It is committed, and the connection breaks: the healer asks again, holds it, and heals at once."""
    with ward() as one:
        one.kill("web")
        url = make_url(one.database_url)
        assert url.port is not None
        proxy = Proxy(url.port, marker=CLAIM, hold="answer")
        far = replace(one, database_url=url.set(port=proxy.port).render_as_string(hide_password=False))
        with contextlib.closing(proxy):
            healer = far.healer("web")
            assert proxy.reached.wait(60)
            proxy.release(forward=False)
            healer.wait(60)
        assert one.said("web") == {"decision": "ADMITTED", "ended": "SUCCESS"}
        assert one.starts("web") == 2


def _is_frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
