"""The patterns that are looked for in logs, and how they are compiled.

The lines are a stranger's: RE2 runs in linear time. Everything is bytes: a log may be of any encoding, or of none. A
letter of ASCII is met in either case.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import re2

from selfheal.model.log import LogPattern, LogSeverity

_ACROSS = re.compile(r"(?<!\\)(?:\\\\)*\\([AzZ])")

REFERENCE = (
    LogPattern(
        name="heap",
        expressions=("heap out of memory", "JavaScript heap", "allocation failed"),
        severity=LogSeverity.CRITICAL,
        threshold=1,
    ),
    LogPattern(
        name="database-refused",
        expressions=("database.*connection.*failed", "ECONNREFUSED.*543[0-9]"),
        severity=LogSeverity.CRITICAL,
        threshold=3,
    ),
    LogPattern(
        name="nats-refused",
        expressions=("ECONNREFUSED.*422[0-9]", "NATS.*connection.*refused", "NatsError: CONNECTION_REFUSED"),
        severity=LogSeverity.CRITICAL,
        threshold=3,
    ),
    LogPattern(
        name="request-file-missing",
        expressions=(r"OWNER_REQUESTS\.md not found",),
        severity=LogSeverity.CRITICAL,
        threshold=5,
    ),
    LogPattern(
        name="module-missing",
        expressions=("cannot find module", "module not found"),
        severity=LogSeverity.ERROR,
        threshold=5,
    ),
    LogPattern(
        name="spawn-enoent",
        expressions=("Error: spawn.*ENOENT", "spawnSync .*ENOENT"),
        severity=LogSeverity.ERROR,
        threshold=3,
        tells=True,
    ),
    LogPattern(
        name="uncaught",
        expressions=("uncaughtException", "unhandledRejection"),
        severity=LogSeverity.ERROR,
        threshold=10,
        tells=True,
    ),
    LogPattern(
        name="fatal",
        expressions=("FATAL", "PANIC", "out of memory"),
        severity=LogSeverity.CRITICAL,
        threshold=1,
    ),
)
"""The eight of the reference estate, the most specific first."""


def compiled(expressions: Iterable[str]) -> Any:
    """One machine that finds any of these in bytes, never beyond the end of a line.

    Raises:
        ValueError: one is none, or fits every line; says why.
    """
    parts = [_checked(one) for one in expressions]
    return _machine("|".join(f"(?m:{one})" for one in parts))


class Classifier:
    """Tells of one line which pattern fits it, in one pass for all of them.

    Args:
        patterns: the most specific first.
    """

    def __init__(self, patterns: Sequence[LogPattern]) -> None:
        self._set = re2.Set.SearchSet(_options())
        self._of: list[LogPattern] = []
        for pattern in patterns:
            for one in pattern.expressions:
                self._set.Add(one.encode())
                self._of.append(pattern)
        self._set.Compile()
        self._rank = {pattern.name: rank for rank, pattern in enumerate(patterns)}

    def pattern_of(self, line: bytes) -> LogPattern | None:
        """The most specific one; None: none fits."""
        fitting = (self._of[number] for number in self._set.Match(line) or ())
        return min(fitting, key=lambda one: self._rank[one.name], default=None)


def _checked(expression: str) -> str:
    """The expression by itself, so that its own mistake is told and not one of the whole."""
    if found := _ACROSS.search(expression):
        raise ValueError(f"is no pattern of a line: use ^ and $ in place of \\{found[1]}")
    if _machine(expression).search(b"") is not None:
        raise ValueError("fits an empty line, and so every line: say what must stand there")
    return expression


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_nl = True
    options.never_capture = True
    return options


def _machine(expression: str) -> Any:
    try:
        return re2.compile(expression.encode(), _options())
    except re2.error as error:
        said = error.args[0]
        raise ValueError(f"is no pattern: {said.decode() if isinstance(said, bytes) else said}") from None
