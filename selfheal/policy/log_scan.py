"""Finds the lines of a piece of log that a pattern fits: the hot path of log-monitor, which its benchmark measures.

All patterns are one machine that runs over the whole piece; only a line in which it stops is looked at by itself. So a
quiet log costs one pass of that machine and one count of its lines (docs/decisions/logs.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfheal.model.log import LONGEST_LINE, LogPattern
from selfheal.policy.log_patterns import Classifier, compiled

_END = b"\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One line that a pattern fits.

    Attributes:
        pattern: the first that fits.
        line: without its end, at most `LONGEST_LINE` bytes.
        cut: whether it is longer.
    """

    pattern: LogPattern
    line: bytes
    cut: bool


class Scanner:
    """Looks for patterns.

    Args:
        patterns: the most specific first.
    """

    def __init__(self, patterns: Sequence[LogPattern]) -> None:
        self._any = compiled(one for pattern in patterns for one in pattern.expressions)
        self._classifier = Classifier(patterns)

    def hits(self, data: bytes | bytearray, begin: int, end: int) -> Iterator[Hit]:
        """The lines of data[begin:end] that a pattern fits; it begins at a line, and its last one may lack its end."""
        search, find, rfind = self._any.search, data.find, data.rfind
        while (found := search(data, begin, end)) is not None:
            at = found.start()
            start = max(rfind(_END, begin, at) + 1, begin)
            stop = find(_END, at, end)
            stop = end if stop < 0 else stop
            line = bytes(data[start : min(stop, start + LONGEST_LINE)])
            pattern = self._classifier.pattern_of(line)
            if pattern is not None:
                yield Hit(pattern=pattern, line=line, cut=stop - start > LONGEST_LINE)
            begin = stop + 1
            if begin >= end:
                return


def long_lines(data: bytes | bytearray, begin: int, end: int) -> int:
    """How many lines of data[begin:end] are longer than what is looked at; it ends with the end of a line."""
    found = 0
    while end - begin > LONGEST_LINE:
        last = data.rfind(_END, begin, begin + LONGEST_LINE + 1)
        if last < 0:
            found += 1
            last = data.find(_END, begin + LONGEST_LINE, end)
            if last < 0:
                return found
        begin = last + 1
    return found
