"""`python -m benchmarks NAME [--json] [--quick]`: runs one benchmark; exit 2 for a name that does not exist."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from benchmarks.admission import admission
from benchmarks.case import Case, line, table
from benchmarks.reaction import reaction
from selfheal.model.errors import SelfhealError
from selfheal.policy.names import nearest

BENCHMARKS: Mapping[str, Callable[..., list[Case]]] = {"admission": admission, "reaction": reaction}
FINE, FAILED, WRONG_USAGE, TERMINATED = 0, 1, 2, 143


def main(words: Sequence[str] | None = None) -> int:
    """Run one benchmark and print what it found; gives the exit code."""
    options = _parsed(words)
    if options.name not in BENCHMARKS:
        sys.stderr.write(f"benchmarks: no benchmark is named {options.name!r}{nearest(options.name, BENCHMARKS)}\n")
        return WRONG_USAGE
    try:
        cases = BENCHMARKS[options.name](quick=options.quick)
    except (SelfhealError, TimeoutError) as error:
        sys.stderr.write(f"benchmarks: {options.name}: {error}\n")
        return FAILED
    sys.stdout.write(f"{table(cases)}\n")
    if options.json:
        sys.stdout.write(f"{line(options.name, cases)}\n")
    return FINE


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: shows that it runs, not a figure")
    return parser.parse_args(words)


def _leave(_number: int, _frame: object) -> NoReturn:
    """A stop from outside unwinds like Ctrl-C, so that servers and folders are taken away."""
    sys.exit(TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main())
