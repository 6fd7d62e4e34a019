"""Which lines a pattern fits, what identifies an error, and what is cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.model.log import LONGEST_LINE, LogPattern, LogSeverity
from selfheal.policy.log_patterns import REFERENCE, compiled
from selfheal.policy.log_scan import Scanner, long_lines
from selfheal.policy.log_signature import signature
from selfheal.policy.log_tally import Tally
from selfheal.ports.logs import LogPiece

SCANNER = Scanner(REFERENCE)
WORDS = st.sampled_from(
    [b"FATAL", b"panic", b"heap", b"out of memory", b"JavaScript", b"NATS", b"connection", b"refused", b"ECONNREFUSED",
     b":4222", b":5432", b"database", b"failed", b"spawn", b"Error: ", b"ENOENT", b"module not found", b"x" * 5000,
     b"\xff\xfe", b" ", b"\r", b"\x00", b"\n", b"\n", b"\n"]
)  # fmt: skip


def found(text: bytes) -> list[tuple[str, bytes]]:
    return [(hit.pattern.name, hit.line) for hit in SCANNER.hits(text, 0, len(text))]


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "heap"),
        ("error: connect ECONNREFUSED 127.0.0.1:5432 (database connection failed)", "database-refused"),
        ("Error: connect ECONNREFUSED 10.0.0.1:4222", "nats-refused"),
        ("NatsError: CONNECTION_REFUSED", "nats-refused"),
        ("nats: the connection was refused", "nats-refused"),
        ("Error: OWNER_REQUESTS.md not found in /srv", "request-file-missing"),
        ("Error: Cannot find module 'express'", "module-missing"),
        ("Error: spawn claude ENOENT", "spawn-enoent"),
        ("uncaughtException: TypeError", "uncaught"),
        ("panic: runtime error", "fatal"),
        ("OWNER_REQUESTS-md not found", None),
        ("connect ECONNREFUSED 127.0.0.1:6379", None),
        ("the database connection is well", None),
    ],
)
def test_a_line_is_of_the_most_specific_pattern(line: str, pattern: str | None) -> None:
    """In any case of letters, also between other lines."""
    for told in (line, line.lower(), line.upper()):
        names = [name for name, _ in found(f"before\n{told}\nafter\n".encode())]
        assert names == ([pattern] if pattern else [])


@given(st.lists(WORDS, max_size=40).map(b"".join))
def test_it_finds_the_lines_that_each_line_by_itself_has(text: bytes) -> None:
    """One machine over the whole piece tells the same as a look at every line up to 8 KiB, whatever the bytes."""
    lines = text.split(b"\n")
    each = [line[:LONGEST_LINE] for line in lines if any(_fits(line[:LONGEST_LINE], one) for one in REFERENCE)]
    assert [line for _, line in found(text)] == each
    assert long_lines(text, 0, len(text)) == sum(len(line) > LONGEST_LINE for line in lines)


def _fits(line: bytes, pattern: LogPattern) -> bool:
    return any(re.search(one.encode(), line, re.IGNORECASE) for one in pattern.expressions)


@pytest.mark.parametrize(
    ("expression", "why"),
    [("(", "missing"), ("a*", "every line"), ("x|", "every line"), (r"\Afatal", r"\^ and \$"), (r"(?<=a)b", "invalid")],
)
def test_what_is_no_pattern_is_refused(expression: str, why: str) -> None:
    """With the reason; so is what would fit every line."""
    with pytest.raises(ValueError, match=why):
        compiled([expression])


def test_a_pattern_of_ones_own_is_bound_to_its_line() -> None:
    """Begin and end of a line mean that; a class that would take the end of a line does not reach the next one."""
    own = [LogPattern(name=str(n), expressions=(one,), severity=LogSeverity.ERROR, threshold=1)
           for n, one in enumerate(("^begin", "end$", "a[^x]*b", "größe"))]  # fmt: skip
    scanner, text = Scanner(own), "no begin\nbegin\nthe end\nend not\na\nb\na-b\nGrÖße\ngröße\n".encode()
    assert [hit.line.decode() for hit in scanner.hits(text, 0, len(text))] == ["begin", "the end", "a-b", "größe"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-28T10:00:00.123Z FATAL job 17 failed", "2026-11-29T23:59:59Z FATAL job 4711 failed"),
        ("FATAL 10.0.0.1:4222 said no", "FATAL 192.168.7.9:4223 said no"),
        ("FATAL id 123e4567-e89b-42d3-a456-426614174000", "FATAL id 00000000-0000-4000-8000-00000000000f"),
        ("FATAL cannot open '/srv/a b' at 0xdeadbeef", 'FATAL cannot open "x" at 0x1'),
        ("FATAL REQ-STRATEGIC-AUTO-1767045901871 stuck", "FATAL REQ-I18N-CHINESE-1766892755203 stuck"),
        ("FATAL in /usr/lib/node/a.js:10:3", "FATAL in /opt/app/dist/main.js:7:21"),
        ("[28/Nov/2026:10:00:00 +0000] FATAL", "[01/Dec/2026:10:00:00 +0000] FATAL"),
    ],
)
def test_lines_that_differ_in_volatile_words_are_one_error(one: str, other: str) -> None:
    """Times, numbers, ids, addresses, quotes, requests and paths are masked."""
    assert signature("fatal", one) == signature("fatal", other)


def test_other_errors_have_other_signatures() -> None:
    """Other words, or the same of another pattern."""
    assert signature("fatal", "FATAL disk full") != signature("fatal", "FATAL disk gone")
    assert signature("fatal", "FATAL disk full") != signature("heap", "FATAL disk full")


def test_a_piece_adds_up() -> None:
    """Lines, bytes, cuts and errors; the beginning of a line that is too long is one line."""
    tally = Tally(SCANNER)
    text = b"FATAL a 1\nfine\nFATAL a 2\n" + b"x" * 9000 + b"\n"
    tally.add(LogPiece(data=text, end=len(text)))
    tally.add(LogPiece(data=b"FATAL b " + b"y" * LONGEST_LINE, end=LONGEST_LINE + 1, open=True))
    taken = tally.taken()
    assert (taken.lines, taken.cut, taken.bytes) == (5, 2, len(text) + LONGEST_LINE + 1)
    assert [(one.count, one.cut) for one in sorted(taken.errors, key=lambda one: one.count)] == [(1, True), (2, False)]


HARMLESS = """\
INFO  connection to database established, 0 failed checks
INFO  nats: connected to nats://127.0.0.1:4222
INFO  module loader: all modules found
INFO  memory: 120 MB of 2048 MB used, heap 80 MB
WARN  retry 1 of 5: the peer refused once
INFO  spawned worker 17 (claude)
INFO  reading OWNER_REQUESTS.md, found 42 entries
DEBUG nothing was lost, nothing failed
"""


def test_ordinary_lines_are_no_errors() -> None:
    """An hour of them raises nothing."""
    assert found(HARMLESS.encode() * 100) == []
