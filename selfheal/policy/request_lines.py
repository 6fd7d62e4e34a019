"""The lines of a request file: which are text, and which are only shown: fenced blocks, comments, quotations.

`policy.request_text` reads entries from what this gives. Any bytes are taken, in a time that grows with their number
and no faster. Lines end with LF, CRLF or a lone CR, as Markdown has it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n?|\n)|[^\r\n]++\Z")
_FENCE = re.compile(rb"[ \t]{0,100}+(`{3,}+|~{3,}+)([^\r\n]*+)")
_QUOTE = re.compile(rb" {0,3}>")
_COMMENT = re.compile(rb" {0,3}<!--")
_OPEN, _CLOSE = b"<!--", b"-->"
_FENCES = (b"`", b"~")
_FAR = 100
"""Blanks before a fence; what is further right is none."""
_INLINE = re.compile(rb"(?s)<!--.*?-->")


class Kind(StrEnum):
    """What a line is."""

    TEXT = "text"
    FENCED = "fenced block"
    COMMENT = "comment"
    QUOTED = "quotation"


class Line(NamedTuple):
    """One line.

    Attributes:
        number: from 1.
        start: where it begins in the file, in bytes.
        body: without its end; comments in it are blanks, so that each place in it is the same place in the file.
        kind: what it is.
        doubtful: it stands behind a fence or comment that is never closed: whether it is text, nobody can tell.
    """

    number: int
    start: int
    body: bytes
    kind: Kind
    doubtful: bool


class Lines:
    """Goes through the lines once.

    Afterwards `unclosed` tells the line of the first fence, and of the first comment, that never closes: what is behind
    it is read all the same, and is doubtful.

    Args:
        data: the file.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._closers = _Closers(data)
        self.unclosed: dict[Kind, int] = {}

    def __iter__(self) -> Iterator[Line]:
        """All lines, in order."""
        fence, hidden_until = b"", 0
        for number, start, raw in raw_lines(self._data):
            kind, body, doubtful = Kind.TEXT, raw, bool(self.unclosed)
            if fence:
                kind = Kind.FENCED
                fence = b"" if _closes(raw, fence) else fence
            elif start < hidden_until:
                ends = start + len(raw) >= hidden_until
                kind = Kind.TEXT if ends else Kind.COMMENT
                body = _blanked(raw, hidden_until - start) if ends else raw
            elif (begins := raw[:_FAR].lstrip(b" \t")[:1]) == b">" and _QUOTE.match(raw):
                kind = Kind.QUOTED
            elif begins in _FENCES and (mark := _opens(raw)):
                if self._closers.closes(mark, behind=start):
                    fence, kind = mark, Kind.FENCED
                else:
                    self.unclosed.setdefault(Kind.FENCED, number)
            elif _OPEN in raw:
                hidden_until = self._hidden(number, start, raw)
                kind = Kind.COMMENT if hidden_until > start + len(raw) else Kind.TEXT
                body = _without_comments(raw)
            yield Line(number=number, start=start, body=body, kind=kind, doubtful=doubtful)

    def _hidden(self, number: int, start: int, body: bytes) -> int:
        """Until where a comment hides what follows, if one begins this line and does not end in it."""
        if not _COMMENT.match(body) or _CLOSE in body[body.index(_OPEN) :]:
            return 0
        end = -1 if Kind.COMMENT in self.unclosed else self._data.find(_CLOSE, start)
        if end < 0:
            self.unclosed.setdefault(Kind.COMMENT, number)
            return 0
        return end + len(_CLOSE)


def raw_lines(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, beginning and body of every line; the mark of UTF-8 at the beginning is no part of the first."""
    begin = len(BOM) if data.startswith(BOM) else 0
    for number, found in enumerate(_LINE.finditer(data, begin), 1):
        yield number, found.start(), found[0].rstrip(b"\r\n")


class _Closers:
    """Where fences may close: of each character the longest that is still to come."""

    def __init__(self, data: bytes) -> None:
        bare: dict[bytes, list[tuple[int, int]]] = {b"`": [], b"~": []}
        for _, start, body in raw_lines(data) if b"```" in data or b"~~~" in data else ():
            if body[:_FAR].lstrip(b" \t")[:1] in _FENCES and (found := _FENCE.fullmatch(body)) and not found[2].strip():
                bare[found[1][:1]].append((start, len(found[1])))
        self._starts = {mark: [start for start, _ in places] for mark, places in bare.items()}
        self._longest = {mark: _longest_from(places) for mark, places in bare.items()}

    def closes(self, mark: bytes, *, behind: int) -> bool:
        """Whether a fence like this closes somewhere behind a place."""
        char = mark[:1]
        place = bisect_left(self._starts[char], behind + 1)
        return place < len(self._starts[char]) and self._longest[char][place] >= len(mark)


def _longest_from(places: list[tuple[int, int]]) -> list[int]:
    longest, so_far = [0] * len(places), 0
    for index in range(len(places) - 1, -1, -1):
        so_far = longest[index] = max(so_far, places[index][1])
    return longest


def _opens(body: bytes) -> bytes:
    """The fence that this line opens; empty: none. What stands in backticks within a line is no fence."""
    found = _FENCE.match(body)
    if found is None or (found[1].startswith(b"`") and b"`" in found[2]):
        return b""
    return found[1]


def _closes(body: bytes, fence: bytes) -> bool:
    found = _FENCE.fullmatch(body)
    return found is not None and found[1].startswith(fence) and not found[2].strip()


def _without_comments(body: bytes) -> bytes:
    """The line with blanks for the comments that end in it."""
    end = body.rfind(_CLOSE) + len(_CLOSE)  # up to here every comment is closed: nothing is looked for in vain
    return _INLINE.sub(lambda found: b" " * len(found[0]), body[:end]) + body[end:] if end >= len(_CLOSE) else body


def _blanked(body: bytes, until: int) -> bytes:
    """The line with blanks for its beginning."""
    until = min(until, len(body))
    return b" " * until + body[until:]
