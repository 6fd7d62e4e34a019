"""What two lines of the same error have in common: the line with its volatile words masked, and the hash of that."""

import hashlib
import re

LONGEST_MESSAGE = 500
"""Characters of a line that its signature is made of, and that are kept."""

_MASKS = (
    (re.compile(r"\x1b\[[0-9;]*[A-Za-z]"), ""),
    (re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\bREQ(?:-[A-Z0-9]+)+(?:-[a-z0-9]+)?\b"), "<request>"),
    (
        re.compile(
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
            r"|\b\d\d?:\d\d:\d\d(?:[.,]\d+)?"
        ),
        "<time>",
    ),
    (re.compile(r"\b\d\d?/[A-Z][a-z]{2}/\d{4}|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?=\d|[A-Z])"), "<time>"),
    (re.compile(r"""'[^'\n]{0,200}'|"[^"\n]{0,200}"|`[^`\n]{0,200}`"""), "<quoted>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?::\d+)?|\[[0-9a-fA-F:]{2,}\](?::\d+)?"), "<address>"),
    (re.compile(r"(?<![\w/])(?:/[\w.@%+~-]+){2,}/?"), "<path>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<hex>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,}\b"), "<hex>"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def masked(line: str) -> str:
    """The line with its times, numbers, ids, addresses, paths and quotes masked."""
    text = line[:LONGEST_MESSAGE]
    for form, instead in _MASKS:
        text = form.sub(instead, text)
    return text.strip()


def signature(pattern: str, line: str) -> str:
    """The identity of the error: 32 hexadecimal digits, other ones for another pattern."""
    return hashlib.sha256(f"{pattern}\n{masked(line)}".encode("utf-8", "replace")).hexdigest()[:32]


def signature_of_rest(pattern: str) -> str:
    """The identity of all errors of a pattern for which there are too many others already."""
    return hashlib.sha256(f"{pattern}\nrest".encode()).hexdigest()[:32]
