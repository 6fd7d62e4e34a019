"""One zygote as its worker sees it: started, asked for children, let go."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from deployments.prefork import prefect_private, zygote
from deployments.prefork.forked import Forked
from deployments.prefork.request import Ready, Request

START_SECONDS = 120.0
IMPORT_SECONDS = 60.0
"""Patience with one module: it may wait for something that never comes."""
ANSWER_SECONDS = 30.0
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""A numeric library that starts threads when it is loaded could not be imported ahead."""


class NoZygoteError(Exception):
    """No child could be forked; says why."""


class SpoilsError(NoZygoteError):
    """With this module among those that are imported ahead there is no zygote.

    Attributes:
        module: its name.
        why: in words.
    """

    def __init__(self, module: str, why: str) -> None:
        """Say both."""
        super().__init__(f"{module} {why}")
        self.module, self.why = module, why


@dataclass(kw_only=True, eq=False)
class Zygote:
    """One zygote; not frozen, since it counts.

    Attributes:
        process: itself.
        channel: the socket over which the descriptors of its children go.
        environment: that it began with.
        ready: what it said of itself.
        runs: that were forked from it.
    """

    process: Forked
    channel: socket.socket
    environment: Mapping[str, str] = field(repr=False)
    ready: Ready
    runs: int = field(default=0)

    def rss(self) -> int:
        """Bytes that it holds in memory now; 0 when it is gone."""
        try:
            with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:  # noqa: PTH123
                return int(statm.read().split()[1]) * zygote.PAGE
        except (OSError, IndexError):
            return 0

    def end(self) -> None:
        """Let it go; its children are ours and go on."""
        self.channel.close()
        self.process.end(signal.SIGKILL)

    async def fork(self, request: Request, output: int, errors: int) -> Forked:
        """Hand the descriptors over, hear the child's process id, tell it what to run.

        A child of which we do not hear in time, or any more, hears nothing either, and ends.

        Raises:
            OSError: the zygote has gone, or could not fork. No child runs anything.
            TimeoutError: it does not answer.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.channel, [zygote.FORK], [theirs.fileno(), output, errors])
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                told = await reader.readline()
            if not told:
                raise OSError("it has ended, or cannot make a process")
            child = Forked(json.loads(told)["pid"])
            self.runs += 1
            writer.write(request.line())
            await _told(writer, child)
            return child
        finally:
            writer.close()


async def _told(writer: asyncio.StreamWriter, child: Forked) -> None:
    """Wait until a child has all of its request; one that was killed meanwhile tells that by its exit code."""
    try:
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    except BaseException:  # nobody will look after it
        child.end(signal.SIGKILL)
        raise


async def start(modules: Sequence[str], spoiling: MutableMapping[str, str]) -> Zygote:
    """Start one and wait until it can fork; again, if a module hangs or takes the process along.

    Args:
        modules: to import ahead.
        spoiling: those that are known to do so, and why they are left out; gets what does so now.

    Raises:
        NoZygoteError: it cannot.
    """
    while True:
        try:
            return await _start(modules, {name: why for name, why in spoiling.items() if name in modules})
        except SpoilsError as error:
            spoiling[error.module] = error.why
        except OSError as error:
            raise NoZygoteError(f"a zygote cannot be started: {error}") from error


async def _start(modules: Sequence[str], without: Mapping[str, str]) -> Zygote:
    environment = {**os.environ, **prefect_private.settings_environment(), **dict.fromkeys(ONE_THREAD, "1")}
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.set_inheritable(True)
        process = _spawn(zygote.command(theirs.fileno(), modules, without), environment, keep=theirs.fileno())
    try:
        ready = await _ready(ours)
    except BaseException:
        ours.close()
        process.end(signal.SIGKILL)
        raise
    return Zygote(process=process, channel=ours, environment=environment, ready=ready)


def _spawn(words: list[str], environment: Mapping[str, str], *, keep: int) -> Forked:
    """Start it with our output and one more descriptor; whatever else we were given is not for runs."""
    given = [int(name) for name in os.listdir("/proc/self/fd") if int(name) not in {0, 1, 2, keep}]  # noqa: PTH208
    closed = [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in given]
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), *closed]
    return Forked(os.posix_spawn(sys.executable, words, environment, file_actions=actions))


async def _ready(channel: socket.socket) -> Ready:
    """Wait for its word.

    Raises:
        SpoilsError: one of its modules hangs, or the process has ended in the middle of it.
        NoZygoteError: it does not come, or says that nothing can be forked.
    """
    channel.setblocking(False)  # noqa: FBT003  the standard library's signature
    told, importing = bytearray(), ""
    while True:
        try:
            async with asyncio.timeout(IMPORT_SECONDS if importing else START_SECONDS):
                some = await asyncio.get_running_loop().sock_recv(channel, 1 << 16)
        except TimeoutError as error:
            if importing:
                raise SpoilsError(importing, f"takes more than {IMPORT_SECONDS:g} s to be imported") from error
            raise NoZygoteError("a zygote does not get ready") from error
        except OSError as error:
            raise NoZygoteError(f"a zygote does not get ready: {error}") from error
        if not some and importing:
            raise SpoilsError(importing, "ends the process when it is imported, see the worker's output")
        if not some:
            raise NoZygoteError("a zygote ends when it is started, see the worker's output")
        told += some
        *lines, rest = told.split(b"\n")
        for line in lines:
            word = json.loads(line)
            if "importing" not in word:
                return _usable(Ready.read(bytes(line)))
            importing = word["importing"]
        told = bytearray(rest)


def _usable(ready: Ready) -> Ready:
    if ready.refused:
        raise NoZygoteError(ready.refused)
    return ready
