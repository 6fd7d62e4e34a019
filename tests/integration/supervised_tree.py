"""A program for the supervisor's tests: a guarded supervisor over stubborn trees and real servers.

Run as `python supervised_tree.py FOLDER PART...`; every process that it makes writes `FOLDER/pids/NAME.PID`.
"""

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deployments import stackfile
from deployments.embedded import child, datafolder, stack
from deployments.embedded.datafolder import DataFolder
from deployments.embedded.stack import Servers
from deployments.embedded.worker import Worker, part
from deployments.guardian import run_guarded
from deployments.part import Part
from deployments.supervisor import Supervisor
from selfheal.model.errors import Permanent, SelfhealError

NOTE = textwrap.dedent("""
    import os, pathlib, signal, subprocess, sys, time
    folder = pathlib.Path(sys.argv[1])
    def note(name):
        (folder / 'pids' / f'{name}.{os.getpid()}').touch()
""")

STUBBORN = NOTE + textwrap.dedent("""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    note('grandchild')
    time.sleep(600)
""")

TREE = NOTE + textwrap.dedent(f"""
    subprocess.Popen([sys.executable, '-c', {STUBBORN!r}, str(folder)], start_new_session=True)
    subprocess.Popen(['sh', '-c', 'sleep 600 & sleep 600'])
    if 'deaf' in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note('tree')
    time.sleep(600)
""")


def noted(folder: Path, name: str) -> list[int]:
    """Return the process ids that were noted under `name`, in no order."""
    return [int(path.suffix[1:]) for path in (folder / "pids").glob(f"{name}.*")]


def tree(folder: Path, name: str, *flags: str, after: frozenset[str] = frozenset()) -> Part:
    """Return a part with a child, a grandchild, and one of another session that ignores signals."""
    log = folder / "logs" / f"{name}.log"

    def start() -> subprocess.Popen[bytes]:
        (folder / "events").open("a").write(f"start {name}\n")
        return child.spawn([sys.executable, "-c", TREE, str(folder), *flags], log=log, folder=folder)

    return Part(
        name=name,
        start=start,
        ready=lambda: _answers(folder),
        depends_on=after,
        log=log,
        stop_timeout_seconds=1.0,
        probe_every_seconds=0.1,
        unready_limit=3,
    )


def _answers(folder: Path) -> bool:
    """Say ready when no living tree is stopped: what a probe of a frozen server would find."""
    return bool(noted(folder, "tree")) and not any(_stopped(pid) for pid in noted(folder, "tree"))


def _stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def worker_part(folder: DataFolder, servers: Servers) -> Part:
    """Return a stock worker of a pool that the test makes; a worker without its pool exits and comes back."""
    return part(
        Worker(
            name="worker",
            pool="pool",
            limit=2,
            query_seconds=1.0,
            api_url=servers.prefect.api_url,
            home=folder.path / "home",
            log=folder.logs / "worker.log",
            working_folder=folder.path / "home",
        )
    )


def _refuse() -> subprocess.Popen[bytes]:
    raise Permanent("port 4200 is in use by another program", hint="free it or set prefect.port")


def _closed(folder: Path) -> subprocess.Popen[bytes]:
    """Exit as `launch.py` does where it may not make a mount namespace."""
    words = ["sh", "-c", "echo 'selfheal: user nobody cannot enter /closed' >&2; exit 78"]
    return child.spawn(words, log=folder / "logs" / "closed.log", folder=folder)


def main() -> int:
    """Build the parts that the arguments name and supervise them."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    (folder / "pids").mkdir(parents=True, exist_ok=True)
    with datafolder.open_folder(folder, wanted_ports=dict.fromkeys(PORTS)) as opened:
        servers = stack.servers(opened, identity=child.run_as("nobody", folder=folder))
        known = {server.name: server for server in stack.parts(servers)}
        known |= {"tree": tree(folder, "tree"), "deaf": tree(folder, "deaf", "deaf")}
        known |= {"after": tree(folder, "after", after=frozenset({"tree"}))}
        known |= {"worker": worker_part(opened, servers)}
        known |= {
            "closed": Part(
                name="closed", start=lambda: _closed(folder), ready=lambda: False, log=folder / "logs" / "closed.log"
            )
        }
        known |= {"refused": Part(name="refused", start=_refuse)}
        supervisor = Supervisor(
            [known[name] for name in wanted],
            publish=lambda parts: stackfile.write(
                opened.stack_file, stackfile.current(urls=servers.urls(), ports=opened.ports, parts=parts)
            ),
            on_hangup=(folder / "hangup").touch if "SUPERVISED_HANGUP" in os.environ else None,
        )
        try:
            supervisor.run()
        except SelfhealError as error:
            logging.error("%s", error)  # noqa: LOG015, TRY400  the line that the test reads
            return 2
        finally:
            stackfile.remove(opened.stack_file)
    return 0


PORTS = (stack.POSTGRES_PORT, stack.NATS_PORT, stack.PREFECT_PORT)

if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(run_guarded(main))
