"""The limits of a container out of the kernel's files, as version 1 and version 2 write them."""

from pathlib import Path

import pytest

from selfheal.clients.cgroup import Group, own_group
from selfheal.clients.host import Host

# As a host with both versions has them; values of a container with --memory=512m --cpus=1.5.
V2_STAT = "anon 201326592\nfile 104857600\nkernel 1048576\ninactive_file 83886080\nactive_file 20971520\n"
V2_CPU = "usage_usec 123456789\nuser_usec 100000000\nsystem_usec 23456789\nnr_periods 10\nnr_throttled 1\n"
V1_STAT = "cache 535662592\nrss 201326592\ninactive_file 1\ntotal_cache 535662592\ntotal_inactive_file 315166720\n"
UNLIMITED = "9223372036854771712"
V1_CGROUP = "".join(
    f"{number}:{name}:{path}\n"
    for number, name, path in (
        (9, "name=systemd", "/"),
        (4, "memory", "/docker/4711"),
        (2, "cpuacct", "/docker/4711"),
        (1, "cpu", "/docker/4711"),
        (0, "", "/"),
    )
)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def v2(memory: str = "536870912", cpu: str = "150000 100000", folder: str = "sys/fs/cgroup") -> dict[str, str]:
    return {
        f"{folder}/memory.max": f"{memory}\n",
        f"{folder}/memory.current": "306184192\n",
        f"{folder}/memory.stat": V2_STAT,
        f"{folder}/cpu.max": f"{cpu}\n",
        f"{folder}/cpu.stat": V2_CPU,
        "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    }


def v1(group: str = "", memory: str = "536870912", quota: str = "150000") -> dict[str, str]:
    return {
        f"sys/fs/cgroup/memory{group}/memory.limit_in_bytes": f"{memory}\n",
        f"sys/fs/cgroup/memory{group}/memory.usage_in_bytes": "597118976\n",
        f"sys/fs/cgroup/memory{group}/memory.stat": V1_STAT,
        f"sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us": f"{quota}\n",
        f"sys/fs/cgroup/cpu{group}/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/cpuacct{group}/cpuacct.usage": "3635553304210\n",
    }


def test_version_2_in_a_name_space_of_its_own(tmp_path: Path) -> None:
    """What is mounted is ours; what the kernel gives back at once is not counted."""
    root = write(tmp_path, {"proc/self/cgroup": "0::/\n"} | v2())
    assert own_group(root) == Group(
        cpu_s=123.456789, cpus=1.5, memory_bytes=306184192 - 83886080, memory_limit_bytes=536870912
    )


def test_version_2_without_limits(tmp_path: Path) -> None:
    """`max` is no limit."""
    found = own_group(write(tmp_path, {"proc/self/cgroup": "0::/\n"} | v2(memory="max", cpu="max 100000")))
    assert (found.memory_limit_bytes, found.cpus, found.cpu_s) == (None, None, 123.456789)


def test_version_2_on_the_host_itself(tmp_path: Path) -> None:
    """A service below a slice: the tightest limit on the way up counts, with the usage of the group that has it."""
    folder = "sys/fs/cgroup/system.slice"
    slices = v2(folder=folder, memory="400000000", cpu="max 100000")
    service = v2(folder=f"{folder}/selfheal.service", memory="max", cpu="50000 100000")
    service[f"{folder}/selfheal.service/memory.current"] = "1\n"
    root = write(tmp_path, {"proc/self/cgroup": "0::/system.slice/selfheal.service\n"} | slices | service)
    found = own_group(root)
    assert (found.memory_limit_bytes, found.memory_bytes, found.cpus) == (400000000, 306184192 - 83886080, 0.5)


def test_version_1_with_the_hosts_paths(tmp_path: Path) -> None:
    """Docker mounts a container's own groups, whatever path the kernel tells."""
    found = own_group(write(tmp_path, {"proc/self/cgroup": V1_CGROUP} | v1()))
    assert found == Group(
        cpu_s=3635.55330421, cpus=1.5, memory_bytes=597118976 - 315166720, memory_limit_bytes=536870912
    )


def test_version_1_on_the_host_itself(tmp_path: Path) -> None:
    """Our group lies below what is mounted; the root has no limits."""
    above = v1(memory=UNLIMITED, quota="-1")
    root = write(tmp_path, {"proc/self/cgroup": V1_CGROUP} | above | v1("/docker/4711", memory="100000000"))
    found = own_group(root)
    assert (found.memory_limit_bytes, found.cpus, found.cpu_s) == (100000000, 1.5, 3635.55330421)


def test_version_1_without_limits(tmp_path: Path) -> None:
    """The largest number of pages and -1 are no limits."""
    found = own_group(write(tmp_path, {"proc/self/cgroup": V1_CGROUP} | v1(memory=UNLIMITED, quota="-1")))
    assert (found.memory_limit_bytes, found.cpus) == (None, None)


def test_version_1_with_both_of_the_processor_at_one_place(tmp_path: Path) -> None:
    """As Debian and Red Hat mounted them."""
    files = {
        name.replace("/cpu/", "/cpu,cpuacct/").replace("/cpuacct/", "/cpu,cpuacct/"): x for name, x in v1().items()
    }
    found = own_group(write(tmp_path, {"proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n"} | files))
    assert (found.cpus, found.cpu_s) == (1.5, 3635.55330421)


@pytest.mark.parametrize("cgroup", ["0::/../../etc\n", "0::/no/such/group\n", "nonsense\n", "\x00\n", None])
def test_a_path_that_is_not_there_is_what_is_mounted(tmp_path: Path, cgroup: str | None) -> None:
    """A group outside our name space is told with dots; no file outside the mount is read."""
    files = v2() | ({} if cgroup is None else {"proc/self/cgroup": cgroup})
    assert own_group(write(tmp_path, files)).memory_limit_bytes == 536870912


def test_files_that_say_nothing(tmp_path: Path) -> None:
    """Broken and missing files limit nothing and break nothing."""
    files = dict.fromkeys(v2(), "max max max\n") | {"proc/self/cgroup": "0::/\n"}
    assert own_group(write(tmp_path, files)) == Group()
    assert own_group(tmp_path / "nowhere") == Group()


def test_a_containers_limits_stand_in_place_of_the_hosts(tmp_path: Path) -> None:
    """Memory by its limit, processor time by its quota; a limit above what the host has limits nothing."""
    root = write(tmp_path, {"proc/self/cgroup": "0::/\n"} | v2(cpu="50000 100000"))
    found = Host(root).usage()
    assert (found.limited, found.memory_limit_bytes, found.cpus, found.cpu_s) == (True, 536870912, 0.5, 123.456789)
    assert found.memory_percent == pytest.approx(41.4, abs=0.1)
    write(tmp_path, v2(memory=str(1 << 50), cpu="max 100000"))
    found = Host(root).usage()
    assert (found.limited, found.memory_limit_bytes < 1 << 50, found.cpus >= 1) == (False, True, True)


def test_this_machine_can_be_read() -> None:
    """Whatever it has: usage within what there is."""
    found = Host().usage()
    assert found.cpu_s > 0
    assert found.uptime_s > 0
    assert 0 < found.memory_bytes <= found.memory_limit_bytes
    assert own_group().memory_bytes is None or own_group().memory_bytes != 0
