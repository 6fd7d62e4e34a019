"""When a stage is absent: never where anything of its request may be gone. The rule beside a model of a stream."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.deliverable import Presence
from selfheal.model.stream import StoredMessage, StreamLook, StreamState
from selfheal.policy.evidence import MARGIN, ahead, covers, judge, newest
from selfheal.settings.workflows import Workflows

REQ = "REQ-1"
STAGE = Workflows().pipeline().stages[6]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MINE = f"{STAGE.subject}.{REQ}"


def at(minute: int) -> datetime:
    """A time."""
    return BEGIN + timedelta(minutes=minute)


def stream(**changes: object) -> StreamState:
    """One that has all of its ten messages, one a minute."""
    values = {
        "name": STAGE.stream,
        "created": BEGIN,
        "subjects": tuple(f"{one}.>" for one in STAGE.subjects),
        "first_seq": 1,
        "first_at": at(1),
        "last_seq": 10,
        "last_at": at(10),
        "messages": 10,
        "ahead": timedelta(0),
    }
    return StreamState(**(values | changes))  # type: ignore[arg-type]


def presence(look: StreamLook, since: datetime | None) -> tuple[Presence, str]:
    """What is said, and why not."""
    found = judge(STAGE, REQ, since, look)
    return found.presence, found.why


@pytest.mark.parametrize(
    ("changes", "since", "why"),
    [
        ({}, at(5), ""),
        ({}, at(1), ""),
        ({}, BEGIN, "before stream"),
        ({}, None, "nobody knows since when"),
        ({"first_seq": 0, "first_at": None, "last_seq": 0, "last_at": None, "messages": 0}, at(1), ""),
        ({"first_seq": 11, "first_at": None, "messages": 0}, at(5), "has lost all"),
        ({"first_seq": 11, "first_at": None, "messages": 0}, at(20), ""),
        ({"first_seq": 11, "first_at": None, "messages": 0, "last_at": None}, at(20), "has lost all"),
        ({"first_seq": 4, "first_at": at(4), "messages": 7}, at(3), "the first message"),
        ({"first_seq": 4, "first_at": at(4), "messages": 7}, at(5), ""),
        ({"messages": 9}, at(5), "messages were deleted"),
        ({"messages": 9}, at(20), ""),
        ({"peculiar": "is sealed"}, at(5), "is sealed"),
        ({"ahead": timedelta(hours=1)}, at(5), "clock differs from ours by 3600 s"),
        ({"ahead": timedelta(hours=-1)}, at(5), "clock differs"),
        ({"subjects": ("agog.elsewhere.>",)}, at(5), "no stream keeps"),
    ],
)
def test_absent_only_where_all_was_kept(changes: dict[str, object], since: datetime | None, why: str) -> None:
    """Each way to lose something, and the case beside it in which nothing was lost."""
    told, reason = presence(StreamLook(stream=stream(**changes)), since)
    assert (told, bool(reason)) == ((Presence.COULD_NOT_TELL, True) if why else (Presence.ABSENT, False))
    assert why in reason


def test_a_look_that_failed_tells_nothing() -> None:
    """Nor does one for what is no id, or at a stream that does not keep the subject."""
    assert presence(StreamLook(why="the broker is away"), at(5)) == (Presence.COULD_NOT_TELL, "the broker is away")
    assert presence(StreamLook(), at(5))[0] is Presence.COULD_NOT_TELL
    moved = StreamLook(stream=stream(), elsewhere={f"{STAGE.aliases[0]}.{REQ}": "other"})
    assert "is kept by stream other" in presence(moved, at(5))[1]
    found = judge(STAGE, "REQ-1.>", at(5), StreamLook(stream=stream()))
    assert (found.presence, found.why) == (Presence.COULD_NOT_TELL, "it is no id of a request")


def test_what_is_there_is_present_whatever_else_was_lost() -> None:
    """The newest of all subjects counts."""
    old = StoredMessage(stream=STAGE.stream, subject=MINE, sequence=5, stored_at=at(5), data=b"# done")
    new = replace(old, subject=f"{STAGE.aliases[0]}.{REQ}", sequence=7, data=b'{"status": "FAILED"}')
    assert newest([new, old]) is new
    look = StreamLook(stream=stream(first_seq=4, first_at=at(4), messages=7), newest={MINE: old, new.subject: new})
    found = judge(STAGE, REQ, None, look)
    assert found.presence is Presence.PRESENT
    assert found.deliverable is not None
    assert found.deliverable.sequence == 7
    assert not found.done


@pytest.mark.parametrize(
    ("patterns", "subject", "kept"),
    [
        (["a.>"], "a.b.c", True),
        (["a.>"], "a", False),
        (["a.*"], "a.b.c", False),
        (["a.*.c", "x"], "a.b.c", True),
        ([">"], "a", True),
        (["a.b"], "a.b", True),
        ([], "a", False),
        (["a.b.*"], "a.b", False),
    ],
)
def test_wildcards_cover_as_the_broker_has_it(patterns: list[str], subject: str, kept: bool) -> None:  # noqa: FBT001 - a case
    """One token, or all that follow."""
    assert covers(patterns, subject) is kept


def test_the_difference_of_clocks_is_told_within_the_time_of_an_answer() -> None:
    """None where there may be none, the nearest that there must be, and the least after a slow answer."""
    s = timedelta(seconds=1)
    assert ahead(least=-0.5 * s, most=0.1 * s) == 0 * s
    assert ahead(least=30 * s, most=31 * s) == 30 * s
    assert ahead(least=-31 * s, most=-30 * s) == -30 * s
    assert ahead(least=-4 * s, most=0.1 * s) == -4 * s


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A message that was published: when, whether it is of our request, what became of it."""

    minute: int
    mine: bool
    lost: bool
    by_us: bool


@st.composite
def _histories(draw: st.DrawFn) -> list[Stored]:
    """Messages in order of time; any of them may be lost. We ourselves delete only what is another request's."""
    minutes = sorted(draw(st.lists(st.integers(0, 30), max_size=12)))
    stored = []
    for minute in minutes:
        mine, lost = draw(st.booleans()), draw(st.booleans())
        stored.append(Stored(minute=minute, mine=mine, lost=lost, by_us=lost and not mine and draw(st.booleans())))
    return stored


def _look(history: list[Stored]) -> StreamLook:
    """What the broker tells of that."""
    kept = [number for number, one in enumerate(history, start=1) if not one.lost]
    last = len(history)
    first = kept[0] if kept else last + 1
    mine = [number for number in kept if history[number - 1].mine]
    state = stream(
        first_seq=first if history else 0,
        first_at=at(history[first - 1].minute) if kept else None,
        last_seq=last,
        last_at=at(history[-1].minute) if history else None,
        messages=len(kept),
    )
    found = (
        {
            MINE: StoredMessage(
                stream=STAGE.stream,
                subject=MINE,
                sequence=mine[-1],
                stored_at=at(history[mine[-1] - 1].minute),
                data=b"# x",
            )
        }
        if mine
        else {}
    )
    return StreamLook(
        stream=state,
        newest=found,
        deleted=frozenset(number for number in range(first, last + 1) if history[number - 1].lost),
        pruned={number: f"{STAGE.subject}.REQ-2" for number, one in enumerate(history, start=1) if one.by_us},
    )


@given(_histories(), st.integers(1, 30))
def test_the_rule_never_says_absent_of_what_was_lost(history: list[Stored], minute: int) -> None:
    """Whatever was published, expired, purged or pruned: absent means that nothing was delivered since it began."""
    since = at(minute)
    look = _look(history)
    resumes = next(
        (n for n, one in enumerate(history, start=1) if not one.lost and at(one.minute) >= since - MARGIN),
        len(history) + 1,
    )
    told, _ = presence(replace(look, resumes={REQ: resumes}), since)
    delivered = any(one.mine and at(one.minute) >= since for one in history)
    if told is Presence.ABSENT:
        assert not delivered
    if told is Presence.PRESENT:
        assert any(one.mine and not one.lost for one in history)
    if not any(one.lost for one in history) and not any(one.mine for one in history):
        assert told is Presence.ABSENT
