"""How `selfheal approvals show` writes what is no text."""

import json

from console import approvals


def test_what_is_no_text_is_json() -> None:
    """A program reads what Docker said of a container as JSON, not as Python writes it; text is left as it is."""
    inspected = {"state": {"Running": True, "Error": None}, "program": "caf\u00e9"}
    rows = approvals._pairs("evidence", {"state": "container RUNNING", "inspect": inspected}).rows
    told = {row["name"]: str(row["detail"]) for row in rows}
    assert told["state"] == "container RUNNING"
    assert json.loads(told["inspect"]) == inspected
    assert "caf\u00e9" in told["inspect"]
