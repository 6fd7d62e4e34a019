"""What a container's use comes to, in percent. Used by the watcher."""

from selfheal.model.usage import ContainerUsage


def values_of(usage: ContainerUsage, before: ContainerUsage | None, *, passed_s: float) -> dict[str, float]:
    """All that can be told, by metric.

    Args:
        usage: now.
        before: the look before; None: there was none.
        passed_s: how long ago that was.
    """
    values = {
        "memory_bytes": float(usage.memory_bytes),
        "memory_percent": 100 * usage.memory_bytes / usage.memory_limit_bytes,
    }
    if before is not None and passed_s > 0 and usage.cpu_s >= before.cpu_s:  # less: it was started anew
        values["cpu_percent"] = min(100 * (usage.cpu_s - before.cpu_s) / (passed_s * usage.cpus), 100.0)
    return values
