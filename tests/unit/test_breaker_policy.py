"""The circuit breaker as a pure automaton: every rule of it, and a model that hypothesis drives beside it."""

from collections import deque
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from selfheal.model.breaker import Breaker, Denial, Mode, Override, Permit, State, Thresholds
from selfheal.model.breaker_event import Ask, Force, Look, Release, Renew, Reset, Result
from selfheal.policy.breaker import advance

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Thresholds()
MINUTE = timedelta(minutes=1)


class Life:
    """A breaker and its clock."""

    def __init__(self) -> None:
        self.breaker, self.at = Breaker(name="heal:restart-service"), START

    def ask(self) -> Permit | Denial:
        self.breaker, answer = advance(self.breaker, Ask(at=self.at, permit=uuid4()), LIMITS)
        assert answer is not None
        return answer

    def permit(self) -> Permit:
        answer = self.ask()
        assert isinstance(answer, Permit), answer
        return answer

    def tell(self, permit: Permit, *, success: bool, chance: float = 0.0) -> None:
        self.breaker, _ = advance(
            self.breaker, Result(at=self.at, permit=permit, success=success, chance=chance), LIMITS
        )

    def tell_all(self, results: str) -> None:
        """One ask and its result per letter: s or f."""
        for one in results:
            self.tell(self.permit(), success=one == "s")

    def force(self, mode: Mode, *, until: datetime | None = None) -> None:
        override = Override(mode=mode, who="marcus", why="a test", until=until)
        self.breaker, _ = advance(self.breaker, Force(at=self.at, override=override), LIMITS)

    def half_open(self) -> "Life":
        self.tell_all("fffff")
        self.at += 5 * MINUTE
        self.breaker, _ = advance(self.breaker, Look(at=self.at), LIMITS)
        assert self.breaker.state is State.HALF_OPEN
        return self


def test_four_failures_do_not_trip_it_and_the_fifth_does() -> None:
    """Below five results a rate says nothing."""
    life = Life()
    life.tell_all("ffff")
    assert life.breaker.state is State.CLOSED
    life.tell_all("f")
    assert (life.breaker.state, life.breaker.opened_at) == (State.OPEN, START)


def test_only_the_last_ten_results_count() -> None:
    """Old successes fall out of the window; half of it failing is enough."""
    life = Life()
    life.tell_all("s" * 20 + "ffff")
    assert (life.breaker.state, life.breaker.failure_rate) == (State.CLOSED, 0.4)
    life.tell_all("f")
    assert life.breaker.state is State.OPEN


def test_an_open_one_denies_and_says_until_when() -> None:
    """Nobody is let through before its time, which the denial names."""
    life = Life()
    life.tell_all("fffff")
    life.at += 5 * MINUTE - timedelta(microseconds=1)
    denial = life.ask()
    assert isinstance(denial, Denial)
    assert denial.retry_at == START + 5 * MINUTE


def test_it_stays_open_longer_each_time_and_for_five_minutes_again_after_a_close() -> None:
    """5, 10, 20, 20 minutes with the drawn jitter; a close starts anew."""
    life, lengths = Life(), []
    life.tell_all("fffff")
    for chance in (1.0, -1.0, 0.0):
        opened, until = life.breaker.opened_at, life.breaker.open_until
        assert opened
        assert until
        lengths.append(until - opened)
        life.at = until
        life.tell(life.permit(), success=False)
        life.tell(life.permit(), success=False, chance=chance)
    assert life.breaker.open_until is not None
    lengths.append(life.breaker.open_until - life.at)
    assert lengths == [5 * MINUTE, 11 * MINUTE, 18 * MINUTE, 20 * MINUTE]
    life.at = life.breaker.open_until
    life.tell_all("ssss")
    assert (life.breaker.state, life.breaker.results) == (State.CLOSED, ())
    life.tell_all("fffff")
    assert life.breaker.open_until == life.at + 5 * MINUTE


def test_half_open_gives_exactly_five_permits() -> None:
    """The sixth ask is denied until a probe's lease is over."""
    life = Life().half_open()
    assert [type(life.ask()) for _ in range(7)] == [Permit] * 5 + [Denial] * 2
    denial = life.ask()
    assert isinstance(denial, Denial)
    assert denial.retry_at == life.at + LIMITS.permit_lease


def test_an_ask_whose_answer_was_lost_gets_the_same_permit() -> None:
    """Repeating an ask takes no second permit."""
    life, permit = Life().half_open(), uuid4()
    for _ in range(3):
        life.breaker, answer = advance(life.breaker, Ask(at=life.at, permit=permit), LIMITS)
        assert isinstance(answer, Permit)
    assert len(life.breaker.permits) == 1


def test_four_good_probes_close_it_whatever_the_fifth_does() -> None:
    """80 % of five."""
    life = Life().half_open()
    life.tell_all("fsss")
    assert life.breaker.state is State.HALF_OPEN
    life.tell_all("s")
    assert (life.breaker.state, life.breaker.results, life.breaker.level) == (State.CLOSED, (), 0)


def test_the_second_bad_probe_reopens_it() -> None:
    """80 % is out of reach then."""
    life = Life().half_open()
    life.tell_all("sfs")
    assert life.breaker.state is State.HALF_OPEN
    life.tell_all("f")
    assert (life.breaker.state, life.breaker.level) == (State.OPEN, 1)


def test_a_lost_probe_returns_its_permit_and_loses_its_say() -> None:
    """After its lease another one may ask; a renewed one keeps its place."""
    life = Life().half_open()
    lost, kept = life.permit(), life.permit()
    life.at += timedelta(seconds=119)
    life.breaker, _ = advance(life.breaker, Renew(at=life.at, permit=kept.id), LIMITS)
    life.at += timedelta(seconds=2)
    life.tell(lost, success=False)
    assert (life.breaker.failures, [one for one, _ in life.breaker.permits]) == (0, [kept.id])
    assert [type(life.ask()) for _ in range(5)] == [Permit] * 4 + [Denial]


def test_a_late_result_of_an_earlier_state_is_void() -> None:
    """What was permitted before it tripped says nothing about the probes."""
    life = Life()
    late = life.permit()
    life.half_open()
    before = life.breaker
    life.tell(late, success=True)
    assert life.breaker == before


def test_forced_open_denies_by_name_until_it_expires_and_then_probes() -> None:
    """The denial names who and why; an override that ends leaves nobody untested."""
    life = Life()
    life.force(Mode.FORCED_OPEN, until=START + MINUTE)
    denial = life.ask()
    assert isinstance(denial, Denial)
    assert (denial.reason, denial.retry_at) == ("forced open by marcus: a test", START + MINUTE)
    life.at += MINUTE
    life.permit()
    assert (life.breaker.state, life.breaker.mode) == (State.HALF_OPEN, Mode.AUTOMATIC)


def test_forced_closed_grants_whatever_fails_and_starts_clean_afterwards() -> None:
    """No result trips it, and those results are forgotten when it is released."""
    life = Life()
    life.force(Mode.FORCED_CLOSED)
    life.tell_all("f" * 12)
    assert (life.breaker.state, life.breaker.mode) == (State.CLOSED, Mode.FORCED_CLOSED)
    life.breaker, _ = advance(life.breaker, Release(at=life.at, who="marcus", why="a test"), LIMITS)
    assert (life.breaker.mode, life.breaker.results) == (Mode.AUTOMATIC, ())


def test_a_reset_forgets_all_but_the_generation() -> None:
    """It is as new, and late results stay void."""
    life = Life().half_open()
    probe, before = life.permit(), life.breaker.generation
    life.breaker, _ = advance(life.breaker, Reset(at=life.at, who="marcus", why="a test"), LIMITS)
    assert life.breaker == Breaker(name=life.breaker.name, generation=before + 1)
    life.tell(probe, success=False)
    assert life.breaker.results == ()


class Beside(RuleBasedStateMachine):
    """Random events on the breaker; the window and the probes are kept a second time, in the simplest way."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.events: list[object] = []
        self.window: deque[bool] = deque(maxlen=LIMITS.window)
        self.out: list[Permit] = []
        self.generation = 0

    def _do(self, event: object) -> Permit | Denial | None:
        self.events.append(event)
        before = self.life.breaker.generation
        self.life.breaker, answer = advance(self.life.breaker, event, LIMITS)  # type: ignore[arg-type]
        if self.life.breaker.generation != before:
            self.window.clear()
        return answer

    @rule(permit=st.uuids(version=4))
    def ask(self, permit: UUID) -> None:
        answer = self._do(Ask(at=self.life.at, permit=permit))
        assert isinstance(answer, Denial) == (self.life.breaker.state is State.OPEN or not isinstance(answer, Permit))
        if isinstance(answer, Permit):
            self.out.append(answer)

    @precondition(lambda self: self.out)
    @rule(success=st.booleans(), chance=st.floats(-1, 1), newest=st.booleans())
    def tell(self, *, success: bool, chance: float, newest: bool) -> None:
        permit = self.out.pop(-1 if newest else 0)
        now, _ = advance(self.life.breaker, Look(at=self.life.at), LIMITS)
        if now.state is State.CLOSED and permit.generation == now.generation:
            self.window.append(success)
        full = len(self.window) >= LIMITS.fewest and self.window.count(False) / len(self.window) >= LIMITS.trip_rate
        trips = full and now.state is State.CLOSED and permit.generation == now.generation
        self._do(Result(at=self.life.at, permit=permit, success=success, chance=chance))
        assert trips == (self.life.breaker.state is State.OPEN and now.state is State.CLOSED)

    @rule(seconds=st.integers(0, 1300))
    def wait(self, seconds: int) -> None:
        self.life.at += timedelta(seconds=seconds)

    @rule()
    def look(self) -> None:
        self._do(Look(at=self.life.at))

    @invariant()
    def probes_are_never_more_than_five(self) -> None:
        one = self.life.breaker
        assert one.successes + one.failures + len(one.permits) <= LIMITS.probes
        assert one.state is State.HALF_OPEN or not one.permits

    @invariant()
    def generations_only_rise(self) -> None:
        assert self.life.breaker.generation >= self.generation
        self.generation = self.life.breaker.generation

    @invariant()
    def a_replay_gives_the_same(self) -> None:
        again = Breaker(name=self.life.breaker.name)
        for event in self.events:
            again, _ = advance(again, event, LIMITS)  # type: ignore[arg-type]
        assert again == self.life.breaker


TestBeside = Beside.TestCase
