"""What on this machine is Selfheal's own, so that `discover` does not propose to heal it."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from selfheal.settings.estate import Settings

OURS = frozenset({"selfheal", "console.cli"})
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
IN_CONTAINER = re.compile(r"/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")
"""What Docker mounts into every container; other folders of that name are mounted outside, for all of them."""
FIRST_WORDS = 4
"""An interpreter, its options, and the program."""


def pids() -> frozenset[int]:
    """The processes of every `selfheal` that we may look at."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(Path(word).name in OURS for word in words[:FIRST_WORDS]):
            found.append(process.pid)
    return frozenset(found)


def containers(ours: Iterable[int]) -> frozenset[str]:
    """Ids of the containers that these processes are in."""
    return frozenset(container for pid in ours for container in _containers_of(pid))


def ports(settings: Settings) -> frozenset[int]:
    """Of the servers on this machine that Selfheal uses by their url."""
    urls = (urlsplit(one.url) for one in (settings.postgres, settings.nats, settings.prefect))
    return frozenset(url.port for url in urls if url.port and url.hostname in LOCAL)


def _containers_of(pid: int) -> list[str]:
    try:
        return IN_CONTAINER.findall(Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8"))
    except OSError:  # it has ended, or is another user's
        return []
