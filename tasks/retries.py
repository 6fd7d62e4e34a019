"""How tasks retry: observing and recording, and only what may go through later."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from selfheal.model.errors import Transient
from selfheal.protocol.plain import RETRY_DELAYS_S


def if_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the task failed with `Transient`: everything else would fail again."""
    try:
        state.result()
    except Transient:
        return True
    except Exception:  # noqa: BLE001 - whatever else it is, it is not worth a retry
        return False
    return False


RETRYING: dict[str, Any] = {
    "retries": len(RETRY_DELAYS_S),
    "retry_delay_seconds": list(RETRY_DELAYS_S),
    "retry_condition_fn": if_transient,
    "persist_result": False,
}
ONCE: dict[str, Any] = {"retries": 0, "persist_result": False}
