"""Adds up what is found in the pieces of one log, until it is committed."""

from collections.abc import Sequence
from functools import lru_cache

from selfheal.model.log import LONGEST_LINE, LogError, LogGap, LogTaken
from selfheal.policy.log_scan import Hit, Scanner, long_lines
from selfheal.policy.log_signature import LONGEST_MESSAGE, signature, signature_of_rest
from selfheal.ports.logs import LogPiece

MOST_ERRORS = 500
"""Different errors between two commits; those beyond are taken together, one for each pattern."""
_BYTES = 4 * LONGEST_MESSAGE
"""Of a line, so many hold as many characters as are kept."""
_signature = lru_cache(maxsize=4096)(signature)


class Tally:
    """What was taken since the last commit; begins empty.

    Args:
        scanner: finds the lines.
    """

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._errors: dict[tuple[str, str], tuple[str, int, bool]] = {}
        self.lines = self.bytes = self.cut = self.hits = 0

    def add(self, piece: LogPiece) -> None:
        """Count its lines, and those that a pattern fits."""
        data, end = piece.data, piece.end
        self.bytes += end
        self.lines += data.count(b"\n", 0, end) + piece.open
        self.cut += (end > LONGEST_LINE) if piece.open else long_lines(data, 0, end)
        for hit in self._scanner.hits(data, 0, end):
            self._note(hit)

    def taken(self, gaps: Sequence[LogGap] = ()) -> LogTaken:
        """All of it."""
        errors = tuple(
            LogError(pattern=pattern, signature=key, line=line, count=count, cut=cut)
            for (pattern, key), (line, count, cut) in sorted(self._errors.items())
        )
        return LogTaken(lines=self.lines, bytes=self.bytes, cut=self.cut, errors=errors, gaps=tuple(gaps))

    def _note(self, hit: Hit) -> None:
        self.hits += 1
        name = hit.pattern.name
        line = hit.line[:_BYTES].decode("utf-8", "replace").rstrip("\r")
        key = (name, _signature(name, line))
        if key not in self._errors and len(self._errors) >= MOST_ERRORS:
            key = (name, signature_of_rest(name))
        first, count, cut = self._errors.get(key, (line, 0, hit.cut))
        self._errors[key] = (first, count + 1, cut or hit.cut)
