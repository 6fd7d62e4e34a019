"""Controls the programs of one supervisord; probes, actions and the watcher of processes call this.

Supervisord has three habits that this client hides: it tells of a death up to a second late, it answers "not
running" while a program is still stopping, and it accepts a start at such a moment without starting anything.
"""

import re
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from selfheal.clients.supervisor_rpc import Endpoint, RpcFault
from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, Transient
from selfheal.model.observation import Incarnation
from selfheal.policy.names import nearest

BAD_NAME, NO_FILE, NOT_EXECUTABLE, SPAWN_ERROR, ALREADY_STARTED, NOT_RUNNING = 10, 20, 21, 50, 60, 70
NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}(:[A-Za-z0-9_.-]{1,100})?")
POLL_SECONDS = 0.05
LOOKS = 4
"""How often a process that is dead but said to run is looked at again; each call wakes supervisord's loop."""


class Supervisor:
    """Fulfils `ports.ServiceControl`; without state, so that any number of threads may call it.

    Args:
        url: `http://HOST:PORT` (inet_http_server) or `unix:///PATH` (unix_http_server).
        username: as in supervisord's configuration; empty when it asks for none.
        password: the same.
        timeout: for each call but `stop` and `start`, which bring their own.
    """

    def __init__(
        self, *, url: str, username: str = "", password: str = "", timeout: timedelta = timedelta(seconds=5)
    ) -> None:
        self._endpoint = Endpoint(url=url, username=username, password=password)
        self._timeout = timeout

    def processes(self) -> Mapping[str, Incarnation]:
        """All programs by name, `group:name` where a program is not its own group."""
        for _ in range(LOOKS):
            found = {_name(info): _incarnation(info) for info in self._call("getAllProcessInfo")}
            if not any(_died_unseen(life) for life in found.values()):
                break
        return found

    def process(self, program: str) -> Incarnation:
        """One program."""
        _checked(program)
        for _ in range(LOOKS):
            life = _incarnation(self._call("getProcessInfo", program))
            if not _died_unseen(life):
                break
        return life

    def stop(self, program: str, *, timeout: timedelta) -> None:
        """Stop with the program's own signal and grace, and wait for the end; no error if it does not run."""
        deadline = time.monotonic() + timeout.total_seconds()
        _checked(program)
        try:
            self._endpoint_call("stopProcess", program, True, timeout=timeout)  # noqa: FBT003  XML-RPC has no keywords
        except RpcFault as fault:
            if fault.code != NOT_RUNNING:
                raise self._told(fault, program) from fault
            self._await_end(program, deadline)

    def start(self, program: str, *, timeout: timedelta) -> None:
        """Start without waiting for its health; no error if it runs; `Permanent` if it cannot be spawned."""
        deadline = time.monotonic() + timeout.total_seconds()
        life = self.process(program)
        if life.state == "STOPPING":
            self._await_end(program, deadline)
        try:
            self._endpoint_call("startProcess", program, False, timeout=_left(deadline, program))  # noqa: FBT003  as above
        except RpcFault as fault:
            if fault.code != ALREADY_STARTED:
                raise self._told(fault, program) from fault

    def log_tail(self, program: str, *, size: int) -> str:
        """The last `size` bytes of the program's output, decoded; empty when it keeps none.

        Supervisord fails on a tail that begins within a character: a little less may do.
        """
        _checked(program)
        for less in range(4):
            try:
                text, _, _ = self._call("tailProcessStdoutLog", program, 0, max(0, size - less))
            except Transient:
                if less == 3:  # noqa: PLR2004  a character has four bytes at most
                    raise
            else:
                return str(text)
        return ""

    def _call(self, method: str, *params: str | int) -> Any:
        try:
            return self._endpoint_call(method, *params, timeout=self._timeout)
        except RpcFault as fault:
            raise self._told(fault, str(params[0]) if params else "") from fault

    def _endpoint_call(self, method: str, *params: str | int, timeout: timedelta) -> Any:
        return self._endpoint.call(method, *params, timeout=timeout)

    def _await_end(self, program: str, deadline: float) -> None:
        """Wait until a program that is already stopping has ended."""
        while self.process(program).running:
            _left(deadline, program)
            time.sleep(POLL_SECONDS)

    def _told(self, fault: RpcFault, program: str) -> SelfhealError:
        """Supervisord's fault in words."""
        if fault.code == BAD_NAME:
            known = nearest(program, self._names()).removeprefix("; ")
            return Permanent(f"the supervisor knows no program {program!r}", hint=known or "it has no programs")
        if fault.code in {NO_FILE, NOT_EXECUTABLE}:
            return Permanent(
                f"the command of {program!r} cannot be run: {fault}",
                hint="correct the command in supervisord's configuration",
            )
        if fault.code == SPAWN_ERROR:
            return Permanent(f"supervisord could not spawn {program!r}", hint="see supervisord's log for the reason")
        return Transient(f"supervisord refused a call about {program!r}: {fault}", hint="see supervisord's log")

    def _names(self) -> list[str]:
        """The names for a hint; none when they cannot be had, since the hint is not worth another error."""
        try:
            return list(self.processes())
        except SelfhealError:
            return []


def _checked(program: str) -> None:
    if not NAME.fullmatch(program):
        raise NotAllowed(
            f"{program[:120]!r} is no name of a program",
            hint="use 1-100 of A-Z a-z 0-9 _ . - (GROUP:NAME for groups)",
        )


def _left(deadline: float, program: str) -> timedelta:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Transient(f"{program!r} was still stopping when the time was over", hint="look at its stopwaitsecs")
    return timedelta(seconds=left)


def _name(info: dict[str, Any]) -> str:
    group, name = info["group"], info["name"]
    return str(name) if group == name else f"{group}:{name}"


def _incarnation(info: dict[str, Any]) -> Incarnation:
    return Incarnation(pid=int(info["pid"]), started_at=int(info["start"]), state=str(info["statename"]))


def _died_unseen(life: Incarnation) -> bool:
    """Whether the process has ended and supervisord has yet to notice (only ever true on its machine)."""
    if not life.running:
        return False
    try:
        stat = Path(f"/proc/{life.pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]
