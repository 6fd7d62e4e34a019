"""When an action earns more freedom, or loses some; and the interval that this goes by."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.mode import ActionMode, Change, Standards
from selfheal.policy.intervals import Z, wilson
from selfheal.policy.promotion import judge, stricter

STANDARDS = Standards()
RESULTS = st.lists(st.booleans(), max_size=200)


@pytest.mark.parametrize(
    ("good", "of", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (16, 16, 0.8064, 1), (5, 10, 0.2366, 0.7634)],
)
def test_wilson_gives_the_published_figures(good: int, of: int, low: float, high: float) -> None:
    """Newcombe's examples, and those that the standards meet."""
    assert wilson(good, of) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 5000), st.data())
def test_wilson_holds_the_rate_and_solves_its_equation(of: int, data: st.DataObject) -> None:
    """Both ends p lie z standard errors, by p itself, from the rate; they mirror each other; the rate is between."""
    good = data.draw(st.integers(0, of))
    low, high = wilson(good, of)
    assert 0 <= low <= good / of <= high <= 1
    mirrored = wilson(of - good, of)
    assert (low, high) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]))
    for end in (low, high):
        assert abs(good / of - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / of), abs=1e-6)


@given(st.sampled_from(ActionMode), RESULTS)
def test_nothing_is_judged_on_too_little(mode: ActionMode, results: list[bool]) -> None:
    """Below the fewest results nobody is promoted or demoted; who only observes never is."""
    step = judge(mode, results, STANDARDS)
    if len(results) < STANDARDS.fewest or mode is ActionMode.OBSERVE:
        assert step is None


@given(RESULTS)
def test_auto_is_only_ever_demoted_and_by_its_newest_results(results: list[bool]) -> None:
    """One step down exactly when fewer than half of the last ten were verified; what lies further back is forgotten."""
    step = judge(ActionMode.AUTO, results, STANDARDS)
    bad = len(results) >= 10 and sum(results[-10:]) < 5
    assert (step is not None) == bad
    if step is not None:
        assert (step.change, step.mode) == (Change.DEMOTED, ActionMode.APPROVE)
    assert step == judge(ActionMode.AUTO, [True] * 50 + results, STANDARDS) or len(results) < 10


@given(st.sampled_from([ActionMode.SHADOW, ActionMode.APPROVE]), RESULTS)
def test_promotion_is_only_ever_proposed_and_by_the_lower_bound(mode: ActionMode, results: list[bool]) -> None:
    """One step up exactly when Wilson's lower bound of all results is above 0.8."""
    step = judge(mode, results, STANDARDS)
    earned = len(results) >= 10 and wilson(sum(results), len(results))[0] > 0.8
    assert (step is not None) == earned
    if step is not None:
        assert (step.change, step.mode.rank) == (Change.PROPOSED, mode.rank + 1)


def test_ten_good_results_are_not_enough_sixteen_are() -> None:
    """The bound of 10 of 10 is 0.72: the fewest is a floor, the bound decides."""
    assert judge(ActionMode.APPROVE, [True] * 15, STANDARDS) is None
    step = judge(ActionMode.APPROVE, [True] * 16, STANDARDS)
    assert step is not None
    assert step.why == "16 of 16 healed, verified in mode approve: at least 80.6% with 95 % confidence"


@given(st.lists(st.sampled_from(ActionMode), min_size=1))
def test_the_strictest_is_in_force(modes: list[ActionMode]) -> None:
    """Whatever the order, nothing goes further than any of them allows."""
    assert all(stricter(modes).rank <= one.rank for one in modes)
    assert stricter(modes) in modes


def test_no_rate_is_above_one() -> None:
    """More successes than results is an error of the caller."""
    with pytest.raises(ValueError, match="is no rate"):
        wilson(3, 2)
