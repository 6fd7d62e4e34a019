"""Kill -9 while a log is written by two writers and rotated: every line on disk counts exactly once."""

import gzip
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest
from estate_fixtures import PATIENCE_SECONDS, until
from sqlalchemy import Engine, text

from deployments.embedded.child import wrapped

HERE = Path(__file__).parent


def word(number: int) -> str:
    """A number in letters, which a signature does not mask."""
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


class Writers:
    """Two programs that append to one log, and what rotates it.

    Each writes on into the file that it has open until it is told to open the new one, as a real program does.
    """

    def __init__(self, path: Path, *, lines: int, rotate_every: int) -> None:
        self._path, self._lines, self._rotate_every = path, lines, rotate_every
        self._next, self._lock = 0, threading.Lock()
        self._rotations = 0
        self._may = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._write, args=(seed,)) for seed in range(2)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def let(self, lines: int) -> None:
        """Write so many more."""
        self._may.release(lines)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=300)

    def _write(self, seed: int) -> None:
        draw, log, opened = random.Random(seed), self._open(), 0  # noqa: S311 - no secret
        while (number := self._take()) < self._lines and self._may.acquire(timeout=PATIENCE_SECONDS):
            behind = self._rotations - opened
            if behind > 1 or (behind and draw.random() < 0.05):
                log.close()
                opened, log = self._rotations, self._open()
            log.write(f"FATAL worker said {word(number)}\n".encode())
            if number % self._rotate_every == self._rotate_every - 1:
                self._rotate()
        log.close()

    def _take(self) -> int:
        with self._lock:
            self._next += 1
            return self._next - 1

    def _open(self) -> IO[bytes]:
        return self._path.open("ab", buffering=0)

    def _rotate(self) -> None:
        """As logrotate does with `delaycompress`: parts to which nobody writes any more are packed."""
        with self._lock:
            self._rotations += 1
            self._path.rename(self._path.with_name(f"app.log.{self._rotations}"))
            self._path.touch()
            old = self._path.with_name(f"app.log.{self._rotations - 3}")
            if old.exists():
                with old.open("rb") as plain, gzip.open(f"{old}.gz", "wb") as packed:
                    shutil.copyfileobj(plain, packed)
                shutil.copystat(old, f"{old}.gz")
                old.unlink()


def looked(engine: Engine) -> bool:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM log_positions")) == 1


def check(engine: Engine, url: str, path: Path, *, lines: int, kills: int, rotate_every: int) -> None:
    draw = random.Random(4711)  # noqa: S311 - no secret
    writers = Writers(path, lines=lines, rotate_every=rotate_every)
    argv = wrapped([sys.executable, str(HERE / "log_process.py"), str(path)], parent=os.getpid())
    environment = {**os.environ, "SELFHEAL_DATABASE_URL": url}

    def counted() -> int:
        with engine.connect() as connection:
            return connection.scalar(text("SELECT coalesce(sum(hits), 0)::int FROM log_counts")) or 0

    path.touch()
    writers.start()
    share = lines // (kills + 1)
    for kill in range(kills + 1):
        before = counted()
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL)
        try:
            if not kill:
                until("it follows", lambda: looked(engine))
            writers.let(share if kill < kills else lines)
            if kill < kills:
                until("it reads on", lambda before=before: counted() > before)  # type: ignore[misc]
                threading.Event().wait(draw.random() * 0.2)
            else:
                writers.join()
                until("every line is counted", lambda: counted() >= lines, seconds=40)
        finally:
            process.kill()
            process.wait()
    with engine.connect() as connection:
        twice = connection.execute(text("SELECT message FROM system_errors WHERE occurrence_count <> 1")).all()
        rows = connection.scalar(text("SELECT count(*) FROM system_errors"))
        read = connection.scalar(text("SELECT lines FROM log_positions"))
        gaps = connection.scalar(text("SELECT count(*) FROM log_gaps"))
    assert (twice, rows, counted(), read, gaps) == ([], lines, lines, lines, 0)


def test_every_line_counts_once_through_kills(empty: Engine, database_url: str, tmp_path: Path) -> None:
    """Two kills, two writers, rotations with packing."""
    check(empty, database_url, tmp_path / "app.log", lines=1_200, kills=2, rotate_every=200)


@pytest.mark.usefixtures("campaign")
@pytest.mark.timeout(900)
def test_every_line_counts_once_through_fifty_kills(empty: Engine, database_url: str, tmp_path: Path) -> None:
    """Ten thousand lines."""
    check(empty, database_url, tmp_path / "app.log", lines=10_000, kills=50, rotate_every=500)
