"""Asks the running stack to reload its settings, and waits for the answer; `selfheal reload` calls this."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from deployments import attach
from deployments.embedded.files import write_private
from deployments.reload import ANSWER, REQUEST, Reloaded, Request
from selfheal.model.errors import Transient
from selfheal.settings.changes import Change

LOOK_S = 0.1


def ask(data: Path, *, config: Path | None, dry_run: bool, within_s: float) -> Reloaded:
    """Ask the stack that runs in the folder, and wait for its answer; two who ask take turns.

    Raises:
        Transient: no stack runs, it ended meanwhile, or it did not answer in time.
        NotAllowed: it is another user's.
    """
    end = time.monotonic() + within_s
    with _turn(data, end):
        stack = attach.running(data)
        if stack is None:
            raise Transient(f"no stack runs in {data}", hint="`selfheal up` reads the file when it starts")
        request = Request(id=uuid4().hex, config="" if config is None else str(config), dry_run=dry_run)
        _leave(data, request)
        os.kill(stack.pid, signal.SIGHUP)
        while time.monotonic() < end:
            answer = _answer(data)
            if answer is not None and answer.id == request.id:
                return answer
            if attach.running(data) is None:
                raise Transient("the stack ended meanwhile", hint="`selfheal up` reads the file when it starts")
            time.sleep(LOOK_S)
    raise Transient(f"the stack did not answer within {within_s:g} s", hint="see logs/selfheal.log in the data folder")


@contextmanager
def _turn(data: Path, end: float) -> Iterator[None]:
    """Wait until nobody else asks."""
    try:
        handle = os.open(data / "run", os.O_RDONLY)
    except FileNotFoundError:
        yield  # no folder, no stack: the caller says so
        return
    except PermissionError as error:
        raise attach.closed(data) from error
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise Transient("somebody else's reload is still under way", hint="try again later") from None
                time.sleep(LOOK_S)
        yield
    finally:
        os.close(handle)


def _leave(data: Path, request: Request) -> None:
    """Write the request so that the stack's user can take it, also when root asks."""
    path = data / "run" / REQUEST
    write_private(path, json.dumps(asdict(request)))
    owner = path.parent.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _answer(data: Path) -> Reloaded | None:
    """What was answered last."""
    try:
        kept = json.loads((data / "run" / ANSWER).read_text(encoding="utf-8"))
        changes = tuple(Change(**one) for one in kept.pop("changes"))
        kept |= {name: tuple(kept[name]) for name in ("overrides", "needs_restart")}
        return Reloaded(changes=changes, **kept)
    except (OSError, ValueError, TypeError, KeyError):
        return None
