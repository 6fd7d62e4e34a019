"""A person's word about one workflow: block, resume, and what is refused."""

import pytest
from workflow_fixtures import Shop, recovery, take_turn

from selfheal.model.deliverable import Result
from selfheal.model.errors import Permanent, TargetChanged
from selfheal.protocol.workflow_word import keep, to_block, to_resume


def test_a_person_blocks_and_resumes(shop: Shop) -> None:
    """File and state follow; it goes on at the first stage that is not done, and the change is a person's."""
    name = shop.add("REQ-A-1")
    shop.broker.said[name] = {0: Result.DONE, 1: Result.REJECTED}
    found = recovery(shop.estate())
    keep(found, to_block(found, name), who="ada", why="wait")
    assert shop.says(name) == ("BLOCKED", "blocked", 0)
    assert take_turn(shop.estate())[2] == {}
    word = to_resume(found, name)
    assert word.words == "REQ-A-1: BLOCKED becomes PENDING at stage 1"
    keep(found, word, who="ada", why="go on")
    assert shop.says(name) == ("PENDING", "pending", 1)
    assert [(one.who, one.why, one.by_person) for one in shop.states.changes] == [
        ("ada", "wait", True),
        ("ada", "go on", True),
    ]


def test_a_word_on_what_has_moved_meanwhile_changes_nothing(shop: Shop) -> None:
    """Its state was moved by somebody else between the look and the word: the file is put back."""
    name = shop.add("REQ-A-1")
    found = recovery(shop.estate())
    word = to_block(found, name)
    shop.states.moved_first.add(name)
    with pytest.raises(TargetChanged, match="was moved by somebody else meanwhile"):
        keep(found, word, who="ada", why="wait")
    assert shop.says(name)[:2] == ("IN_PROGRESS", "running")


def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    """An unknown id with the nearest one, a complete workflow, one that is blocked already, one that is under way."""
    found = recovery(shop.estate())
    shop.add("REQ-A-1", "COMPLETE")
    shop.add("REQ-B-1", "BLOCKED")
    shop.add("REQ-C-1")
    for decide, name, told in (
        (to_block, "REQ-A-2", "is not in the request file; did you mean 'REQ-A-1'"),
        (to_block, "REQ-A-1", "REQ-A-1 is COMPLETE: it cannot be blocked"),
        (to_block, "REQ-B-1", "it cannot be blocked"),
        (to_resume, "REQ-C-1", "REQ-C-1 is IN_PROGRESS: it cannot be resumed"),
    ):
        with pytest.raises(Permanent) as refused:
            decide(found, name)
        assert told in str(refused.value)
