"""What breakers are called, what their settings say, and which ends of workflows count."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from selfheal.model.breaker import BreakerDeed, Thresholds
from selfheal.model.breaker_rules import Cause
from selfheal.model.ending import Ending
from selfheal.model.errors import Permanent
from selfheal.policy.breaker import decision
from selfheal.policy.breaker_names import agent_breaker, checked, heal_breaker, tenant_of
from selfheal.policy.endings import success_of
from selfheal.settings.file import parse

TENANT = UUID("3F2504E0-4F89-11D3-9A0C-0305E82C3301")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_name_has_one_form() -> None:
    """An agent's is for all tenants, or for one, whose UUID is written one way, and fits its column."""
    assert heal_breaker("restart-service") == "heal:restart-service"
    assert agent_breaker("cynthia") == "agent:cynthia"
    name = agent_breaker("c" * 50, tenant=TENANT)
    assert (name, len(name) <= 100) == (f"agent:{TENANT}/{'c' * 50}", True)
    assert (tenant_of(name), tenant_of("agent:cynthia")) == (TENANT, None)


@pytest.mark.parametrize(
    "name",
    [
        *("", "agent:", "agent:Cynthia", "agent:a/b", "agent:*", "heal:a/b", "cynthia", "agent:c\n", "heal: x"),
        *(f"agent:{TENANT.hex}/c", f"agent:{str(TENANT).upper()}/c", "agent:" + "c" * 51),
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """Another spelling would be another breaker."""
    with pytest.raises(Permanent, match="is no name of a breaker"):
        checked(name)


def test_only_what_the_agent_did_counts() -> None:
    """A refusal, a cancellation and a person's stop say nothing of it; every other end is a success or a failure."""
    silent = {ending for ending in Ending if success_of(ending) is None}
    assert silent == {Ending.REFUSED, Ending.CANCELLED, Ending.STOPPED_BY_PERSON}
    assert {ending for ending in Ending if success_of(ending)} == {Ending.COMPLETED}


@pytest.mark.parametrize("deed", [BreakerDeed.AUTOMATIC, BreakerDeed.RESET])
def test_only_an_override_lasts(deed: BreakerDeed) -> None:
    """A time for what has no end is refused instead of forgotten."""
    with pytest.raises(Permanent, match="takes no time"):
        decision(deed, NOW, who="ada", why="x", lasts=timedelta(hours=1))


COMPONENTS = {"orchestrator": {"probe": "http", "url": "http://host/"}}


def test_each_scope_has_its_own_thresholds_and_each_breaker_its_causes() -> None:
    """A breaker without a table of its own takes that of its scope."""
    heal: dict[str, Any] = {"heal": [{"component": "orchestrator", "action": "clear-caches"}]}
    values = {
        "breakers": {"window": 7},
        "agent_breakers": {"probes": 3, "permit_lease": "1 min"},
        "on_opening": {"agent:*": heal, "agent:cynthia": {"heal": []}},
        "components": COMPONENTS,
    }
    rules = parse(values, source="the test").breaker_rules()
    assert rules.thresholds("heal:restart-service") == Thresholds(window=7)
    assert rules.thresholds("agent:roy") == Thresholds(probes=3, permit_lease=timedelta(minutes=1))
    assert rules.causes_of("agent:roy") == (Cause(component="orchestrator", action="clear-caches"),)
    assert rules.causes_of("agent:cynthia") == rules.causes_of("heal:restart-service") == ()


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        ({"agent:Cynthia": {"heal": []}}, "is no name of a breaker"),
        ({"agent:*": {"heal": [{"component": "orchestratr"}]}}, "did you mean 'orchestrator'"),
        ({"agent:*": {"heal": [{"component": "orchestrator", "acton": "x"}]}}, "unknown setting"),
    ],
)
def test_a_wrong_opening_is_refused(opening: dict[str, Any], said: str) -> None:
    """With its place and the nearest right name."""
    with pytest.raises(Permanent, match=said):
        parse({"on_opening": opening, "components": COMPONENTS}, source="the test")
