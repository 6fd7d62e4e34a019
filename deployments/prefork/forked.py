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


def bury(sessions: Collection[int]) -> set[int]:
    """Collect what children that have ended had started and left to us; gives the sessions in which some still live."""
    living = set()
    for listed in _children():
        try:
            session = os.getsid(listed)
            if session in sessions and os.waitpid(listed, os.WNOHANG) == (0, 0):
                living.add(session)
        except (ProcessLookupError, ChildProcessError):
            continue
    return living


def _children() -> list[int]:
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208
        try:
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as words:  # noqa: PTH123
                found += [int(word) for word in words.read().split()]
        except OSError:  # the thread has ended meanwhile, or the kernel keeps no such list
            continue
    return found
