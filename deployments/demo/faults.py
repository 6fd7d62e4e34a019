"""Breaks programs of the demo estate on purpose; `selfheal demo` and the tests call this, always by name."""

import http.client
import os
import select
import signal

from deployments.demo.estate import Estate
from deployments.demo.web import HANG
from selfheal.model.errors import Permanent

ACCEPTED = 202
DEATH_SECONDS = 5
WITH_HANG = ("backend", "frontend", "consumer")


class Faults:
    """The ways to break an estate."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._control = estate.control()

    def kill(self, program: str) -> int:
        """SIGKILL a program; gives its process id once the kernel has ended it.

        Raises:
            Permanent: there is no such program, or it does not run.
            Transient: the estate's supervisord does not answer.
        """
        life = self._control.process(program)
        if not life.running:
            raise Permanent(f"{program} does not run (it is {life.state})", hint="start it before it is killed")
        process = os.pidfd_open(life.pid)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], DEATH_SECONDS)
        finally:
            os.close(process)
        return life.pid

    def kill_broker(self) -> int:
        """SIGKILL the broker; as `kill`."""
        return self.kill("broker")

    def hang(self, program: str) -> None:
        """Let a program stay up and answer nothing until its next start; it still obeys TERM.

        Raises:
            Permanent: the program has no such fault, or does not answer even now.
        """
        if program not in WITH_HANG:
            raise Permanent(f"{program} cannot hang", hint=f"one of {', '.join(WITH_HANG)} can")
        connection = http.client.HTTPConnection("127.0.0.1", self._estate.ports[program], timeout=5)
        try:
            connection.request("POST", HANG)
            status = connection.getresponse().status
        except OSError as error:
            raise Permanent(f"{program} does not answer: {error}", hint="wait until it is healthy") from error
        finally:
            connection.close()
        if status != ACCEPTED:
            raise Permanent(f"{program} answered {status} to the fault", hint="see its log")
