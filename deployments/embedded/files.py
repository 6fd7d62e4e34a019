"""Write the small files of the data folder: a reader sees the old content or the new, never half."""

import os
import tempfile
from pathlib import Path

from selfheal.model.errors import Permanent


def write_private(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Replace `path` by `text` in one step, readable by our own user only.

    Args:
        path: the file.
        text: all that is in it.
        owner: user and group that it is for, instead of ours.

    Raises:
        Permanent: the disk is full or the folder cannot be written; the old content is still there.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise Permanent(
            f"{path} cannot be written: {error.strerror}",
            hint="free space on that disk, make the folder writable, or name another data folder",
        ) from error
