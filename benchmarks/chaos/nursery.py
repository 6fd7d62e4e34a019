"""Makes dispatchers: a process that has imported everything once and forks one for each line that it reads.

Run as `python -m benchmarks.chaos.nursery FOLDER [--flows]`. A line in says what `dispatchers.Dispatchers.fill` asks
for, a line out is the pid. Its dispatchers die with it. A fork takes milliseconds, a cold start a second of CPU.
"""

import ctypes
import importlib
import json
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.chaos.dispatcher import run

_PR_SET_PDEATHSIG = 1
_FAILED = 1


def main(folder: Path, *, flows: bool) -> None:
    """Fork until the input ends."""
    if flows:
        importlib.import_module("flows.application_health")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the dead away
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(folder, asked)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(folder: Path, asked: dict[str, Any]) -> NoReturn:
    """The child: a dispatcher with a log of its own, and nothing of ours but what was imported."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(folder / "logs" / f"{asked['name']}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(old, new)
    os.environ |= asked["environment"]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s", force=True)
    code = 0
    try:
        run(asked["task"], target=asked["target"], mutants=asked["mutants"])
    except BaseException:  # noqa: BLE001 - a fork never returns into its parent's frames
        traceback.print_exc()
        code = _FAILED
    os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), flows="--flows" in sys.argv)
