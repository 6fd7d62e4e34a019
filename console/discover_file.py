"""Writes a settings file whole or not at all; only `console.discover` calls this."""

import os
import tempfile
from pathlib import Path

from console.failure import WrongUsage
from selfheal.model.errors import Permanent

PRIVATE, OPEN = 0o600, 0o644


def write(file: Path, text: str, *, private: bool, replace: bool) -> None:
    """The file is there with all of the text, or as it was before.

    Args:
        file: where; its folder is there.
        text: all of it.
        private: whether it holds a secret.
        replace: whether it may be there already.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise Permanent(
            f"cannot write in {file.absolute().parent}: {error.strerror}", hint="name another file"
        ) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(PRIVATE if private else OPEN)
        if replace:
            Path(name).replace(file)
        else:
            os.link(name, file)  # fails if it has appeared meanwhile
    except FileExistsError:
        raise WrongUsage(f"{file} is there already", hint="replace it with --force") from None
    except OSError as error:
        raise Permanent(f"cannot write {file}: {error.strerror}", hint="name another file") from error
    finally:
        Path(name).unlink(missing_ok=True)
