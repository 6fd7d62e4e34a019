"""restart-service: evidence, act, and the way back."""

import json

import pytest
from fakes import FakeClock, FakeControl, always
from hypothesis import given
from hypothesis import strategies as st

from selfheal.actions.evidence import LIMIT, last_lines, redacted
from selfheal.actions.restart_service import RestartService
from selfheal.model.attempt import Plan
from selfheal.model.component import Component, ProbeKind
from selfheal.model.errors import Permanent, Transient
from selfheal.model.observation import Health

BACKEND = Component(name="backend", target="t", probe=ProbeKind.HTTP, supervisor="demo", program="backend")


def action(control: FakeControl) -> RestartService:
    return RestartService(controls={"demo": control}, observe=always(Health.HEALTHY), clock=FakeClock())


@pytest.mark.parametrize(
    ("state", "calls"),
    [
        ("RUNNING", ["stop backend", "start backend"]),
        ("EXITED", ["start backend"]),
        ("FATAL", ["start backend"]),
        ("STOPPED", ["start backend"]),
    ],
)
def test_commit(state: str, calls: list[str]) -> None:
    """What runs is stopped first; then it is started, once."""
    control = FakeControl(backend=state)
    assert "backend" in action(control).commit(BACKEND, Plan())
    assert control.calls == calls


def test_prepare_changes_nothing_and_keeps_the_evidence() -> None:
    """The plan holds the incarnation, the last lines without their secrets, and the way back."""
    control = FakeControl(backend="RUNNING")
    control.log = "GET /login?password=hunter2\x00\nlast words\n"
    plan = action(control).prepare(BACKEND)
    assert control.calls == []
    assert plan.before == control.process("backend")
    assert plan.rollback == {"restore": "running"}
    assert "last words" in plan.evidence["log"]
    assert "hunter2" not in json.dumps(plan.evidence)
    assert len(plan.steps) == 2


def test_prepare_survives_an_unreadable_log() -> None:
    """A log that cannot be read is told in the evidence and does not stop the heal."""

    class NoLog(FakeControl):
        def log_tail(self, program: str, *, size: int) -> str:  # noqa: ARG002
            raise Transient("no log today")

    assert "no log today" in action(NoLog(backend="RUNNING")).prepare(BACKEND).evidence["log"]


def test_prepare_needs_the_supervisor() -> None:
    """A supervisor that is away stops the heal before anything is done."""
    control = FakeControl(backend="RUNNING")
    control.away = Transient("away")
    with pytest.raises(Transient):
        action(control).prepare(BACKEND)


def test_no_program_is_refused() -> None:
    """A component without a supervisor that is known cannot be restarted, in words."""
    with pytest.raises(Permanent, match="no supervised program"):
        action(FakeControl()).prepare(
            Component(name="x", target="x", probe=ProbeKind.HTTP, supervisor="dem", program="x")
        )


@pytest.mark.parametrize(
    ("found", "now", "calls"),
    [
        ("RUNNING", "RUNNING", []),
        ("RUNNING", "EXITED", ["start backend"]),
        ("EXITED", "RUNNING", ["stop backend"]),
        ("STOPPED", "STOPPED", []),
    ],
)
def test_rollback_returns_to_what_was_found(found: str, now: str, calls: list[str]) -> None:
    """The way back depends on what was found and what is now; a second time changes nothing more."""
    plan = action(FakeControl(backend=found)).prepare(BACKEND)
    control = FakeControl(backend=now)
    action(control).rollback(BACKEND, plan)
    action(control).rollback(BACKEND, plan)
    assert control.calls == calls


def test_rollback_without_a_plan_is_refused() -> None:
    """Nothing is guessed where the plan does not say what to go back to."""
    control = FakeControl(backend="RUNNING")
    with pytest.raises(Permanent):
        action(control).rollback(BACKEND, Plan())
    assert control.calls == []


def test_validate_is_one_look() -> None:
    """The observer's word is the action's word."""
    assert action(FakeControl(backend="RUNNING")).validate(BACKEND).health is Health.HEALTHY


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization=Basic dXNlcg==", "dXNlcg"),
        ('{"api_key": "k-123"}', "k-123"),
        ("connect postgres://me:s3cret@db/x", "s3cret"),
        ("PGPASSWORD=s3cret psql", "s3cret"),
        ("access_token=t0ken&x=1", "t0ken"),
    ],
)
def test_redaction(line: str, secret: str) -> None:
    """What looks like a secret is taken out, the rest of the line stays."""
    assert secret not in redacted(line)
    assert "***" in redacted(line)


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(min_value=10, max_value=300))
def test_last_lines_fit(text: str, size: int) -> None:
    """Whatever the log holds, what is kept fits and can be stored as JSON text."""
    kept = last_lines(text, size=size)
    assert len(json.dumps(kept)) <= size or len(json.dumps(text)) <= size
    kept.encode()
    assert "\x00" not in kept


def test_a_large_log_is_cut_at_a_line() -> None:
    """The end of the log is kept, from the beginning of a line."""
    kept = last_lines("".join(f"line {number} \N{SNOWMAN}\n" for number in range(20_000)))
    assert len(json.dumps(kept)) < LIMIT
    assert kept.startswith("line ")
    assert kept.endswith("line 19999 \N{SNOWMAN}\n")
