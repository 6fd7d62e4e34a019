"""Whether somebody is writing a file right now: Linux's leases, which tell and keep writers waiting for a moment.

`clients.file_swap` and `clients.request_file` call this. A read lease is only given where nobody has the file open for
writing; while we hold it, whoever opens it for writing waits until we let go. It takes the file's owner or root, and a
local file system; where it is not to be had, nobody is known to be writing.
"""

import errno
import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

_F_SETSIG = 10


class Lease(StrEnum):
    """How a file stands."""

    HELD = "held"
    WRITTEN = "written"  # somebody has it open for writing
    NONE = "none"  # there are no leases here, or not for us


@contextmanager
def leased(file: int) -> Iterator[Lease]:
    """Hold a read lease on an open file, if it can be had; released at the end, whatever happens."""
    lease = _take(file)
    try:
        yield lease
    finally:
        if lease is Lease.HELD:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def wanted(file: int) -> bool:
    """Whether somebody waits to write a file on which we hold a lease."""
    return fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_RDLCK


def _take(file: int) -> Lease:
    try:
        fcntl.fcntl(file, _F_SETSIG, signal.SIGURG)  # which is ignored; the usual one would end the process
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Lease.WRITTEN if error.errno in {errno.EAGAIN, errno.EWOULDBLOCK} else Lease.NONE
    return Lease.HELD
