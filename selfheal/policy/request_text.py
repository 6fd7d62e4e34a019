"""The request file as text: what it says, and the one line of it that a change of status touches.

Pure: `clients.request_file` brings the bytes and takes them. Any bytes are read; what is ambiguous is reported and
never guessed (docs/decisions/request-file.md says what is tolerated).
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from selfheal.model.errors import TargetChanged
from selfheal.model.request import Entry, Oddity, Reading, RequestStatus
from selfheal.policy.request_blocks import Block, Blocks
from selfheal.policy.request_fields import field_of, priority_of
from selfheal.policy.request_headings import LONGEST_ID
from selfheal.policy.request_lines import Kind, Lines, raw_lines

_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read_requests(data: bytes, *, read_at: datetime) -> Reading:
    """What these bytes say. Never raises; the time grows with their number and no faster.

    Args:
        data: the whole file.
        read_at: aware UTC time.
    """
    blocks = Blocks(data)
    places: dict[str, list[int]] = defaultdict(list)
    says: dict[str, list[str]] = defaultdict(list)
    for block in blocks.entries:
        places[block.heading.id].append(block.line)
        says[block.heading.id] += block.said
    torn = {one.heading.id for one in blocks.entries if len(one.said) > 1}
    oddities = (*blocks.oddities, *_encoding(data), *_alike(places), *_priorities(blocks.entries))
    return Reading(
        entries=tuple(_entry(one, data) for one in blocks.entries),
        duplicates={name: tuple(lines) for name, lines in places.items() if len(lines) > 1},
        conflicts={name: tuple(said) for name, said in says.items() if name in torn or len(set(said)) > 1},
        oddities=tuple(sorted(oddities, key=lambda one: one.line)),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        read_at=read_at,
    )


def certain_entry(reading: Reading, req_number: str, expected: Collection[str]) -> Entry:
    """The one entry of this id that says one of these, and whose status can be written.

    Raises:
        TargetChanged: there is none.
    """
    lines = [one.line for one in reading.entries if one.id == req_number]
    entry = reading.entry(req_number)
    if entry is None:
        said = f"stands there {len(lines)} times" if lines else "is not in the request file"
        raise TargetChanged(f"{req_number[:100]} {said}: not written")
    if req_number in reading.conflicts or entry.status_line is None:
        raise TargetChanged(f"{req_number} has no one Status line that is certain (line {entry.line}): not written")
    if entry.status not in expected:
        said = " or ".join(sorted(expected))[:100]
        raise TargetChanged(f"{req_number} says {entry.status[:100]}, no longer {said}: not written")
    return entry


def with_status(data: bytes, entry: Entry, status: RequestStatus) -> bytes:
    """The same bytes with the status word of this entry replaced, and nothing else.

    What stands behind the word (a remark, trailing blanks, the end of the line) stays, also where it no longer fits.

    Raises:
        TargetChanged: the entry has no one Status line, or it does not stand there in these bytes.
    """
    line = next((one for one in Lines(data) if one.number == entry.status_line), None)
    found = field_of(line.body) if line is not None and line.kind is Kind.TEXT else None
    if line is None or found is None or (found.key, found.value) != ("status", entry.status):
        raise TargetChanged(f"{entry.id[:LONGEST_ID]} has no one Status line that says {entry.status[:100]!r}")
    return data[: line.start + found.begin] + status.value.encode() + data[line.start + found.end :]


def _entry(block: Block, data: bytes) -> Entry:
    """The block as everybody else knows it; a status that is not certain is none."""
    said = block.said
    one = block.stated[0] if len(block.stated) == 1 and len(said) == 1 else None
    writable = one is not None and one[1].value and not block.doubtful and len(block.heading.id) <= LONGEST_ID
    return Entry(
        id=block.heading.id,
        title=block.heading.title,
        status=said[0] if len(set(said)) == 1 else "",
        priority=priority_of(block.texts.get("priority", ""))[0],
        owner=block.texts.get("owner", ""),
        line=block.line,
        status_line=one[0] if one is not None and writable else None,
        text=data[block.start : block.end].decode("utf-8", "replace"),
    )


def _priorities(blocks: list[Block]) -> Iterator[Oddity]:
    for block in blocks:
        if odd := priority_of(block.texts.get("priority", ""))[1]:
            yield Oddity(line=block.line, what=odd, id=block.heading.id)


def _alike(places: Mapping[str, list[int]]) -> Iterator[Oddity]:
    """Ids that differ in nothing but the case of their letters: two requests, or one that somebody mistyped."""
    names: dict[str, str] = {}
    for name, lines in places.items():
        first = names.setdefault(name.upper(), name)
        if first != name:
            what = (
                f"its id differs from {first[:LONGEST_ID]} in line {places[first][0]} only in the case of its letters"
            )
            yield Oddity(line=lines[0], what=what, id=name)
        elif not name.startswith("REQ-"):
            yield Oddity(line=lines[0], what="its id is not in capital letters", id=name)


def _encoding(data: bytes) -> Iterator[Oddity]:
    """What is no plain UTF-8 text."""
    if data.startswith(_WIDE):
        yield Oddity(line=1, what="it seems to be UTF-16, which is not read; write it as UTF-8")
        return
    if b"\x00" in data:
        yield Oddity(line=_line_at(data, data.index(b"\x00")), what="a NUL byte")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        yield Oddity(line=_line_at(data, error.start), what="bytes that are no UTF-8")


def _line_at(data: bytes, place: int) -> int:
    return sum(1 for _, start, _ in raw_lines(data) if start <= place)
