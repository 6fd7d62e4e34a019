"""The request file as text: what counts as what, and that a change of status is one word."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from request_files import HAZARDS, hazards, req_id, request_file, request_files

from selfheal.model.errors import TargetChanged
from selfheal.model.request import Entry, Reading, RequestStatus
from selfheal.policy.request_text import read_requests, with_status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def read(text: str | bytes) -> Reading:
    return read_requests(text if isinstance(text, bytes) else text.encode(), read_at=NOON)


def one(text: str) -> Entry:
    """The only entry of this text."""
    (found,) = read(text).entries
    return found


def odd(text: str) -> str:
    """All oddities of this text in one line."""
    return "; ".join(f"{said.line}: {said.what}" for said in read(text).oddities)


def test_a_usual_file_is_read_without_a_word() -> None:
    """Every form of id, CJK and emoji, and a block that describes the format: no oddity, nothing missing."""
    reading = read(request_file(60))
    assert [entry.id for entry in reading.entries] == [req_id(number) for number in range(60)]
    assert (reading.oddities, reading.duplicates, reading.conflicts) == ((), {}, {})
    assert (reading.entries[1].title, reading.entries[1].status) == ("采购订单的中文翻译", "IN_PROGRESS")
    assert (reading.entries[1].owner, reading.entries[1].priority) == ("sarah", "P1")
    lines = request_file(60).decode().split("\n")
    assert all(lines[entry.line - 1].startswith(f"### {entry.id}: ") for entry in reading.entries)
    assert all(lines[(entry.status_line or 0) - 1] == f"**Status**: {entry.status}" for entry in reading.entries)


def test_every_end_of_line_is_the_same_to_it() -> None:
    """CRLF, a lone CR, a mark of UTF-8 at the beginning and no end at the end change nothing of what is read."""
    usual = request_file(5)
    for other in (
        usual.replace(b"\n", b"\r\n"),
        usual.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + usual,
        usual.rstrip(b"\n-"),
    ):
        same = read(other)
        assert [(entry.id, entry.status, entry.line) for entry in same.entries] == [
            (entry.id, entry.status, entry.line) for entry in read(usual).entries
        ]
        assert same.oddities == ()


def test_what_real_files_show_is_read_or_reported() -> None:
    """The hazards of one file: each is an entry, a duplicate, a conflict or an oddity, as the page decides."""
    reading = read(hazards())
    assert set(reading.duplicates) == {"REQ-TWICE-1"}
    assert reading.conflicts == {"REQ-TWICE-1": ("NEW", "COMPLETE"), "REQ-TWO-1": ("NEW", "COMPLETE")}
    shown = {"REQ-SHOWN-1", "REQ-SHOWN-2", "REQ-HIDDEN-1", "REQ-QUOTED-1"}
    assert not shown & {entry.id for entry in reading.entries}
    assert shown <= {oddity.id for oddity in reading.oddities}
    assert reading.entry("REQ-FREE-1").priority == "P0"  # type: ignore[union-attr]
    assert len(reading.entries) == 2 + 1 + len(HAZARDS) - 5


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("**Status**: NEW", "NEW"),
        ("**Status:** IN_PROGRESS", "IN_PROGRESS"),
        ("- **Status**: BLOCKED", "BLOCKED"),
        ("* **Status:**\tPENDING\t ", "PENDING"),
        ("1. **Status**: NEW", "NEW"),
        ("   **Status**: NEW", "NEW"),
        ("__Status__: NEW", "NEW"),
        ("**STATUS** : NEW", "NEW"),
        ("**Status: NEW**", "NEW"),
        ("**Status**\uff1aNEW", "NEW"),
        ("**Status**: **COMPLETE**", "COMPLETE"),
        ("**Status**: `COMPLETE`", "COMPLETE"),
        ("**Status**: COMPLETE (2025-12-30, was BLOCKED)", "COMPLETE"),
        ("**Status**: COMPLETE - 2025-12-30", "COMPLETE"),
        ("**Status**: COMPLETE\uff08已完成\uff09", "COMPLETE"),
        ("**Status**: COMPLETE ✅", "COMPLETE"),
        ("**Status**: NEW <!-- IN_PROGRESS soon -->", "NEW"),
    ],
)
def test_forms_that_mean_the_same(line: str, status: str) -> None:
    """Each is read as that status, without an oddity, and can be written: the word changes and nothing else."""
    text = f"### REQ-A-1: a\n\n{line}\n**Owner**: x\n"
    entry = one(text)
    assert (entry.status, entry.status_line, odd(text)) == (status, 3, "")
    written = with_status(text.encode(), entry, RequestStatus.DEFERRED).decode()
    assert written == text.replace(line, re.sub(rf"(?<![A-Z_]){status}", "DEFERRED", line, count=1))


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("**Status**: in_progress", "IN_PROGRESS", "'in_progress' is read as IN_PROGRESS"),
        ("**Status**: In Progress", "IN_PROGRESS", "read as IN_PROGRESS"),
        ("**status**: Complete", "COMPLETE", "read as COMPLETE"),
        ("**Status**: ✅ COMPLETE", "COMPLETE", "something before the status"),
        ("**Status**: COMPLETED", "COMPLETED", "'COMPLETED' is no status"),
        ("**Status**: DONE", "DONE", "no status"),
        ("**Status**: NEW | PENDING", "NEW | PENDING", "no status"),
        ("**Status**: ~~NEW~~ COMPLETE", "~~NEW~~ COMPLETE", "no status"),
        ("**Status**: PENDING APPROVAL", "PENDING APPROVAL", "no status"),
        ("**Status**: IN_PROGRESS -> BLOCKED", "IN_PROGRESS -> BLOCKED", "no status"),
        ("**Status**: NEW-ish", "NEW-ish", "no status"),
    ],
)
def test_forms_that_are_read_and_reported(line: str, status: str, said: str) -> None:
    """Each has its one line, which can be written over, and a person is told what is odd about it."""
    text = f"### REQ-A-1: a\n{line}  \r\nend"
    entry = one(text)
    assert (entry.status, entry.status_line) == (status, 2)
    assert said in odd(text)
    before, _, after = with_status(text.encode(), entry, RequestStatus.FAILED).decode().partition("FAILED")
    assert text.startswith(before)
    assert after == "  \r\nend"


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        ("", "", "it has no Status line"),
        ("**Status: Title", "", "broken Status line: 'Title'"),
        ("**Status: IN_PROGRESS", "IN_PROGRESS", "broken Status line"),
        ("**Status** NEW", "NEW", "broken Status line"),
        ("**Status**:", "", "its status is empty"),
        ("Status: NEW", "NEW", "without bold letters"),
        ("*Status*: NEW", "NEW", "without bold letters"),
        ("Status: the owner says it is new", "", "it has no Status line"),
        ("    **Status**: NEW", "", "indented"),
        ("\t**Status**: NEW", "", "indented"),
        ("> **Status**: NEW", "", "it has no Status line"),
        ("| **Status** | NEW |", "", "it has no Status line"),
        ("**Current Status**: NEW", "", "it has no Status line"),
        ("**Status**: NEW\n**Status**: NEW", "NEW", "a second Status line; the first is line 2"),
        ("**Status**: NEW\n\n**Status**: BLOCKED", "", "a second Status line"),
        ("**Status**: NEW\n**Status: BLOCKED", "", "broken"),
    ],
)
def test_what_is_not_one_status_line_is_never_written(lines: str, status: str, said: str) -> None:
    """What is not certain is told, and no status of that entry is written."""
    text = f"### REQ-A-1: a\n{lines}\n"
    entry = one(text)
    assert (entry.status, entry.status_line) == (status, None)
    assert said in odd(text)
    with pytest.raises(TargetChanged, match="no one Status line"):
        with_status(text.encode(), entry, RequestStatus.NEW)


def test_a_good_line_stands_beside_a_broken_one_that_says_nothing_else() -> None:
    """`**Status: Title` beside a Status line is an oddity; one that holds another status makes a conflict."""
    fine = read("### REQ-A-1: a\n**Status: Title\n**Status**: NEW\n")
    assert (fine.entries[0].status, fine.entries[0].status_line, fine.conflicts) == ("NEW", 3, {})
    torn = read("### REQ-A-1: a\n**Status: BLOCKED\n**Status**: NEW\n")
    assert (torn.entries[0].status_line, torn.conflicts) == (None, {"REQ-A-1": ("NEW", "BLOCKED")})


@pytest.mark.parametrize(
    ("heading", "name", "title", "said"),
    [
        ("### REQ-A-1: a", "REQ-A-1", "a", ""),
        ("   ###   REQ-A-1:a  ###  ", "REQ-A-1", "a", ""),
        ("### REQ-A-1\uff1a标题", "REQ-A-1", "标题", ""),
        ("### REQ-A-1", "REQ-A-1", "", "no title"),
        ("### REQ-A-1:", "REQ-A-1", "", "no title"),
        ("### REQ-A-1 - a", "REQ-A-1", "a", "no colon"),
        ("### REQ-A-1 a", "REQ-A-1", "a", "no colon"),
        ("## REQ-A-1: a", "REQ-A-1", "a", "level 2"),
        ("##### REQ-A-1: a", "REQ-A-1", "a", "level 5"),
        ("###REQ-A-1: a", "REQ-A-1", "a", "no blank behind the #"),
        ("### **REQ-A-1: a**", "REQ-A-1", "a", "around its id"),
        ("### **REQ-A-1**: a", "REQ-A-1", "a", "around its id"),
        ("### ✅ REQ-A-1: a", "REQ-A-1", "a", "around its id"),
        ("### 3. [REQ-A-1]: a", "REQ-A-1", "a", "around its id"),
        ("### req-a-1: a", "req-a-1", "a", "not in capital letters"),
        ("### REQ-A_1.b: a", "REQ-A_1.b", "a", "odd form"),
        ("### REQ-Ä-1: a", "REQ-Ä-1", "a", "odd form"),
        ("REQ-A-1: a\n======", "REQ-A-1", "a", "level 1"),
        ("REQ-A-1: a\n---", "REQ-A-1", "a", "level 2"),
    ],
)
def test_headings_that_begin_an_entry(heading: str, name: str, title: str, said: str) -> None:
    """Each is one, and what is odd about it is told."""
    text = f"{heading}\n**Status**: NEW\n"
    entry = one(text)
    assert (entry.id, entry.title, entry.status, entry.line) == (name, title, "NEW", 1)
    assert said in odd(text)
    assert bool(said) == bool(odd(text))
    assert with_status(text.encode(), entry, RequestStatus.FAILED).decode() == text.replace(": NEW", ": FAILED")


@pytest.mark.parametrize(
    "heading",
    [
        "### REQ-<PREFIX>-<NUM>: <Title>",
        "### REQ-{id}: a",
        "### REQ-",
        "### REQ-A-: a",
        "### [REQ-A-1](https://host/1): a",
        "### Notes on REQ-A-1: a",
        "    ### REQ-A-1: a",
        "\t### REQ-A-1: a",
        "> ### REQ-A-1: a",
        "####### REQ-A-1: a",
        "# Requests",
        "```\n### REQ-A-1: a\n```",
        "~~~ md\n### REQ-A-1: a\n```\n~~~",
        "  ````md\n### REQ-A-1: a\n```\n````",
        "- text\n    ```\n    ### REQ-A-1: a\n    ```",
        "<!-- ### REQ-A-1: a -->",
        "<!--\n### REQ-A-1: a\n\n-->",
    ],
)
def test_headings_that_begin_none(heading: str) -> None:
    """None is an entry, also with a Status line behind it; a person is told of that line."""
    text = f"{heading}\n**Status**: NEW\n"
    assert read(text).entries == ()
    assert odd(text)


def test_a_status_behind_another_heading_is_nobodys() -> None:
    """A section ends an entry; a heading below the entry's level does not."""
    ends = read("### REQ-A-1: a\n## Section\n**Status**: NEW\n")
    assert (ends.entries[0].status_line, ends.entries[0].status) == (None, "")
    inside = read("### REQ-A-1: a\n#### Notes on it\n**Status**: NEW\n")
    assert inside.entries[0].status_line == 3


def test_a_heading_of_the_entry_itself_is_a_part_of_it() -> None:
    """`#### REQ-A-1: notes` inside of REQ-A-1, without a status of its own, is told and makes no second entry."""
    reading = read("### REQ-A-1: a\n**Status**: NEW\n#### REQ-A-1: notes\nwords\n### REQ-B-1: b\n**Status**: NEW\n")
    assert [entry.id for entry in reading.entries] == ["REQ-A-1", "REQ-B-1"]
    assert reading.entries[0].text.endswith("words\n")
    assert reading.duplicates == {}
    assert "no entry" in reading.oddities[0].what


@pytest.mark.parametrize("opening", ["```", "~~~ md", "<!-- note", "````"])
def test_what_never_closes_hides_nothing_and_lets_nothing_be_written(opening: str) -> None:
    """Behind a fence or comment without an end the entries are read, and none of them can be written."""
    text = f"### REQ-A-1: a\n**Status**: NEW\n\n{opening}\n\n### REQ-B-1: b\n**Status**: NEW\n"
    first, second = read(text).entries
    assert (first.status_line, second.status, second.status_line) == (2, "NEW", None)
    assert "never ends" in odd(text)


def test_the_same_id_twice() -> None:
    """Its lines are told; where it says two things that is a conflict too; nothing is guessed."""
    same = read("### REQ-A-1: a\n**Status**: NEW\n### REQ-A-1: b\n**Status**: NEW\n")
    assert (same.duplicates, same.conflicts, same.entry("REQ-A-1")) == ({"REQ-A-1": (1, 3)}, {}, None)
    torn = read("### REQ-A-1: a\n**Status**: NEW\n### REQ-A-1: b\n**Status**: BLOCKED\n")
    assert (set(torn.duplicates), torn.conflicts) == ({"REQ-A-1"}, {"REQ-A-1": ("NEW", "BLOCKED")})
    near = read("### REQ-A-1: a\n**Status**: NEW\n### REQ-a-1: b\n**Status**: BLOCKED\n")
    assert near.duplicates == {}
    assert "only in the case of its letters" in near.oddities[0].what


def test_ids_beyond_what_the_tables_hold_are_never_written() -> None:
    """100 characters are fine, 101 are odd, a million do no harm."""
    for length, line in ((100, 2), (101, None), (1_000_000, None)):
        text = f"### REQ-{'A' * (length - 4)}: a\n**Status**: NEW\n"
        assert (len(one(text).id), one(text).status_line) == (length, line)
        assert ("characters" in odd(text)) == (line is None)


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        ("P0", "P0"), ("p2", "P2"), ("CATASTROPHIC (P0)", "P0"), ("P1 - urgent", "P1"), ("critical", "critical"),
        ("P4", "P4"), ("P0 or P1", "P0 or P1"), ("XP0", "XP0"), ("", ""), ("P0/P0", "P0"),
    ],
)  # fmt: skip
def test_a_priority_is_named_or_told_as_it_is(said: str, priority: str) -> None:
    """P0 to P3 anywhere in it, if it names one; fields stand in any order."""
    text = f"### REQ-A-1: a\n**Priority**: {said}\n- **Owner:** `marcus`\n**Business Value**: much\n**Status**: NEW\n"
    assert (one(text).priority, one(text).owner, one(text).status_line) == (priority, "marcus", 5)
    assert bool(odd(text)) == (said == "P0 or P1")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"### REQ-A-1: \xff\xfe\n**Status**: NEW\n", "no UTF-8"),
        (b"### REQ-A-1: a\x00b\n**Status**: NEW\n", "a NUL byte"),
        ("### REQ-A-1: a\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_text_is_told(data: bytes, said: str) -> None:
    """With its line; what can be read is read."""
    assert said in read(data).oddities[0].what
    json.dumps([entry.title for entry in read(data).entries]).encode()


BIG = 40_000
HEAVY = {
    "one line": b"a" * (400 * BIG),
    "empty lines": b"\n" * BIG,
    "hashes": b"#" * (10 * BIG),
    "blanks": b" " * (10 * BIG) + b"x",
    "fences that never close": b"```a\n" * BIG,
    "fences of two lengths": b"``` \n````a\n" * (BIG // 4),
    "comments that never close": b"<!--\n" * BIG,
    "comments in one line": b"<!---->" * BIG,
    "openings in one line": b"<!--" * BIG,
    "brackets behind a status": b"### REQ-1: a\n**Status**: NEW " + b"[" * (5 * BIG),
    "CJK brackets": b"### REQ-1: a\n**Status**: NEW " + "\uff08".encode() * BIG,
    "an endless id": b"### REQ-" + b"A-" * BIG,
    "bold marks": b"### REQ-1: a\n**Status: " + b" " * BIG + b"**" * BIG,
    "closing hashes": b"### REQ-1: a" + b" #" * BIG,
    "deep quotations": b"> " * BIG,
    "deep lists": b"- " * BIG + b"**Status**: NEW",
    "one id again and again": b"### REQ-1: a\n**Status**: NEW\n" * (BIG // 20),
    "zeroes": b"\x00" * (10 * BIG),
    "no UTF-8": b"\xff" * (10 * BIG),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("data", HEAVY.values(), ids=HEAVY)
def test_no_bytes_take_longer_than_their_number(data: bytes) -> None:
    """What is made to slow a reader down is read all the same, long before this test is ended for its time."""
    reading = read(data)
    assert reading.size == len(data)


@given(st.one_of(st.binary(max_size=300), request_files()))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_are_read(data: bytes) -> None:
    """No exception, nothing that is no JSON, and every line that is named exists."""
    reading = read(data)
    lines = len(re.findall(rb"\r\n?|\n", data)) + 1
    assert all(1 <= oddity.line <= lines for oddity in reading.oddities)
    assert all(1 <= entry.line <= lines for entry in reading.entries)
    json.dumps([(entry.id, entry.title, entry.status, entry.owner, entry.text) for entry in reading.entries]).encode()


@given(request_files(), st.sampled_from(RequestStatus))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_writing_a_status_changes_exactly_that_line(data: bytes, status: RequestStatus) -> None:
    """For any file of the grammar and its hazards: one line, one word of it, and nothing else is read otherwise."""
    reading = read(data)
    for entry in reading.entries:
        if entry.status_line is None:
            continue
        written = with_status(data, entry, status)
        old, new = (re.split(rb"(\r\n?|\n)", one) for one in (data, written))
        changed = [number for number, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
        assert changed in ([], [2 * (entry.status_line - 1)])
        after = read(written)
        now = next(one for one in after.entries if one.line == entry.line)
        assert (now.status, now.status_line) == (status.value, entry.status_line)
        others = [(one.id, one.line, one.title, one.owner) for one in reading.entries]
        assert [(one.id, one.line, one.title, one.owner) for one in after.entries] == others
        if reading.entry(entry.id) is not None and entry.id not in reading.conflicts:
            statuses = [(one.id, one.status) for one in reading.entries if one.line != entry.line]
            assert [(one.id, one.status) for one in after.entries if one.line != entry.line] == statuses


def test_an_entry_of_other_bytes_is_not_written() -> None:
    """The file has changed since it was read: its line says something else, or is another's."""
    entry = one("### REQ-A-1: a\n**Status**: NEW\n")
    for other in (b"### REQ-A-1: a\n**Status**: BLOCKED\n", b"", b"```\n**Status**: NEW\n```\n"):
        with pytest.raises(TargetChanged):
            with_status(other, entry, RequestStatus.FAILED)
