"""How every command ends badly: one or two lines on stderr and an exit code, never a traceback.

`cli.main` runs commands through `told`; `up` and `demo` once more inside the guardian's child.
"""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from selfheal.model.errors import Permanent, SelfhealError

FINE, BAD_NEWS, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class WrongUsage(Permanent):
    """The command line or the settings are wrong: exit code 2."""


def told(command: Callable[[], int], *, log: Callable[[], Path | None] = lambda: None) -> int:
    """Run a command and give its exit code; what it raises is told in a line or two.

    Args:
        command: gives 0 or 1 when it comes to its end.
        log: where the traceback of an unexpected exception is written; None: a file of its own.
    """
    try:
        code = command()
        sys.stdout.flush()
    except SelfhealError as error:
        _say(error.message, error.hint)
        return WRONG_USAGE if isinstance(error, WrongUsage) else BAD_NEWS
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _close_pipe()
        return BAD_NEWS
    except Exception as error:  # noqa: BLE001 - the last frame of the command: told, and kept in full in the log
        _say(
            f"this should not have happened: {type(error).__name__}: {_first_line(error)}",
            f"see the traceback in {_keep(error, log())}, and tell us",
        )
        return BAD_NEWS
    return code


def _say(message: str, hint: str) -> None:
    """One line, and what to do."""
    sys.stderr.write(f"selfheal: {message}\n")
    if hint:
        sys.stderr.write(f"  what to do: {hint}\n")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:300]


def _keep(error: Exception, log: Path | None) -> Path:
    """Append the traceback to the log, or to a file of its own where that cannot be written."""
    text = traceback.format_exc()
    if log is not None and _logged(error, log):
        return log
    if log is not None:
        try:
            with log.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            log = None
    if log is None:
        with tempfile.NamedTemporaryFile("w", prefix="selfheal-", suffix=".log", delete=False, encoding="utf-8") as own:
            own.write(text)
        log = Path(own.name)
    return log


def _logged(error: Exception, log: Path) -> bool:
    """Log the traceback as any other line, if this process writes that log itself."""
    ours = [one for one in logging.getLogger().handlers if getattr(one, "baseFilename", "") == str(log)]
    if ours:
        logging.getLogger(__name__).critical("this should not have happened", exc_info=error)
    return bool(ours)


def _close_pipe() -> None:
    """Nobody reads our output any more: keep the interpreter's last flush from saying so again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
