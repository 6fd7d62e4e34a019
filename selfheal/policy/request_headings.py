"""The headings of a request file: which begin an entry, which may, and which end the one before.

`policy.request_text` asks this for every line of text.
"""

import re
from dataclasses import dataclass

LEVEL = 3
"""Of an entry's heading."""
LONGEST_ID = 100
"""What the tables hold."""

_ATX = re.compile(rb" {0,3}(#{1,6}+)([ \t]++|$)")
_GLUED = re.compile(rb" {0,3}(#{1,6}+)(?=[^#])")
_UNDERLINE = re.compile(rb" {0,3}(=++|-++)[ \t]*+")
_NAMED = re.compile(
    r"(?P<before>[^A-Za-z]{0,40})(?P<id>(?i:REQ)-[\w./-]*+)(?P<mark>[*`~_\])]*+)"
    r"(?P<sep>\s*+[:\uff1a]|\s++[-\u2013\u2014]++(?=\s)|\s|$)"
)
_BEGINS = re.compile(r"[^A-Za-z]{0,40}(?i:REQ)-")
_USUAL = re.compile(r"REQ(?:-[A-Za-z0-9]+)+")
_CLOSING = re.compile(r"(?:^|[ \t])#++$")
_LONGEST_LOOK = 4096
_LEVELS = 4  # three blanks, and the first #


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading.

    Attributes:
        level: 1 to 6.
        id: the request that it names; empty: none.
        title: behind the id.
        certain: it is the heading of an entry; else only if a Status line follows.
        odd: what a person should know of it.
    """

    level: int
    id: str = ""
    title: str = ""
    certain: bool = False
    odd: tuple[str, ...] = ()


def heading_of(body: bytes) -> Heading | None:
    """The heading that this line is, or may be meant to be; None: it is none."""
    if b"#" not in body[:_LEVELS]:
        return None
    if atx := _ATX.match(body):
        return _named(body[atx.end() :], level=len(atx[1]), glued=False)
    if (glued := _GLUED.match(body)) and (found := _named(body[glued.end() :], level=len(glued[1]), glued=True)).id:
        return found
    return None


def underlined(above: bytes, body: bytes) -> Heading | None:
    """The heading that the line above is, if this one underlines it and it names a request."""
    line = _UNDERLINE.fullmatch(body)
    if line is None or above.startswith((b"    ", b"\t")):
        return None
    found = _named(above, level=1 if line[1].startswith(b"=") else 2, glued=False)
    return found if found.id else None


def _named(text: bytes, *, level: int, glued: bool) -> Heading:
    words = text.decode("utf-8", "replace").strip()
    found = _NAMED.match(words)
    if found is None or found["id"].endswith("-") or not found["id"][4:]:
        odd = (f"{words[:80]!r} names no request: no entry",) if _BEGINS.match(words) else ()
        return Heading(level=level, odd=odd)
    title = words[found.end() :].strip()
    if closing := _closing(title):
        title = title[: -len(closing)].strip()
    if found["mark"] or found["before"]:
        title = title.strip("*`~_ ")
    plain = not (found["before"] or found["mark"] or glued)
    return Heading(
        level=level,
        id=found["id"],
        title=title,
        certain=plain and level == LEVEL,
        odd=tuple(_oddities(found, title, level=level, glued=glued)),
    )


def _oddities(found: re.Match[str], title: str, *, level: int, glued: bool) -> list[str]:
    """What is not as usual in a heading that names a request."""
    name, said = found["id"], []
    if level != LEVEL:
        said.append(f"its heading is of level {level}, not {LEVEL}")
    if glued:
        said.append("there is no blank behind the # of its heading")
    if found["before"] or found["mark"]:
        said.append("there is something around its id")
    if not _USUAL.fullmatch(name):
        said.append(f"its id {name[:LONGEST_ID]!r} has an odd form")
    if len(name) > LONGEST_ID:
        said.append(f"its id has {len(name)} characters, more than {LONGEST_ID}")
    if not title:
        said.append("its heading has no title")
    elif found["sep"].strip() not in {":", "\uff1a"}:
        said.append("there is no colon behind its id")
    return said


def _closing(title: str) -> str:
    """The # that close a heading."""
    found = _CLOSING.search(title, max(0, len(title) - _LONGEST_LOOK))
    return found[0] if found else ""
