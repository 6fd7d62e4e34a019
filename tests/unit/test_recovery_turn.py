"""What one turn of recovery may change, and how it stands with all workflows."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.clients.inside import in_container
from selfheal.model.recovery import Standing, Verdict
from selfheal.policy.recovery_turn import level, turn

VERDICTS = st.lists(
    st.builds(
        lambda name, critical, minutes: Verdict(
            req_number=f"REQ-{name}",
            standing=Standing.STUCK,
            critical=critical,
            stuck_for=None if minutes is None else timedelta(minutes=minutes),
        ),
        st.integers(0, 10_000),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 600)),
    ),
    max_size=30,
    unique_by=lambda one: one.req_number,
)


@given(verdicts=VERDICTS, at_most=st.integers(1, 8), go=st.booleans())
def test_never_more_than_so_many_and_none_in_a_storm(verdicts: list[Verdict], at_most: int, *, go: bool) -> None:
    """All are chosen or waiting, the urgent first; more than one turn may change are a storm, for a person."""
    found = turn(verdicts, at_most=at_most, go=go)
    assert sorted((*found.chosen, *found.waiting)) == sorted(one.req_number for one in verdicts)
    assert found.storm == (len(verdicts) > at_most)
    assert len(found.chosen) == (0 if found.storm and not go else min(len(verdicts), at_most))
    critical = {one.req_number: one.critical for one in verdicts}
    order = [critical[name] for name in (*found.chosen, *found.waiting)]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize(
    ("blocked", "orphans", "told"),
    [
        (0, 10, "healthy"),
        (0, None, "healthy"),
        (0, 11, "degraded"),
        (1, 0, "degraded"),
        (3, 99, "degraded"),
        (4, 0, "critical"),
    ],
)
def test_the_level_of_all_workflows(blocked: int, orphans: int | None, told: str) -> None:
    """One blocked, or more than ten orphans: degraded; more than three blocked: critical."""
    assert level(blocked=blocked, orphans=orphans, many_orphans=10) == told


@pytest.mark.parametrize(
    ("mark", "inside"),
    [(".dockerenv", True), ("run/.containerenv", True), ("proc/1/cgroup", True), ("etc/hosts", False)],
)
def test_a_container_is_told_by_its_marks(tmp_path: Path, mark: str, *, inside: bool) -> None:
    """Docker's and Podman's files, or the control group of the first process."""
    (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mark).write_text("0::/docker/4711\n")
    assert in_container(tmp_path) is inside
