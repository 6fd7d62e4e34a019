"""Tells and changes a number of replicas by the two commands of a component's settings; `scale` calls this.

They are programs of this machine, run as our user, without a shell, without input, and with an environment of their
own: ours holds passwords. What a command starts must not need it any more: only the command's own end is waited for.
"""

import os
import signal
import subprocess
from datetime import timedelta
from tempfile import TemporaryFile

from selfheal.model.check import Executed, Replicas, Scale, shown
from selfheal.model.component import Component
from selfheal.model.errors import Overrun, Permanent, Transient

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
COUNT_WITHIN = timedelta(seconds=10)
"""A look that takes longer tells nothing."""
_TAIL = 16 * 1024
_LONGEST_NUMBER = 6


class ReplicaCommands:
    """Fulfils `ports.ReplicaSets`; any number of threads may call it."""

    def look(self, component: Component) -> Replicas:
        """What `count` prints."""
        scale = _scale(component)
        done = _run(scale.count, COUNT_WITHIN)
        if done.exit_code:
            raise Transient(f"`{shown(scale.count)}` ended with {done.exit_code}: {_said(done)}")
        words = done.output.strip()
        if not (words.isascii() and words.isdigit() and len(words) <= _LONGEST_NUMBER):
            raise Permanent(
                f"`{shown(scale.count)}` is to print a number, and printed {_said(done)!r}",
                hint="let it print how many run, and nothing else",
            )
        return Replicas(running=int(words), there=int(words))

    def bring_to(self, component: Component, number: int) -> str:
        """Run `command` with this number."""
        scale = _scale(component)
        command = scale.brought_to(number)
        done = _run(command, scale.timeout)
        if done.exit_code:
            raise Permanent(f"`{shown(command)}` ended with {done.exit_code}: {_said(done)}")
        return f"`{shown(command)}` ended well"


def _scale(component: Component) -> Scale:
    """How the component scales; `Permanent` where nobody said."""
    if component.scale is None:
        raise Permanent(f"{component.name} has no scale", hint="set it in the settings of the component")
    return component.scale


def _run(command: tuple[str, ...], timeout: timedelta) -> Executed:
    """Run it and wait for its own end; its output is a file, which nobody who keeps it open can make us wait for.

    Raises:
        Overrun: it took too long; it was ended, and what it had started with it, as far as that is its group.
        Permanent: it cannot be run.
    """
    with TemporaryFile() as output:
        try:
            begun = subprocess.Popen(
                command,
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise Permanent(f"`{shown(command)}` cannot be run: {error}", hint="see its path and its rights") from error
        try:
            code = begun.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired:
            os.killpg(begun.pid, signal.SIGKILL)
            begun.wait()
            raise Overrun(
                f"`{shown(command)}` did not end within {timeout.total_seconds():g} s; it was ended"
            ) from None
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _TAIL))
        return Executed(exit_code=code, output=output.read().decode(errors="replace"), cut=size > _TAIL)


def _said(done: Executed) -> str:
    return " ".join(done.output.split())[-300:] or "nothing"
