"""What a use of memory and processors comes to, in percent. Used by the watcher and by the probe of memory."""

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


def memory_values(used: float, most: float) -> dict[str, float]:
    """The same of a figure of memory, in percent of what the settings let it use; more than that is sick."""
    return {"memory_bytes": float(used), "memory_percent": 100 * used / most}
