"""The process that flow runs are forked from: it imports everything, has one thread and no connection, and waits.

A worker (`started`) starts it with one end of a socket. Three file descriptors come over it for each child: the line to
the worker, its output and its errors. The child is forked twice, so that its parent is the worker, a child subreaper:
the death of a zygote ends no run, the worker collects the exit code itself, and a killed worker takes its runs along.
"""

import ctypes
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from deployments import orphans
from deployments.prefork import child, prefect_private, preload, surroundings
from deployments.prefork.reading import Reading
from deployments.prefork.request import Ready, importing

FORK = b"f"
DESCRIPTORS = 3
ORPHANED = 125
PAGE = os.sysconf("SC_PAGE_SIZE")
_PR_SET_NAME = 15


def main(words: Sequence[str]) -> None:
    """Be a zygote until the worker closes the socket.

    Args:
        words: number of the socket, then the modules to import ahead, then `--without` and those that are left out.
    """
    since, worker, before = time.time(), os.getppid(), surroundings.surroundings()
    channel = socket.socket(fileno=int(words[0]))
    os.set_inheritable(channel.fileno(), True)  # noqa: FBT003  kept if we begin anew
    orphans.die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a key press in the worker's terminal is for the worker
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"prefork-zygote", 0, 0, 0)
    gc.disable()
    wanted, without = _split(words[1:])
    ready = _prepare(channel, wanted, without, since, before)
    own = preload.own_names(ready.modules)
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()  # the children share these pages: a collection in one must not touch them
    channel.sendall(ready.line())
    while descriptors := _asked(channel):
        _serve(channel, descriptors, worker, own)


def _split(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The modules, and why some of them are left out."""
    at = words.index("--without") if "--without" in words else len(words)
    return list(words[:at]), dict(word.split("=", 1) for word in words[at + 1 :])


def _prepare(
    channel: socket.socket, wanted: Sequence[str], without: dict[str, str], since: float, before: Mapping[str, Any]
) -> Ready:
    """Import what is wanted, and say at which module we are; begins anew without one that runs must not share."""
    for module in prefect_private.LAZILY:
        preload.load(module)
    refused = preload.unsafe(known={channel.fileno()})
    left_out, reading = dict(without), Reading()
    as_it_is = surroundings.surroundings()
    for module in () if refused else wanted:
        if module in without:
            continue
        channel.sendall(importing(module))
        with reading.noting():
            why = preload.load(module, read=reading.files)
        if why:
            left_out[module] = why
        if why := preload.unsafe(known={channel.fileno()}) or surroundings.changed(as_it_is) or reading.of_a_run():
            _begin_anew(channel, wanted, {**without, module: f"{why} when it is imported"}, before)
    channel.sendall(importing(""))
    return Ready(
        modules=[module for module in wanted if module not in left_out],
        left_out=left_out,
        refused=f"Prefect itself {refused} when it is imported" if refused else "",
        files=preload.files(wanted, also=[*prefect_private.settings_files(), *reading.files], since=since),
        variables=sorted(reading.variables),
        rss=_rss(),
    )


def _begin_anew(
    channel: socket.socket, wanted: Sequence[str], without: Mapping[str, str], before: Mapping[str, Any]
) -> NoReturn:
    channel.sendall(importing(""))
    surroundings.restore(before)
    words = command(channel.fileno(), wanted, without)
    os.execve(sys.executable, words, before[surroundings.ENVIRONMENT])  # noqa: S606  no shell is the point


def command(channel: int, wanted: Sequence[str], without: Mapping[str, str]) -> list[str]:
    """What a worker starts. The working folder is no place to import from; a flag that says so would be inherited."""
    code = f"import sys; del sys.path[0]; from {__name__} import main; main(sys.argv[1:])"
    left_out = [f"{module}={why}" for module, why in without.items()]
    return [sys.executable, "-c", code, str(channel), *wanted, "--without", *left_out]


def _rss() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * PAGE


def _asked(channel: socket.socket) -> list[int]:
    """Wait for the descriptors of the next child; none: the worker has closed the socket."""
    byte, descriptors, _, _ = socket.recv_fds(channel, len(FORK), DESCRIPTORS)
    return list(descriptors) if byte else []


def _serve(channel: socket.socket, descriptors: Sequence[int], worker: int, own: frozenset[str]) -> None:
    """Fork the child that the descriptors belong to; if that cannot be, its line closes without a word."""
    try:
        if why := preload.unsafe(known={channel.fileno(), *descriptors}):
            sys.stderr.write(f"prefork: the zygote {why}, nothing is forked from it any more\n")
            raise SystemExit(1)
        gate = os.pipe()
        try:
            _fork(channel, descriptors, worker, own, gate)
        finally:
            for end in gate:  # the child begins: its parent is the worker now
                os.close(end)
    except OSError as error:
        sys.stderr.write(f"prefork: no child can be forked: {error}\n")
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _fork(
    channel: socket.socket, descriptors: Sequence[int], worker: int, own: frozenset[str], gate: tuple[int, int]
) -> None:
    """Fork twice, and wait until the one in between is gone and the kernel has given the child to the worker.

    Args:
        channel: to the worker.
        descriptors: of the child.
        worker: its process id.
        own: names of the packages that the flows belong to.
        gate: a pipe; the child begins when nobody else holds its second end any more.
    """
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return
    try:
        if os.fork():
            os._exit(0)
        os.close(gate[1])
        channel.close()
        os.read(gate[0], 1)
        os.close(gate[0])
        orphans.die_with_parent(signal.SIGKILL)
        if os.getppid() != worker:
            os._exit(ORPHANED)
        child.be(descriptors, own)
    finally:
        os._exit(1)
