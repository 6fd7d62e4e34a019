"""What is Selfheal's own on this machine."""

import subprocess
import sys

from console import discover_ours
from selfheal.settings.file import parse


def test_a_process_of_selfheal_is_known_by_its_command() -> None:
    """Not by a word that only stands in some program's arguments."""
    program = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with (
        subprocess.Popen([*program, "console.cli"], stdin=subprocess.PIPE) as ours,
        subprocess.Popen([*program, "a", "b", "c", "selfheal"], stdin=subprocess.PIPE) as other,
    ):
        found = discover_ours.pids()
        for process in (ours, other):
            process.communicate()
    assert ours.pid in found
    assert other.pid not in found


def test_a_process_that_is_gone_is_in_no_container() -> None:
    """Nothing breaks when it ends meanwhile."""
    assert discover_ours.containers([2**22 + 1]) == frozenset()


def test_servers_by_url_on_this_machine_are_ours() -> None:
    """Only those that listen here: a container of this machine publishes no port of another one."""
    urls = {"postgres": "postgresql://127.0.0.1:15432/selfheal", "nats": "nats://broker.example:4222"}
    passwords = {"migrator_password": "m", "healer_password": "h", "prefect_password": "p"}
    settings = parse({"postgres": {"url": urls["postgres"]} | passwords, "nats": {"url": urls["nats"]}}, source="it")
    assert discover_ours.ports(settings) == {15432}
