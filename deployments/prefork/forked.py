"""A forked child as its worker sees it: the kernel tells its end and its exit code, through a file descriptor."""

import asyncio
import os
import signal
from collections.abc import Collection


class Forked:
    """One child of ours; Prefect's `ProcessHandle` takes it for a process."""

    def __init__(self, pid: int) -> None:
        """Take over a child that nobody else waits for.

        Raises:
            ProcessLookupError: it is none, or has been collected.
        """
        self.pid = pid
        self.returncode: int | None = None
        """Negative: the signal that ended it."""
        self._descriptor = os.pidfd_open(pid)
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._descriptor, self._collect)

    def _collect(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        if not self._ended.done():
            self._ended.set_result(None)

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        await asyncio.shield(self._ended)
        return self.returncode or 0

    def end(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it has started, unless it has ended."""
        if self.returncode is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # it has no group of its own yet
                os.kill(self.pid, number)


Dead = tuple[int, int]
"""Process id of a child that has ended, and the clock tick at which it had begun."""


def bury(before: Collection[Dead]) -> set[Dead]:
    """Collect the children that had ended at the last look and that nobody has waited for since; gives those of now.

    Whom somebody waits for is collected within moments. The rest was left to us, a subreaper, by what runs had started,
    in whatever session; or it is a child that never said its process id.
    """
    found = {(listed, began) for listed in _children() if (began := _ended(listed)) is not None}
    for one in found & set(before):
        try:
            os.waitpid(one[0], os.WNOHANG)
        except ChildProcessError:
            continue
    return found - set(before)


def _ended(pid: int) -> int | None:
    """When a child that has ended had begun; None: it lives, or somebody has collected it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as words:  # noqa: PTH123
            fields = words.read().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[19]) if fields[0] == "Z" else None


def _children() -> list[int]:
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208
        try:
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as words:  # noqa: PTH123
                found += [int(word) for word in words.read().split()]
        except OSError:  # the thread has ended meanwhile, or the kernel keeps no such list
            continue
    return found
