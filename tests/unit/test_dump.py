"""What is said when `pg_restore` ends badly, or before it has read the whole dump."""

import io
from pathlib import Path

import pytest

from deployments.embedded import dump
from selfheal.model.errors import Permanent

DUMP = b"x" * (1 << 20)
"""More than a pipe holds."""


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("echo 'role \"x\" does not exist' >&2; exit 1", 'role "x" does not exist'),
        ("head -c 10 >/dev/null; exit 0", "did not read all of the dump"),
        ("cat >/dev/null; echo no >&2; exit 1", "no"),
    ],
    ids=["at once", "well, too early", "at the end"],
)
def test_a_restore_that_ended_early_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, told: str
) -> None:
    """Its own words are told; one that says that all is well is not believed where it did not read all."""
    restore = tmp_path / "pg_restore"
    restore.write_text(f"#!/bin/sh\n{program}\n")
    restore.chmod(0o755)
    monkeypatch.setattr(dump, "binaries", lambda: tmp_path)
    with pytest.raises(Permanent, match=told):
        dump.restore("dbname=x", io.BytesIO(DUMP))
