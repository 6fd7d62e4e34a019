"""The campaign's own notebook: one JSON line a deed, on disk before the deed; read by the checker and by `--resume`."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Notes:
    """Appends to a file in a folder; any thread may write, and any process, each line at once."""

    def __init__(self, folder: Path, name: str = "notes.jsonl") -> None:
        self._file = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()

    def write(self, kind: str, **values: Any) -> None:
        """Note something; `at` is now unless it is given."""
        line = json.dumps({"kind": kind, "at": time.time(), **values})
        with self._lock:
            os.write(self._file, f"{line}\n".encode())
            os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
