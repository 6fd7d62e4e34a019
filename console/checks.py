"""How `doctor` runs its checks: each in a thread of its own, all bounded by one time-out.

A check is a function that returns what is well, or raises `Problem`.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfheal.model.errors import SelfhealError

WITHIN_S = 8.0


class Problem(SelfhealError):
    """What a check found wrong, and what to do about it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of `doctor`.

    Attributes:
        check: its name.
        ok: whether all is well.
        said: what was found.
        what_to_do: empty when all is well.
    """

    check: str
    ok: bool
    said: str
    what_to_do: str = ""


def run(checks: Mapping[str, Callable[[], str]], *, within_s: float = WITHIN_S) -> Sequence[Finding]:
    """All findings, in the order of the checks; one that does not end in time is a problem of its own."""
    findings: dict[str, Finding] = {}
    threads = {
        name: threading.Thread(target=_run_one, args=(name, check, findings), daemon=True)
        for name, check in checks.items()
    }
    for thread in threads.values():
        thread.start()
    end = time.monotonic() + within_s
    for name, thread in threads.items():
        thread.join(max(end - time.monotonic(), 0.0))
        findings.setdefault(name, _too_slow(name, within_s))
    return [findings[name] for name in checks]


def _run_one(name: str, check: Callable[[], str], findings: dict[str, Finding]) -> None:
    try:
        said = check()
    except SelfhealError as error:
        finding = Finding(check=name, ok=False, said=error.message, what_to_do=error.hint)
    except Exception as error:  # noqa: BLE001 - whatever is broken on this machine must not stop the other checks
        finding = Finding(check=name, ok=False, said=f"{type(error).__name__}: {error}", what_to_do="tell us about it")
    else:
        finding = Finding(check=name, ok=True, said=said)
    findings.setdefault(name, finding)


def _too_slow(name: str, within_s: float) -> Finding:
    return Finding(
        check=name,
        ok=False,
        said=f"no answer within {within_s:g} s",
        what_to_do="see whether the process behind it is frozen (`selfheal status`, its log)",
    )
