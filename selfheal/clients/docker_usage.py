"""Reads what Docker tells of a container's use, whatever version its control groups are of."""

from collections.abc import Mapping
from typing import Any

from selfheal.model.usage import ContainerUsage


def usage_of(told: Mapping[str, Any]) -> ContainerUsage | None:
    """What `/containers/ID/stats` told; None where it told nothing: the container has just ended."""
    memory, cpu = told.get("memory_stats") or {}, told.get("cpu_stats") or {}
    used, limit, total = memory.get("usage"), memory.get("limit"), (cpu.get("cpu_usage") or {}).get("total_usage")
    if not used or not limit or total is None:
        return None
    details = memory.get("stats") or {}
    given_back = details.get("total_inactive_file", details.get("inactive_file", 0))
    return ContainerUsage(
        cpu_s=total / 1e9,
        cpus=int(cpu.get("online_cpus") or 1),
        memory_bytes=max(used - given_back, 0),
        memory_limit_bytes=limit,
    )
