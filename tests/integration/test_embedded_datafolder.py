"""The data folder: secrets made once, ports kept, one stack at a time, and clear words when it cannot be used."""

import json
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from embedded_fixtures import is_root

from deployments.embedded import datafolder, ports
from selfheal.model.errors import NotAllowed, Permanent

AUTOMATIC: dict[str, int | None] = {"nats.port": None, "postgres.port": None, "prefect.port": None}


def test_secrets_and_ports_are_made_once(scratch: Path) -> None:
    """A second opening finds the same credentials and ports; the secrets are ours alone, and all different."""
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC) as first:
        assert len(set(first.ports.values())) == 3
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC) as second:
        assert (second.credentials, second.ports) == (first.credentials, first.ports)
    kept = scratch / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    passwords = [value for name, value in json.loads(kept.read_text()).items() if value != "selfheal"]
    assert len(set(passwords)) == len(passwords) == 6
    assert not [password for password in passwords if password in repr(first)]


def test_servers_own_their_folders(scratch: Path) -> None:
    """Each server's folder is closed to others; under root it belongs to the servers' user."""
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC):
        for name in datafolder.SERVER_FOLDERS:
            found = (scratch / name).stat()
            assert stat.S_IMODE(found.st_mode) == 0o700
            assert (found.st_uid != 0) == is_root() or not is_root()
        assert (scratch / "logs").stat().st_uid == os.geteuid()


def test_a_credential_of_a_newer_release_is_added(scratch: Path) -> None:
    """A file that lacks a secret keeps the others as they are."""
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC) as first:
        pass
    kept = json.loads((scratch / "credentials.json").read_text())
    del kept["nats_password"]
    (scratch / "credentials.json").write_text(json.dumps(kept))
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC) as second:
        assert second.credentials.healing_user == first.credentials.healing_user
        assert second.credentials.nats_password != first.credentials.nats_password


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nats_user": 7}'])
def test_broken_credentials_are_refused(scratch: Path, content: str) -> None:
    """Credentials that cannot be read are never replaced in silence: the databases would be locked out."""
    scratch.mkdir()
    (scratch / "credentials.json").write_text(content)
    with pytest.raises(Permanent, match="restore the file from a backup"):
        datafolder.open_folder(scratch, wanted_ports=AUTOMATIC)
    assert (scratch / "credentials.json").read_text() == content


def test_one_stack_at_a_time(scratch: Path) -> None:
    """A second opening is refused with the number of the process that holds the folder."""
    with (
        datafolder.open_folder(scratch, wanted_ports=AUTOMATIC),
        pytest.raises(NotAllowed, match=rf"already runs in .* \(process {os.getpid()}\)"),
    ):
        datafolder.open_folder(scratch, wanted_ports=AUTOMATIC)


def test_a_kept_port_that_was_taken_moves(scratch: Path) -> None:
    """An automatic port that a foreign program has taken meanwhile is replaced; the others stay."""
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC) as first:
        pass
    with socket.create_server(("127.0.0.1", first.ports["nats.port"])):  # noqa: SIM117  the order is the point
        with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC) as second:
            assert second.ports["nats.port"] != first.ports["nats.port"]
            assert second.ports["prefect.port"] == first.ports["prefect.port"]


def test_a_port_set_by_a_person_is_refused_by_name(scratch: Path) -> None:
    """A port that a person chose is never moved: the refusal names the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        taken = foreign.getsockname()[1]
        with pytest.raises(Permanent, match=f"port {taken} is in use.* set prefect.port"):
            datafolder.open_folder(scratch, wanted_ports=AUTOMATIC | {"prefect.port": taken})
    with pytest.raises(Permanent, match=r"prefect.port = 70000 is no port"):
        datafolder.open_folder(scratch, wanted_ports=AUTOMATIC | {"prefect.port": 70000})
    with datafolder.open_folder(scratch, wanted_ports=AUTOMATIC | {"prefect.port": taken}) as folder:
        assert folder.ports["prefect.port"] == taken


def test_a_broken_port_file_means_new_ports(tmp_path: Path) -> None:
    """Ports are no treasure: an unreadable file is replaced."""
    (tmp_path / "ports.json").write_text('{"nats.port": "x", "prefect.port": 99999999}')
    chosen = ports.settle(tmp_path / "ports.json", wanted=AUTOMATIC)
    assert json.loads((tmp_path / "ports.json").read_text()) == chosen


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """A path that cannot be a folder is refused with what to do."""
    (tmp_path / "data").touch()
    with pytest.raises(Permanent, match="name another data folder"):
        datafolder.open_folder(tmp_path / "data", wanted_ports=AUTOMATIC)


def test_an_unknown_server_user_is_refused(scratch: Path) -> None:
    """A servers' user that does not exist, or is root, is refused before anything is made for it."""
    if not is_root():
        pytest.skip("only root chooses the servers' user")
    for user, message in (("no-such-user", "no user 'no-such-user'"), ("root", "user 'root' is root")):
        with pytest.raises(Permanent, match=message):
            datafolder.open_folder(scratch, wanted_ports=AUTOMATIC, server_user=user)


def test_a_full_disk_is_told(scratch: Path) -> None:
    """On a full disk the folder is refused in words, and no half-written file stays."""
    scratch.mkdir()
    mounted = is_root() and (
        subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=64", "none", str(scratch)],
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("a small disk can only be made by root with the right to mount")
    try:
        (scratch / "fill").write_bytes(b"x" * 4096)
        with pytest.raises(Permanent, match="No space left on device"):
            datafolder.open_folder(scratch, wanted_ports=AUTOMATIC)
        assert not (scratch / "credentials.json").exists()
        assert not list(scratch.glob(".credentials*"))
    finally:
        subprocess.run(["/bin/umount", str(scratch)], check=True)
