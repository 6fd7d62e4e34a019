"""Escalated work is completed by rules: what it complains of is healed, what needs a person is blocked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from database_fixtures import STOCK, Warehouse
from workflow_fixtures import Shop, complete_escalated, recovery, take_turn

from deployments.demo.estate import Estate as Demo
from selfheal.model.deliverable import Escalation, Presence, Result
from selfheal.model.errors import Permanent
from selfheal.protocol.recovery_preview import preview_escalated
from selfheal.settings.file import parse

VIEW = {"pattern": r"materialized view .* does not exist|wms\.", "component": "stock", "action": "apply-migration"}
COLUMN = {
    "pattern": "column .*purchase_order.* does not exist",
    "component": "backend",
    "action": "restart-service",
    "although_healthy": True,
}
TENANT = {"pattern": "tenant.*context", "block": "security review"}
ALERTS = "SELECT dedup_key, message FROM alert_outbox ORDER BY created_at"


def values(warehouse: Warehouse, *rules: dict[str, Any]) -> dict[str, Any]:
    """An estate with the warehouse, whose view may be made."""
    found = warehouse.values()
    return {
        **found,
        "healing": {"allow": ["workflows", "stock"]},
        "workflows": {"escalated": list(rules)},
        "components": {name: found["components"][name] for name in ("warehouse", "stock")},
        "migrations": {"stock-levels": found["migrations"]["stock-levels"]},
    }


def test_a_missing_view_is_made_and_the_work_goes_on(shop: Shop, warehouse: Warehouse) -> None:
    """One heal of the view for two workflows that complain of it; both go on at the stage that is missing."""
    names = [
        shop.add(f"REQ-WMS-{index}", "ESCALATED", words="relation wms.stock_levels is missing") for index in (1, 2)
    ]
    shop.broker.said = {name: {0: Result.DONE} for name in names}
    estate = shop.estate(**values(warehouse, VIEW))
    assert preview_escalated(recovery(estate)).splitlines()[0] == "stock would be healed for REQ-WMS-1, REQ-WMS-2"
    healed, ended = complete_escalated(estate)
    assert {name: one.name for name, one in healed.items()} == {"stock": "Healed"}
    assert {name: one.name for name, one in ended.items()} == dict.fromkeys(names, "Healed")
    assert {shop.says(name) for name in names} == {("PENDING", "pending", 1)}
    assert warehouse.made(STOCK) == 1
    assert complete_escalated(estate) == ({}, {})


def test_what_concerns_tenants_is_blocked_and_stays_so(shop: Shop, warehouse: Warehouse) -> None:
    """Blocked for a security review, although a rule that heals fits too; rewriting the file does not bring it back."""
    name = shop.add("REQ-A-1", "ESCALATED", words="wms.stock: TENANT id is not in the\nContext")
    estate = shop.estate(**values(warehouse, VIEW, TENANT))
    complete_escalated(estate)
    assert shop.says(name) == ("BLOCKED", "blocked", 0)
    assert [one["message"] for one in shop.rows(ALERTS)] == [
        f"{name} is blocked and waits for a person: security review"
    ]
    for rewritten in ("ESCALATED", "IN_PROGRESS"):
        shop.file.entries[name] = shop.file.entries[name].__class__(
            **{**vars(shop.file.entries[name]), "status": rewritten}
        )
        complete_escalated(estate)
        take_turn(estate)
        assert shop.states.rows[name].status == "blocked"
        assert shop.file.entries[name].status == rewritten
    assert warehouse.made(STOCK) == 0


def test_what_no_rule_fits_stays_and_is_told_once(shop: Shop, warehouse: Warehouse) -> None:
    """Also where the words come from the stream; a new escalation of the same work is told again."""
    name = shop.add("REQ-A-1", "ESCALATED")
    shop.broker.words[name] = Escalation(
        req_number=name,
        presence=Presence.PRESENT,
        text="I am lost",
        published_at=datetime.now(UTC) - timedelta(hours=1),
    )
    estate = shop.estate(**values(warehouse, VIEW))
    for _ in range(2):
        assert complete_escalated(estate) == ({}, {})
    told = f"{name} is escalated and stays so: no rule of workflows.escalated fits: I am lost"
    assert [one["message"] for one in shop.rows(ALERTS)] == [told]
    assert shop.says(name)[0] == "ESCALATED"
    shop.broker.words[name] = Escalation(
        req_number=name, presence=Presence.PRESENT, text="I am lost", published_at=datetime.now(UTC)
    )
    complete_escalated(estate)
    assert len(shop.rows(ALERTS)) == 2


def test_words_that_nobody_can_tell_move_nothing(shop: Shop, warehouse: Warehouse) -> None:
    """With the broker away nobody knows why it was escalated: neither healed, nor blocked, nor told of."""
    name = shop.add("REQ-A-1", "ESCALATED", words="tenant context")
    shop.broker.away = "the broker is away"
    assert complete_escalated(shop.estate(**values(warehouse, TENANT))) == ({}, {})
    assert (shop.says(name)[0], shop.rows(ALERTS)) == ("ESCALATED", [])


def test_a_component_that_looks_well_is_healed_once_for_each_escalation(shop: Shop, estate: Demo) -> None:
    """The backend answers and has the wrong columns: it is restarted once, and not again for the same words."""
    name = shop.add(
        "REQ-PO-1", "ESCALATED", words='column "purchase_order_no" does not exist', ago=timedelta(minutes=5)
    )
    found = estate.settings()
    wired = shop.estate(
        healing={"allow": ["workflows", "backend"]},
        supervisors=found["supervisors"],
        components={"backend": {**found["components"]["backend"], "depends_on": [], "healthy_delay": "200 ms"}},
        workflows={"escalated": [COLUMN]},
    )
    before = estate.control().process("backend").pid
    healed, ended = complete_escalated(wired)
    assert {one.name for one in (*healed.values(), *ended.values())} == {"Healed"}
    assert shop.says(name) == ("PENDING", "pending", 0)
    after = estate.control().process("backend").pid
    assert after != before
    shop.states.rows[name] = shop.states.rows[name].__class__(
        **{
            **vars(shop.states.rows[name]),
            "file_status": "ESCALATED",
            "status": "blocked",
            "updated_at": datetime.now(UTC) - timedelta(minutes=4),
        }
    )
    shop.file.add(name, "ESCALATED", text='column "purchase_order_no" does not exist')
    healed, _ = complete_escalated(wired)
    assert healed == {}
    assert estate.control().process("backend").pid == after


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"pattern": "(", "block": "x"}, "workflows.escalated.0.pattern: is no pattern: missing ): ("),
        ({"pattern": "a"}, "workflows.escalated.0.component: or block is needed, and not both"),
        ({"pattern": "a", "component": "nowhere"}, "workflows.escalated.0.component: no component is named 'nowhere'"),
        ({"pattern": "a", "block": "x", "action": "y"}, "workflows.escalated.0.block: heals nothing"),
        ({"pattern": r"(a)\1", "block": "x"}, "workflows.escalated.0.pattern: is no pattern: invalid escape sequence"),
    ],
)
def test_a_bad_rule_is_refused_with_its_place(rule: dict[str, Any], told: str) -> None:
    """Which rule, which of its settings, and why; a pattern that could take for ever is none."""
    with pytest.raises(Permanent) as refused:
        parse({"workflows": {"escalated": [rule]}}, source="the test")
    assert told in str(refused.value)
