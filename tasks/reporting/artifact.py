"""Writes artifacts. Nobody waits long for one: it comes after what it tells of, and may be lost.

Prefect's own functions wait as long as any call to the server, and repeat it: a minute and more for each artifact
while the server is frozen. Here one call gets 2 s and is not repeated.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from prefect.context import SyncClientContext
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.utilities.context import get_task_and_flow_run_ids

from selfheal.store.text import clean

_PATIENCE_S = 2.0


def keep_markdown(text: str, *, key: str | None, description: str) -> None:
    """A page of the run at hand.

    Args:
        text: in Markdown.
        key: under which its versions are found together among the artifacts; None: only its run has it.
        description: what it is.
    """
    _write("markdown", text, key=key, description=description)


def keep_table(rows: Sequence[Mapping[str, object]], *, key: str, description: str) -> None:
    """A table under its key, which gets a new version only when it differs: its runs are many, and each looks."""
    text = json.dumps(clean([dict(row) for row in rows]))
    if _newest(key) != text:
        _write("table", text, key=key, description=description)


def _newest(key: str) -> Any:
    """What is kept under the key; None if nothing is."""
    wanted = {"artifacts": {"key": {"any_": [key]}}, "limit": 1}
    found = _asked("/artifacts/latest/filter", wanted)
    return found[0]["data"] if found else None


def _write(kind: Literal["markdown", "table"], data: str, *, key: str | None, description: str) -> None:
    task_run, flow_run = get_task_and_flow_run_ids()
    told = {"type": kind, "key": key, "description": description, "data": clean(data)}
    _asked("/artifacts/", {**told, "flow_run_id": _text(flow_run), "task_run_id": _text(task_run)})


def _text(run: object) -> str | None:
    return None if run is None else str(run)


def _asked(path: Any, body: Mapping[str, Any]) -> Any:
    """One call to the server."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), SyncClientContext.get_or_create() as context:
        return context.client.request("POST", path, json=dict(body), timeout=_PATIENCE_S).json()
