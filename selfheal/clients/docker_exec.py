"""One command within a container, by Docker's exec, bounded in time and output. Only `clients.docker_inside` calls it.

Docker cannot end what exec has begun. So a command that overruns its time is killed where its process is one of this
machine, and is never begun a second time beside itself: looks at a check that hangs must not pile up in the container.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from docker import APIClient
from requests import Response

from selfheal.model.check import Executed, shown
from selfheal.model.errors import Overrun

TAIL = 16 * 1024
"""So much of what a command writes is kept, its end."""
_CHUNK = 64 * 1024
_HEADER = 8
_POLL_S = 0.05
_ENDED_WITHIN_S = 2.0
"""An exec is noted as over a moment after its output has ended."""


def execute(client: APIClient, container_id: str, command: tuple[str, ...], seconds: float) -> Executed:
    """Run it and wait for its end.

    Raises:
        Overrun: it, or an earlier run of the same command, did not end in time.
    """
    ends = time.monotonic() + seconds
    _wait_for_earlier(client, container_id, command, ends)
    begun = client.exec_create(container_id, list(command), stdin=False)["Id"]
    output = _Output()
    try:
        with closing(_started(client, begun)) as answer:
            for piece in _pieces(answer.raw._fp.fp, ends):  # noqa: SLF001 - see `_started`
                output.take(piece)
    except TimeoutError:
        raise _overrun(client, container_id, command, begun, seconds) from None
    while (told := client.exec_inspect(begun))["Running"]:
        if time.monotonic() >= ends + _ENDED_WITHIN_S:
            raise _overrun(client, container_id, command, begun, seconds)
        time.sleep(_POLL_S)
    return Executed(exit_code=int(told["ExitCode"] or 0), output=output.text, cut=output.cut)


class _Output:
    """The end of what comes in frames: a byte for the stream, three unused, four for the length, then so many bytes."""

    def __init__(self) -> None:
        self._wire, self._left, self._tail, self.cut = b"", 0, b"", False

    def take(self, piece: bytes) -> None:
        self._wire += piece
        while self._wire:
            if not self._left:
                if len(self._wire) < _HEADER:
                    return
                self._left = int.from_bytes(self._wire[4:_HEADER])
                self._wire = self._wire[_HEADER:]
            body, self._wire = self._wire[: self._left], self._wire[self._left :]
            self._left -= len(body)
            self._tail += body
            if len(self._tail) > TAIL:
                self._tail, self.cut = self._tail[-TAIL:], True

    @property
    def text(self) -> str:
        return self._tail.decode(errors="replace").strip()


def _started(client: APIClient, begun: str) -> Response:
    """The answer to a start, whose body is not read yet.

    Docker-py's own way gives a socket below a buffer that may have taken the first bytes already, and closes a part of
    it only.
    """
    url = client._url("/exec/{0}/start", begun)  # noqa: SLF001 - see above
    upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
    answer = client._post_json(url, headers=upgrade, data={"Tty": False, "Detach": False}, stream=True)  # noqa: SLF001
    client._raise_for_status(answer)  # noqa: SLF001
    return cast("Response", answer)


def _pieces(buffer: Any, ends: float) -> Iterator[bytes]:
    """What comes until the end; `TimeoutError` at the time at which it must be over, however much comes."""
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        buffer.raw._sock.settimeout(left)  # noqa: SLF001 - the time of this read, not of each
        piece = buffer.read1(_CHUNK)
        if not piece:
            return
        yield piece


def _wait_for_earlier(client: APIClient, container_id: str, command: tuple[str, ...], ends: float) -> None:
    while (running := _running(client, container_id, command)) and time.monotonic() < ends:
        time.sleep(_POLL_S)
    if running:
        raise Overrun(f"`{shown(command)}` of an earlier time still runs in the container: not run beside it")


def _running(client: APIClient, container_id: str, command: tuple[str, ...]) -> bool:
    """Whether this command runs in the container now, whoever began it."""
    for one in client.inspect_container(container_id)["ExecIDs"] or ():
        told = client.exec_inspect(one)
        what = told["ProcessConfig"]
        if told["Running"] and (what["entrypoint"], *(what.get("arguments") or ())) == command:
            return True
    return False


def _overrun(client: APIClient, container_id: str, command: tuple[str, ...], begun: str, seconds: float) -> Overrun:
    ended = _end(int(client.exec_inspect(begun).get("Pid") or 0), container_id)
    rest = "it was ended" if ended else "it still runs there"
    return Overrun(f"`{shown(command)}` did not end within {seconds:g} s in the container; {rest}")


def _end(pid: int, container_id: str) -> bool:
    """Kill a process of the container, where it is one of this machine and we may."""
    if not pid:
        return False
    with suppress(OSError):
        process = os.pidfd_open(pid)
        try:
            if is_of(pid, container_id):
                signal.pidfd_send_signal(process, signal.SIGKILL)
                return True
        finally:
            os.close(process)
    return False


def is_of(pid: int, container_id: str) -> bool:
    """Whether a pid that the engine told is a process of this machine, and of the container."""
    try:
        return container_id in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
