"""One line of an entry: is it its status, its owner, its priority, and which word is it exactly?

`policy.request_text` calls this for every line of text. What is tolerated as the same thing, and what is only told of,
stands in docs/decisions/request-file.md.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from selfheal.model.request import RequestStatus

_COLON = rb"(?::|\xef\xbc\x9a)"
_BULLET = rb"(?:[-*+][ \t]++|\d{1,3}[.)][ \t]++)?+"
_KEY = rb"(?P<key>(?i:status|owner|priority))(?![A-Za-z0-9])"
_GOOD = re.compile(
    rb" {0,3}" + _BULLET + rb"(?P<mark>\*\*\*|\*\*|__)[ \t]*+" + _KEY + rb"[ \t]*+"
    rb"(?:(?P=mark)[ \t]*+" + _COLON + rb"|" + _COLON + rb"[ \t]*+(?P=mark))"
)
_WITHIN = re.compile(
    rb" {0,3}" + _BULLET + rb"(?P<mark>\*\*\*|\*\*|__)[ \t]*+" + _KEY + rb"[ \t]*+" + _COLON + rb"[ \t]*+"
)
_LIKE = re.compile(rb"[ \t]*+" + _BULLET + rb"(?P<mark>[*_]{0,3}+)[ \t]*+" + _KEY)
_PLAIN = re.compile(rb"[*_]?[ \t]*+" + _COLON + rb"[ \t]*+")
_WORDS = (
    rb"(?P<word>(?i:"
    + b"|".join(one.value.replace("_", "[_ \t-]?").encode() for one in RequestStatus)
    + rb"))(?![A-Za-z0-9_]|-[A-Za-z0-9])"
)
_KNOWN = re.compile(rb"(?P<before>[^A-Za-z0-9]{0,64})" + _WORDS)
_ANOTHER = re.compile(
    rb"(?<![A-Za-z0-9_])(?:" + b"|".join(one.value.encode() for one in RequestStatus) + rb")(?![A-Za-z0-9_])"
)
_REMARKS = {b"(": b")", b"[": b"]", b"\xef\xbc\x88": b"\xef\xbc\x89"}
_MOST_REMARKS = 8
_MARKUP = b" \t*_`["
_MARKUP_BEHIND = b" \t*_`]"
_BEGINNINGS = frozenset(bytes([one]) for one in b"*_-+0123456789sSoOpP")
_FAR = 100
_P = re.compile(r"(?<![A-Za-z0-9])[Pp]([0-3])(?![A-Za-z0-9])")
_INDENTED = re.compile(rb" {0,3}\t| {4}")


class Form(StrEnum):
    """How a line says what it says."""

    GOOD = "good"
    PLAIN = "plain"  # without the bold letters: read where nothing better is there, never written
    BROKEN = "broken"
    INDENTED = "indented"  # Markdown takes it for code


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One line that says something of an entry.

    Attributes:
        key: status, owner or priority.
        form: how.
        value: what it says, without what surrounds it.
        begin: where a status word begins in the line, in bytes.
        end: where it ends.
        known: the value is a status, in its right spelling whatever stands there.
        odd: what a person should know of the value; empty: nothing.
    """

    key: str
    form: Form
    value: str
    begin: int
    end: int
    known: bool = False
    odd: str = ""


def field_of(body: bytes) -> Field | None:
    """What this line says; None: it is none of the three.

    Args:
        body: a line, without its end and with blanks for its comments.
    """
    begins = body[:_FAR].lstrip(b" \t")[:1]
    like = _LIKE.match(body) if begins in _BEGINNINGS else None
    if like is None:
        return None
    key = like["key"].decode().lower()
    if _INDENTED.match(body):
        return _text(key, Form.INDENTED, body, like.end())
    if good := _GOOD.match(body):
        return _value(key, Form.GOOD, body, good.end(), len(body))
    return _not_quite(key, like, body)


def _not_quite(key: str, like: re.Match[bytes], body: bytes) -> Field | None:
    """The field of a line without the usual `**Key**: value`."""
    if within := _WITHIN.match(body):
        closing = body.find(within["mark"], within.end())
        found = _value(key, Form.GOOD, body, within.end(), closing) if closing >= 0 else None
        if found is not None and (key != "status" or found.known):
            return found
        return _value(key, Form.BROKEN, body, within.end(), len(body))
    if len(like["mark"]) > 1:
        return _value(key, Form.BROKEN, body, like.end(), len(body))
    plain = _PLAIN.match(body, like.end())
    return _value(key, Form.PLAIN, body, plain.end(), len(body)) if plain else None


def _value(key: str, form: Form, body: bytes, begin: int, end: int) -> Field | None:
    """The field; a plain one only where it is a status word and nothing else, for prose begins like that too."""
    found = _status(form, body, begin, end) if key == "status" else _text(key, form, body, begin, end)
    return found if form is not Form.PLAIN or found.known else None


def _text(key: str, form: Form, body: bytes, begin: int, end: int | None = None) -> Field:
    begin, end = _trimmed(body, begin, len(body) if end is None else end)
    return Field(key=key, form=form, value=_decoded(body[begin:end]).strip("*`"), begin=begin, end=end)


def _status(form: Form, body: bytes, begin: int, end: int) -> Field:
    """The status word within the line, or all that stands there if that is no status."""
    begin, end = _trimmed(body, begin, end)
    found = _KNOWN.match(body, begin, end)
    if found is None or _goes_on(body[found.end() : end]):
        said = _decoded(body[begin:end])
        odd = f"{said[:100]!r} is no status" if said else "its status is empty"
        return Field(key="status", form=form, value=said, begin=begin, end=end, odd=odd)
    written = found["word"].decode()
    status = re.sub(r"[ \t-]", "_", written).upper()
    status = "IN_PROGRESS" if status == "INPROGRESS" else status
    odd = f"{written!r} is read as {status}" if written != status else ""
    if not odd and found["before"].strip(_MARKUP):
        odd = f"there is something before the status {status}, which a change leaves as it is"
    where = found.span("word")
    return Field(key="status", form=form, value=status, begin=where[0], end=where[1], known=True, odd=odd)


def _goes_on(rest: bytes) -> bool:
    """Whether what stands behind a status word makes another thing of it: more words, or a second status."""
    bare = rest.lstrip(_MARKUP_BEHIND)
    for _ in range(_MOST_REMARKS):
        closing = next((end for begin, end in _REMARKS.items() if bare.startswith(begin)), b"")
        if not closing:
            break
        bare = bare.partition(closing)[2].lstrip(_MARKUP_BEHIND)
    return bare[:1].isalnum() or _ANOTHER.search(bare) is not None


def _trimmed(body: bytes, begin: int, end: int) -> tuple[int, int]:
    value = body[begin:end]
    left = len(value) - len(value.lstrip(b" \t"))
    return begin + left, begin + left + len(value.strip(b" \t"))


def priority_of(text: str) -> tuple[str, str]:
    """P0 to P3 where the text names one, otherwise the text; and what a person should know of it."""
    named = sorted({f"P{found}" for found in _P.findall(text)})
    if len(named) > 1:
        return text, f"its priority names {' and '.join(named)}"
    return (named[0], "") if named else (text, "")


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip()
