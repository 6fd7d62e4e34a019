"""What a log says: where its lines come from, what is looked for in them, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

LONGEST_LINE = 8 * 1024
"""Bytes of a line that are looked at; what is behind is cut, and the cut is counted."""


class LogSeverity(StrEnum):
    """How bad an error is; as in `system_errors`."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


@dataclass(frozen=True, kw_only=True)
class LogPattern:
    """What is looked for. A line is one event, of the first pattern that fits.

    Attributes:
        name: e.g. `nats-refused`.
        expressions: RE2, in any case of ASCII letters; one of them fits.
        severity: of the error.
        threshold: so many lines within the window raise a trigger, or tell a person.
        tells: whether nothing mends it, so that a person is told.
    """

    name: str
    expressions: tuple[str, ...]
    severity: LogSeverity
    threshold: int
    tells: bool = False


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """One log that is followed.

    Attributes:
        name: as in the settings.
        component: whose log it is.
        file: its path; empty: the log of `container`.
        container: Docker's name of the container; empty: `file` is followed.
        suspects: by the pattern's name, the component that is looked at; without an entry the log's own.
        from_start: whether the lines are read that were there before it was first looked at.
    """

    name: str
    component: str
    file: str = ""
    container: str = ""
    suspects: Mapping[str, str] = field(default_factory=dict)
    from_start: bool = False

    def suspect(self, pattern: str) -> str:
        """The component to be looked at."""
        return self.suspects.get(pattern, self.component)


@dataclass(frozen=True, kw_only=True)
class LogRules:
    """What is looked for, and how patiently.

    Attributes:
        patterns: the most specific first.
        window: lines count for so long.
    """

    patterns: tuple[LogPattern, ...]
    window: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class LogError:
    """Lines of one pattern and signature, taken together.

    Attributes:
        pattern: its name.
        signature: of the line with its volatile words masked.
        line: the first of them, as it stood there, without secrets.
        count: how many.
        cut: whether the line is longer than what is looked at.
    """

    pattern: str
    signature: str
    line: str
    count: int
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class LogGap:
    """Lines that are lost to us: nobody can count them.

    Attributes:
        kind: TRUNCATED (emptied before it was read to its end), REPLACED (another file bears its name, and the earlier
            one is nowhere), FORGOTTEN (Docker has thrown away what was not read).
        detail: where, and how much at least, for a person.
    """

    kind: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class LogTaken:
    """What was taken from one log since its position was last committed.

    Attributes:
        lines: how many.
        bytes: the same in bytes.
        cut: lines that are longer than what is looked at.
        errors: what was found in them.
        gaps: what was found to be lost.
    """

    lines: int = 0
    bytes: int = 0
    cut: int = 0
    errors: tuple[LogError, ...] = ()
    gaps: tuple[LogGap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LogReached:
    """A pattern that has reached its threshold.

    Attributes:
        pattern: which.
        errors: of it, since the last commit.
        counted: its lines in the window for which nothing was raised yet.
    """

    pattern: LogPattern
    errors: tuple[LogError, ...]
    counted: int

    @property
    def worst(self) -> LogError:
        """The most frequent one."""
        return max(self.errors, key=lambda one: one.count)


@dataclass(frozen=True, kw_only=True)
class LogStanding:
    """How far one log was read, as it was committed.

    Attributes:
        version: counts the commits: who holds an older one was overtaken.
        position: the reader's own, as JSON; None: never looked at.
    """

    version: int = 0
    position: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class LogStep:
    """What is committed as one.

    Attributes:
        before: where it went on from.
        position: how far the log was read, as JSON.
        taken: what was found on the way.
        behind: bytes that were there and not read yet.
    """

    before: LogStanding
    position: Mapping[str, object]
    taken: LogTaken
    behind: int = 0
