"""A Docker engine whose containers outlive it: `dockerd --live-restore` over a containerd of its own, in one folder.

The campaign and the tests kill and freeze it. That of `deployments.embedded.docker` takes its containers with it.
"""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.freezing import freeze
from deployments.embedded.child import spawn
from deployments.embedded.docker import SWITCHES, answers

START_SECONDS = 30


class Dockerd:
    """An engine of our own in one folder.

    Attributes:
        folder: all that it keeps.
        url: where it answers.
        process: dockerd's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"unix://{folder}/docker.sock"
        (folder / "containerd.toml").write_text(
            f'version = 2\nroot = "{folder}/containerd"\nstate = "{folder}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{folder}/containerd.sock"\n'
        )
        self._below: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start what does not run, and wait until it answers."""
        if self._below is None:
            self._below = self._spawn("containerd", "--config", self.folder / "containerd.toml")
            self._await("containerd", self._below, (self.folder / "containerd.sock").exists)
        self._await("dockerd", self.again(), lambda: answers(self.url))

    def again(self) -> subprocess.Popen[bytes]:
        """Start dockerd alone, over the containers that are there; gives its process at once."""
        (self.folder / "docker.pid").unlink(missing_ok=True)  # of one that was killed
        places = ("--data-root", self.folder / "data", "--exec-root", self.folder / "exec")
        below = ("--containerd", self.folder / "containerd.sock", "--pidfile", self.folder / "docker.pid")
        self.process = self._spawn("dockerd", "--host", self.url, *below, *places, "--live-restore", *SWITCHES)
        return self.process

    def freeze(self) -> None:
        """Stop dockerd as it stands."""
        if self.process is not None:
            freeze(self.process.pid)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a crash does: its containers live on."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self) -> None:
        """In order, with nothing left behind."""
        for process in (self.process, self._below):
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(START_SECONDS)
        self._end_containers()
        for mount in reversed(self.mounts()):
            subprocess.run(["/bin/umount", "--lazy", mount], check=False)
        shutil.rmtree(self.folder)

    def mounts(self) -> list[str]:
        """Where its file systems hang."""
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
        return [place for line in lines if (place := line.split()[1]).startswith(str(self.folder))]

    def processes(self) -> list[str]:
        """Command lines of what still runs for this engine: itself, containerd, and the containers' shims."""
        found = []
        for pid in self._pids():
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        return found

    def _end_containers(self) -> None:
        """They outlive their engine, and are found below the shims that keep them."""
        left = []
        for pid in self._pids():
            with contextlib.suppress(psutil.NoSuchProcess):
                shim = psutil.Process(pid)
                left += [shim, *shim.children(recursive=True)]
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(left, timeout=START_SECONDS)

    def _pids(self) -> list[int]:
        """Of what still runs for this engine, by its command line."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and str(self.folder) in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
        return found

    def _spawn(self, *command: str | Path) -> subprocess.Popen[bytes]:
        return spawn(command, log=self.folder / f"{command[0]}.log", folder=self.folder)

    def _await(self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        ends = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > ends:
                log = (self.folder / f"{name}.log").read_text(errors="replace").splitlines() or ["no log"]
                raise OSError(f"{name} did not start: {log[-1][:200]}")
            time.sleep(0.02)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
