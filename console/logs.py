"""`selfheal logs`: how far each log was read, what was found in it, and a trial of the patterns on a file."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, show
from console.place import Output, Place

if TYPE_CHECKING:
    from selfheal.settings.log_monitor import LogMonitor
    from selfheal.store.reading.logs import LogView

LOGS = ("log", "component", "place", "lines", "hits", "behind_bytes", "cut", "gaps", "read_at", "trouble", "last_gap")
PATTERNS = ("log", "pattern", "hits", "threshold", "last_at")
LINES = ("line", "pattern", "severity", "signature", "text")
SHOWN = 200
"""Of so many lines that a pattern fits, `test` shows the words; the rest is counted."""


def logs(
    do: Annotated[
        Literal["list", "test"],
        Parameter(help="list, or test: which lines of a file the patterns fit; needs no stack."),
    ] = "list",
    file: Annotated[str, Parameter(help="test: the file.")] = "",
    /,
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List the logs, or try the patterns."""
    if (do == "test") != bool(file):
        wrong = "test needs a file" if do == "test" else "list takes no file"
        raise WrongUsage(wrong, hint="like `selfheal logs test /var/log/backend/app.log`")
    settings = place.settings().log_monitor
    return _test(Path(file), settings, output) if do == "test" else _list(place, settings, output)


def _list(place: Place, settings: "LogMonitor", output: Output) -> int:
    """How far each log was read, and what was found in it."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast
    from selfheal.store.reading.logs import LogViews  # noqa: PLC0415  the same

    with database_of(place) as database:
        views = LogViews(database.engine)
        found, counts = views.logs(settings.window), views.counts(settings.window)
    thresholds = {pattern.name: pattern.threshold for pattern in settings.rules().patterns}
    rows = [_log(one, followed=one.source in settings.sources) for one in found]
    hits: list[Mapping[str, Cell]] = [
        {
            "log": one.source,
            "pattern": one.pattern,
            "hits": one.hits,
            "threshold": thresholds.get(one.pattern),
            "last_at": one.last_at,
        }
        for one in counts
    ]
    sections = [
        Section(name="logs", columns=LOGS, rows=rows, when_empty="no log was followed yet: see log_monitor.sources"),
        Section(name="patterns", columns=PATTERNS, rows=hits, when_empty="nothing was found within the window"),
    ]
    show(sections, output=output, facts={"window_s": round(settings.window.total_seconds())})
    return FINE


def _log(one: "LogView", *, followed: bool) -> Mapping[str, Cell]:
    return {
        "log": one.source,
        "component": one.component,
        "place": one.place,
        "lines": one.lines,
        "hits": one.hits,
        "behind_bytes": one.behind,
        "cut": one.cut,
        "gaps": one.gaps,
        "read_at": one.read_at,
        "trouble": one.trouble or (None if followed else "not followed: no setting names it"),
        "last_gap": one.last_gap or None,
    }


def _test(file: Path, settings: "LogMonitor", output: Output) -> int:
    """Which lines of a file which pattern fits, as log-monitor would count them."""
    counted: Counter[str] = Counter()
    lines, rows = 0, list[Mapping[str, Cell]]()
    for lines, row in _hits(file, settings):  # noqa: B007  the last number is how many there are
        if row is not None:
            counted[str(row["pattern"])] += 1
            if len(rows) < SHOWN:
                rows.append(row)
    facts: dict[str, Cell] = {"lines": lines, "hits": counted.total()}
    facts |= dict(counted.most_common())
    if counted.total() > len(rows):
        facts["shown"] = len(rows)
    show([Section(name="hits", columns=LINES, rows=rows, when_empty="no line fits")], output=output, facts=facts)
    return FINE


def _hits(file: Path, settings: "LogMonitor") -> Iterator[tuple[int, Mapping[str, Cell] | None]]:
    """The number of each line, and what fits it."""
    from selfheal.logs import without_secrets  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.errors import Permanent  # noqa: PLC0415  the same
    from selfheal.model.log import LONGEST_LINE  # noqa: PLC0415  the same
    from selfheal.policy.log_scan import Scanner  # noqa: PLC0415  the same
    from selfheal.policy.log_signature import LONGEST_MESSAGE, signature  # noqa: PLC0415  the same

    scanner = Scanner(settings.rules().patterns)
    try:
        with file.open("rb") as opened:
            for number, line in enumerate(_begun(opened, LONGEST_LINE + 1), start=1):
                begun = line.rstrip(b"\n")
                hit = next(iter(scanner.hits(begun, 0, len(begun))), None)
                if hit is None:
                    yield number, None
                    continue
                words = hit.line.decode("utf-8", "replace").rstrip("\r")[:LONGEST_MESSAGE]
                yield (
                    number,
                    {
                        "line": number,
                        "pattern": hit.pattern.name,
                        "severity": hit.pattern.severity.value,
                        "signature": signature(hit.pattern.name, words),
                        "text": without_secrets(words),
                    },
                )
    except OSError as error:
        raise Permanent(f"cannot read {file}: {error.strerror}") from error


def _begun(opened: BinaryIO, most: int) -> Iterator[bytes]:
    """The beginning of each line: a file may be one line of any length."""
    while begun := opened.readline(most):
        rest = begun
        while rest and not rest.endswith(b"\n"):
            rest = opened.readline(1 << 20)
        yield begun
