"""How fast logs are searched: ours beside ripgrep, SEC and fail2ban-regex, on one core, with the eight patterns.

Ours is what log-monitor runs: the reader of files, the search, the count of lines and the grouping by signature; only
the database is left out. Before a figure counts, the hits are compared with those of `grep -aiE`.
"""

import contextlib
import os
import random
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.case import Case
from benchmarks.rounds import alternate
from selfheal.clients.log_file import LogFile
from selfheal.model.errors import Permanent
from selfheal.policy.log_patterns import REFERENCE
from selfheal.policy.log_scan import Scanner
from selfheal.policy.log_tally import Tally

EXPRESSIONS = tuple(one for pattern in REFERENCE for one in pattern.expressions)
_MEGA = 1_000_000
_LIMIT_S = 600
_BLOCK = 20 * _MEGA
_ERRORS_IN = 1000
"""Of so many lines one is an error."""
_ORDINARY = (
    "{at} INFO  [orchestrator] stage {n} of REQ-STRATEGIC-AUTO-{id} handed to roy in {ms} ms",
    "{at} DEBUG nats: published agog.deliverables.jen.frontend.REQ-{id} ({n} bytes, acknowledged in {ms} ms)",
    "{at} INFO  GET /api/graphql 200 {ms}ms user={hex} trace={hex}{hex}",
    "{at} INFO  heartbeat ok connections={n} heap={n}MB/{ms}MB uptime={id}s",
    "{at} WARN  retrying request {hex} to http://agents-backend:4000/health after {ms} ms",
    "{at} INFO  module loader: {n} modules resolved, cache {hex}",
    "{at} INFO  database pool: {n} idle, {n} active, waited {ms} ms",
    '{{"level":"info","time":"{at}","msg":"query finished","rows":{n},"ms":{ms},"trace":"{hex}{hex}"}}',
    '10.0.{n}.17 - - [{at}] "POST /api/workflows/{id} HTTP/1.1" 201 {ms} "-" "node-fetch/1.0"',
)
_ERRORS = (
    "{at} ERROR NatsError: CONNECTION_REFUSED",
    "{at} ERROR connect ECONNREFUSED 127.0.0.1:4222",
    "{at} FATAL: terminating connection due to administrator command",
    "{at} Error: Cannot find module 'express-{hex}'",
    "{at} FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
    "{at} ERROR OWNER_REQUESTS.md not found at /srv/{hex}",
    "{at} Error: spawn claude ENOENT",
    "{at} uncaughtException: TypeError: x is undefined ({hex})",
    "{at} ERROR database primary: connection to 10.0.0.1 failed after {ms} ms",
)


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much there is.

    Attributes:
        large: bytes for us and ripgrep.
        small: bytes for the slow ones.
        rounds: figures of each side.
    """

    large: int
    small: int
    rounds: int


FULL = Load(large=200 * _MEGA, small=5 * _MEGA, rounds=7)
QUICK = Load(large=20 * _MEGA, small=_MEGA // 2, rounds=3)


def logs(*, quick: bool) -> list[Case]:
    """Each case whose other side is installed; fails where our hits are not those of grep."""
    load = QUICK if quick else FULL
    core = min(os.sched_getaffinity(0))
    with _one_core(core), _scratch() as folder:
        large, small = folder / "large.log", folder / "small.log"
        _write(large, load.large)
        _write(small, load.small)
        for path in (large, small):
            _right(path)
        wanted = (
            ("ripgrep", large, ["rg", "-j1", "-aic", "-f", str(_rg_patterns(folder)), str(large)], "rg"),
            ("sec", small, ["sec", f"--conf={_sec_rules(folder)}", f"--input={small}", "--notail"], "sec"),
            (
                "fail2ban",
                small,
                ["fail2ban-regex", "--no-check-all", str(small), str(_fail2ban_filter(folder))],
                "fail2ban-regex",
            ),
        )
        return [
            _beside(name, path, command, rounds=load.rounds)
            for name, path, command, program in wanted
            if shutil.which(program)
        ]


def _beside(name: str, path: Path, command: list[str], *, rounds: int) -> Case:
    """One comparison on one file, by processor time: the machine may have other work."""
    size = path.stat().st_size / _MEGA
    sides: dict[str, Callable[[], float]] = {
        "ours": lambda: size / _took(resource.RUSAGE_SELF, lambda: _ours(path)),
        name: lambda: size / _took(resource.RUSAGE_CHILDREN, lambda: _run(command)),
    }
    found = alternate(sides, rounds=rounds, what=name)
    other = f"{command[0]} on the same file of {size:.1f} MB and the same core, by processor time from start to end"
    return Case(name=name, unit="MB/s", ours=found["ours"], other=found[name], what_other=other)


def _ours(path: Path) -> Tally:
    """As log-monitor reads it, up to the commit."""
    reader, tally = LogFile(path, from_start=True), Tally(Scanner(REFERENCE))
    reader.resume(None)
    for piece in reader.pieces():
        tally.add(piece)
    reader.position()
    reader.close()
    return tally


def _right(path: Path) -> None:
    """Our hits are grep's."""
    expressions = [word for one in EXPRESSIONS for word in ("-e", one)]
    found = subprocess.run(
        ["grep", "-aicE", *expressions, str(path)],  # noqa: S607 - whichever is on the path
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
        timeout=_LIMIT_S,
    )
    tally, lines = _ours(path), int(found.stdout)
    grouped = sum(one.count for one in tally.taken().errors)
    if not tally.hits == grouped == lines:
        raise Permanent(f"grep finds {lines} lines of {path.name}, we find {tally.hits} and group {grouped}")


def _took(whose: int, work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    before = resource.getrusage(whose)
    work()
    after = resource.getrusage(whose)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, check=True, timeout=_LIMIT_S)


def _write(path: Path, size: int) -> None:
    """Lines of an agent platform, an error among them now and then; the same ones in every run."""
    draw = random.Random(7)  # noqa: S311 - no secret
    block = bytearray()
    while len(block) < min(size, _BLOCK):
        form = draw.choice(_ERRORS if draw.randrange(_ERRORS_IN) == 0 else _ORDINARY)
        line = form.format(
            at=f"2026-11-28T{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}.{draw.randrange(1000):03}Z",
            n=draw.randrange(500),
            id=draw.randrange(10**12),
            ms=draw.randrange(3000),
            hex=f"{draw.getrandbits(32):08x}",
        )
        block += line.encode() + b"\n"
    with path.open("wb") as log:
        for _ in range(max(1, round(size / len(block)))):
            log.write(block)


def _rg_patterns(folder: Path) -> Path:
    path = folder / "patterns"
    path.write_text("".join(f"{one}\n" for one in EXPRESSIONS))
    return path


def _sec_rules(folder: Path) -> Path:
    """A rule for each pattern, the most specific first; the first that fits a line ends it."""
    path = folder / "sec.rules"
    rules = [
        f"type=Single\nptype=RegExp\npattern=(?i){'|'.join(f'(?:{one})' for one in pattern.expressions)}\n"
        f"desc={pattern.name}\naction=none\n"
        for pattern in REFERENCE
    ]
    path.write_text("\n".join(rules))
    return path


def _fail2ban_filter(folder: Path) -> Path:
    """One expression for each pattern, the most specific first; what fits is the id that it asks for."""
    path = folder / "patterns.conf"
    lines = [f"(?i)<F-ID>(?:{'|'.join(pattern.expressions)})</F-ID>" for pattern in REFERENCE]
    indented = "\n            ".join(one.replace("%", "%%") for one in lines)
    path.write_text(f"[Definition]\nfailregex = {indented}\n")
    return path


@contextlib.contextmanager
def _one_core(core: int) -> Iterator[None]:
    """All sides on the same one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="selfheal-logs-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
