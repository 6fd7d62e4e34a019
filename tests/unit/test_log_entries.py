"""Where one stands in a container's log, played against an engine that only knows seconds."""

import json
from datetime import UTC, datetime
from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from selfheal.clients.log_entries import Standpoint, of_json, second_of, split_stamp

START = 1_795_900_000
STEPS = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0, 1.7, 5.0, 60.0]), min_size=1, max_size=40)
JITTER = st.lists(st.sampled_from([0.0, 0.0, -0.5, -1.0]), min_size=40, max_size=40)
CUTS = st.lists(st.integers(0, 12), max_size=8)


def stamps(steps: list[float], jitter: list[float]) -> list[str]:
    """Times as the engine writes them: mostly rising, many equal, some a moment earlier than those before."""
    times = [at + more for at, more in zip(accumulate(steps), jitter, strict=False)]
    return [f"{datetime.fromtimestamp(START + 10 + at, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z" for at in times]


def told(entries: list[str], since: int) -> list[tuple[int, str]]:
    """What the engine tells from a second on, in the order of its log."""
    return [(number, stamp) for number, stamp in enumerate(entries) if second_of(stamp) >= since]


@given(STEPS, JITTER, CUTS)
@example([0.0, 0.0, 5.0], [0.0] * 40, [1, 2])  # a reading that breaks off within a second
@example([5.0, 0.0, 5.0], [0.0, -1.0, *[0.0] * 38], [1, 2])  # and before an entry of an earlier one
def test_each_entry_is_taken_once_wherever_the_reading_breaks_off(
    steps: list[float], jitter: list[float], cuts: list[int]
) -> None:
    """After each break the position, as JSON, is all that is left."""
    entries, taken, at = stamps(steps, jitter), list[int](), Standpoint(container="c")
    for many in [*cuts, len(entries)]:
        at = of_json(json.loads(json.dumps(at.as_json())))
        at.begin()
        new = [one for one in told(entries, at.since) if at.is_new(one[1])]
        for number, stamp in new[:many]:
            taken.append(number)
            at.take(stamp)
    assert taken == list(range(len(entries)))
    assert not at.forgotten


def test_what_the_engine_has_thrown_away_is_noticed() -> None:
    """Its rotation took entries that were read, and one that was not: what is newer is read, and the loss is known."""
    entries, at = stamps([0.1] * 30, [0.0] * 30), Standpoint(container="c")
    at.begin()
    for stamp in entries[:20]:
        assert at.is_new(stamp)
        at.take(stamp)
    at = of_json(at.as_json())
    at.begin()
    assert [stamp for stamp in entries[22:] if at.is_new(stamp)] == entries[22:]
    assert at.forgotten


def test_an_entry_is_split_into_its_time_and_its_words() -> None:
    """Also one without words, and one without a time."""
    assert split_stamp(b"2026-11-28T10:00:00.123456789Z FATAL\n") == ("2026-11-28T10:00:00.123456789Z", b"FATAL\n")
    assert split_stamp(b"2026-11-28T10:00:00.123456789Z \n") == ("2026-11-28T10:00:00.123456789Z", b"\n")
    assert split_stamp(b"no time\n") == ("", b"no time\n")
