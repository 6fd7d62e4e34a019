"""A Docker engine of our own in one folder: demo, benchmarks and tests break containers there and touch no other.

dockerd and its containerd run without a network, as the first processes of a PID and a mount namespace: when those
end, even by kill -9, the kernel ends every container with them, and no mount is left. Only root can start it, with
Debian's `docker.io` and `busybox-static`.
"""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from deployments.embedded import child
from deployments.part import Part

SWITCHES = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false")
"""Nothing of the machine's network is touched."""
PROGRAMS = ("dockerd", "containerd", "busybox")
APPLETS = ("sh", "sleep", "test", "touch", "rm", "tail", "echo")
_CGROUP = "selfheal-engine"
_CGROUPS = Path("/sys/fs/cgroup")
_PROBE_TIMEOUT_SECONDS = 5.0
_HEAD_BYTES = 4096
_TRIAL_SECONDS = 20.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class DockerEngine:
    """One engine; its containers live as long as it does.

    Attributes:
        folder: its data, made when it is missing.
        log: its output.
    """

    folder: Path
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the engine; what an engine of this folder left behind is forgotten."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        remove_empty_cgroups()
        alone = ("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
        places = ("--data-root", self.folder / "data", "--exec-root", self.folder / "exec")
        marks = ("--pidfile", self.folder / "docker.pid", "--cgroup-parent", f"/{_CGROUP}")
        command: list[str | Path] = [*alone, "dockerd", "--host", self.url, *places, *marks, *SWITCHES]
        return child.spawn(
            command,
            log=self.log,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Say whether it answers."""
        return answers(self.url)

    def why_not(self) -> str:
        """Say why it cannot be started on this machine, by trying; empty when it can."""
        reason = missing()
        if reason:
            return reason
        trial = self.start()
        try:
            ends = time.monotonic() + _TRIAL_SECONDS
            while not self.ready():
                if trial.poll() is not None or time.monotonic() > ends:
                    return (self.log.read_text(errors="replace").splitlines() or ["it says nothing"])[-1][:200]
                time.sleep(_POLL_SECONDS)
        finally:
            trial.kill()
            trial.wait()
        return ""

    def part(self) -> Part:
        """Return the engine as a supervised part; it holds nothing that a gentler end would save."""
        return Part(name="docker", start=self.start, ready=self.ready, log=self.log, stop_signal=signal.SIGKILL)


def missing() -> str:
    """Say what keeps this machine from running an engine of ours; empty when nothing is known to."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (docker.io, containerd and busybox-static of Debian)"
    if b"/ld-linux" in Path(str(shutil.which("busybox"))).read_bytes()[:_HEAD_BYTES]:
        return "busybox is not a static one (busybox-static of Debian)"
    return "" if os.geteuid() == 0 else "only root can start one"


def answers(url: str) -> bool:
    """Whether the engine behind a socket answers; without docker-py, which leaves open what could not be connected."""
    with socket.socket(socket.AF_UNIX) as wire, contextlib.suppress(OSError):
        wire.settimeout(_PROBE_TIMEOUT_SECONDS)
        wire.connect(url.removeprefix("unix://"))
        wire.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in wire.recv(100)
    return False


def image_root() -> bytes:
    """The file system of an image, for `docker import`: busybox under the names of a few of its applets, and /tmp."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.add(Path(str(shutil.which("busybox"))).resolve(), "bin/busybox")
        for name in ("tmp", "proc", "dev", "sys", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for name in APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return data.getvalue()


def remove_empty_cgroups() -> None:
    """Take away the control groups of containers that are no more: the kernel keeps them when an engine is killed."""
    parents = [_CGROUPS / _CGROUP, *_CGROUPS.glob(f"*/{_CGROUP}")]
    for parent in parents:
        for group in (*parent.glob("*/"), parent):
            with contextlib.suppress(OSError):  # absent, or in use by an engine that runs
                group.rmdir()
