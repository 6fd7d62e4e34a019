"""What a forked child is asked to do, and what a zygote says of itself: the words between the processes.

Worker and zygote share a socket over which only file descriptors go: one per run is the line to the child, over which
the child says its process id and is then told what to run. So the zygote sees no environment of any run, and a child
begins nothing before its worker knows of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Request:
    """One child.

    Attributes:
        kind: a flow run, or a hook of one that has ended.
        environment: the whole of it; may hold secrets.
        folder: to work in.
        title: what the process is called, at most 15 bytes are shown.
        anew: whether it is to begin as a new interpreter after all: its environment differs in what was read ahead.
        preloaded: whether its flow was imported ahead; otherwise what belongs to such flows is forgotten first, since a
            module of the run's own may bear the same name.
        hook: for a hook: its kind, the flow run and the state, as Prefect writes them in JSON.
    """

    kind: Literal["run", "hook"] = "run"
    environment: Mapping[str, str] = field(repr=False)
    folder: str
    title: str
    anew: bool = False
    preloaded: bool = False
    hook: Mapping[str, str] = field(default_factory=dict, repr=False)

    def line(self) -> bytes:
        """As one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Request":
        """From its line."""
        return cls(**json.loads(line))


def importing(module: str) -> bytes:
    """The line with which a zygote says that it begins to import a module; empty: something else."""
    return json.dumps({"importing": module}).encode() + b"\n"


Stamp = tuple[int, int, int]
"""Time of change (ns; the inode's, which nobody can set), size and inode of a file."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a zygote says once it can fork.

    Attributes:
        modules: those of the wanted ones that it has imported.
        left_out: those that it has not, and why: the child of a run imports them itself.
        refused: why nothing can be forked from it at all; empty: it can.
        files: what it was made of, None where a file was not there; another stamp means that another zygote is needed.
        variables: of the environment that were read when they were imported; see `reading`.
        rss: bytes that it held in memory.
    """

    modules: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    files: Mapping[str, Stamp | None] = field(default_factory=dict)
    variables: Sequence[str] = ()
    rss: int = 0

    def line(self) -> bytes:
        """As one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Ready":
        """From its line."""
        told: dict[str, Any] = json.loads(line)
        files = {path: stamp and tuple(stamp) for path, stamp in told["files"].items()}
        return cls(**{**told, "files": files})
