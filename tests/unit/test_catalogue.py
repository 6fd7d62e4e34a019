"""Workflows among the components: found by name, never listed, and allowed as a whole."""

from datetime import timedelta

import pytest

from selfheal.model.component import Component, ProbeKind
from selfheal.policy.admission import refuse_target
from selfheal.policy.catalogue import Catalogue, is_request
from selfheal.policy.places import place_of

BACKEND = Component(name="backend", target="docker/backend", probe=ProbeKind.CONTAINER)
REQ = "REQ-P0-1767508090235-rpyyv"
CATALOGUE = Catalogue({"backend": BACKEND}, timeout=timedelta(seconds=5))


def test_a_workflow_is_found_and_not_listed() -> None:
    """By its id it is a component with a target of its own; whoever goes through all components never meets it."""
    assert REQ in CATALOGUE
    assert CATALOGUE[REQ].target == f"workflow/{REQ}"
    assert (list(CATALOGUE), len(CATALOGUE)) == (["backend"], 1)
    assert place_of(CATALOGUE[REQ], CATALOGUE, {"workflows"}).group_size == 0


def test_without_a_request_file_there_is_no_workflow() -> None:
    """The same name is unknown then."""
    assert Catalogue({}, timeout=None).get(REQ) is None


@pytest.mark.parametrize(
    "name", ["", "REQ-", "REQ-A.>", "REQ-A/../B", "req-a-1", "REQ-A\n", "REQ-A B", "REQ-" + "A" * 97]
)
def test_only_the_id_of_a_request_is_one(name: str) -> None:
    """What could be a wildcard, a path or two lines is no request."""
    assert not is_request(name)
    assert CATALOGUE.get(name) is None


def test_all_workflows_are_allowed_by_one_name_or_not_at_all() -> None:
    """The allow-list does not name them one by one; a component that is allowed allows no workflow."""
    refused = refuse_target(REQ, CATALOGUE, frozenset({"backend"}))
    assert refused is not None
    assert refused.reason.endswith("add 'workflows', which stands for all of its kind, to healing.allow")
    assert refuse_target(REQ, CATALOGUE, frozenset({"workflows"})) is None
    assert refuse_target("backend", CATALOGUE, frozenset({"workflows"})) is not None
