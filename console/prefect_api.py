"""The few calls of Prefect's REST API that the command line makes, without importing Prefect."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import httpx

from selfheal.model.errors import Permanent, SelfhealError, Transient

HEALTH_TIMEOUT_S = 1.0
CALL_TIMEOUT_S = 5.0
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


class Refused(SelfhealError):
    """The server answered, and does not take this: its status code and its words."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """Where a run stands.

    Attributes:
        kind: Prefect's type of state, e.g. COMPLETED.
        name: ours where a heal ended, e.g. Healed.
        message: what happened, for a person.
    """

    kind: str
    name: str
    message: str

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.kind in ENDED


class PrefectApi:
    """One server.

    Args:
        url: where its UI is found.
    """

    def __init__(self, url: str) -> None:
        self._ui = url
        secret = os.environ.get("PREFECT_API_AUTH_STRING", "")
        user, _, password = secret.partition(":")
        self._client = httpx.Client(
            base_url=f"{url}/api",
            timeout=CALL_TIMEOUT_S,
            trust_env=False,
            auth=(user, password) if secret else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def answers(self) -> bool:
        """Whether the server says within a second that it is healthy."""
        try:
            answer = self._client.get("/health", timeout=HEALTH_TIMEOUT_S)
            return answer.is_success and answer.json() is True
        except (httpx.HTTPError, ValueError):
            return False

    def start(self, deployment: str, parameters: Mapping[str, Any], *, key: str) -> UUID:
        """Begin a run of a deployment; the same key again is the same run.

        Args:
            deployment: FLOW/NAME.
            parameters: of the flow.
            key: idempotency key.

        Raises:
            Transient: no answer.
            Refused: the server does not take it.
        """
        found = self.call("GET", f"/deployments/name/{deployment}")
        body = {"parameters": dict(parameters), "idempotency_key": key}
        return UUID(self.call("POST", f"/deployments/{UUID(found['id'])}/create_flow_run", body)["id"])

    def state(self, run: UUID) -> RunState:
        """Where a run stands; raises what `start` raises."""
        state = self.call("GET", f"/flow_runs/{run}").get("state") or {}
        return RunState(
            kind=state.get("type") or "PENDING",
            name=state.get("name") or "Pending",
            message=state.get("message") or "",
        )

    def link(self, run: UUID) -> str:
        """Where a person looks at a run."""
        return f"{self._ui}/runs/flow-run/{run}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One call; raises what `start` raises."""
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Transient(f"the Prefect server does not answer: {type(error).__name__}") from error
        if not answer.is_success:
            raise Refused(f"the Prefect server answered {answer.status_code}: {answer.text[:200]}")
        try:
            return answer.json()
        except ValueError as error:
            raise Permanent("the Prefect server answered no JSON", hint="see `selfheal doctor`") from error
