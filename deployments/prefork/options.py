"""What a prefork worker can be told: by environment variables, since `prefect worker start` has no options for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

RESERVED_QUEUE, MODULES, RUNS = "PREFORK_RESERVED_QUEUE", "PREFORK_MODULES", "PREFORK_RUNS"
RUNS_OF_ONE_ZYGOTE = 1000


@dataclass(frozen=True, kw_only=True)
class Options:
    """How one worker behaves.

    Attributes:
        reserved_queue: work queue for which one slot is always kept free; empty: none.
        modules: imported ahead, besides those of the pool's deployments.
        runs: after so many, the zygote is replaced by a new one.
    """

    reserved_queue: str = ""
    modules: tuple[str, ...] = ()
    runs: int = RUNS_OF_ONE_ZYGOTE

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Options":
        """Read them.

        Raises:
            ValueError: a value is none that can be meant; says which.
        """
        runs = environment.get(RUNS, "") or str(RUNS_OF_ONE_ZYGOTE)
        if not runs.isdecimal() or int(runs) == 0:
            raise ValueError(f"{RUNS}={runs!r}: must be a number of runs, at least 1")
        names = environment.get(MODULES, "").split(",")
        return cls(
            reserved_queue=environment.get(RESERVED_QUEUE, ""),
            modules=tuple(name.strip() for name in names if name.strip()),
            runs=int(runs),
        )
