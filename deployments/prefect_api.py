"""Prefect's REST API as the command line and the stack use it, without importing Prefect.

Every call is bounded in time and ends in an answer or in an error that a person can act on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import httpx

from selfheal.model.errors import NotAllowed, Permanent, SelfhealError, Transient

HEALTH_TIMEOUT_S = 1.0
CALL_TIMEOUT_S = 5.0
PAGE, BULK = 200, 200
"""Objects that one call reads, and runs that one deletes."""
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


class Refused(SelfhealError):
    """The server answered, and does not take this: its status code and its words."""

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


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


def by_ids(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The filter of Prefect's API that finds these objects again."""
    return {"id": {"any_": [one["id"] for one in found]}}


def in_bulk(runs: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The filters that find these runs again, each so many of them as one call may delete."""
    for first in range(0, len(runs), BULK):
        yield by_ids(runs[first : first + BULK])


class PrefectApi:
    """One server.

    Args:
        url: where its UI is found; the API is below it, at `/api`.
        auth_string: USER:PASSWORD where the server asks for it; empty: it does not.
        timeout_s: of one call.
    """

    def __init__(self, url: str, *, auth_string: str = "", timeout_s: float = CALL_TIMEOUT_S) -> None:
        self.url = url
        user, _, password = auth_string.partition(":")
        self._client = httpx.Client(
            base_url=f"{url}/api",
            timeout=timeout_s,
            trust_env=False,
            auth=(user, password) if auth_string else None,
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
        return f"{self.url}/runs/flow-run/{run}"

    def find(self, path: str) -> Any:
        """One object; None when the server has none there. Raises what `start` raises."""
        try:
            return self.call("GET", path)
        except Refused as error:
            if error.code == httpx.codes.NOT_FOUND:
                return None
            raise

    def all_of(self, path: str, body: Mapping[str, Any]) -> list[Any]:
        """Every object that a `/filter` call finds, page by page; raises what `start` raises."""
        found: list[Any] = []
        while True:
            page = self.call("POST", path, {**body, "limit": PAGE, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    def call(self, method: str, path: str, body: object = None, *, timeout_s: float | None = None) -> Any:
        """One call; gives its JSON, or None where there is none.

        Args:
            method: of HTTP.
            path: below the API's address.
            body: sent as JSON.
            timeout_s: another one than usual.

        Raises:
            Transient: no answer.
            NotAllowed: the server asks for an authentication that we do not have.
            Refused: the server answered, and does not take this.
            Permanent: what answers is no Prefect server.
        """
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout_s or self._client.timeout)
        except httpx.TimeoutException as error:
            raise Transient(
                f"the Prefect server at {self.url} gave no answer in time",
                hint="see whether its process is frozen or the network drops its packets",
            ) from error
        except httpx.HTTPError as error:
            raise Transient(
                f"the Prefect server at {self.url} does not answer: {type(error).__name__}",
                hint="see whether it runs, and whether its address is right",
            ) from error
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise NotAllowed(
                f"the Prefect server at {self.url} does not let us in ({answer.status_code})",
                hint="set prefect.auth_string to the server's own (SELFHEAL_PREFECT__AUTH_STRING)",
            )
        if not answer.is_success:
            raise Refused(
                f"the Prefect server answered {answer.status_code}: {answer.text[:200]}",
                code=answer.status_code,
                hint="its database may be away: see to Postgres first, then its log" if answer.is_server_error else "",
            )
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise Permanent(
                f"what answers at {self.url} is no Prefect server: its answer is no JSON", hint="see `selfheal doctor`"
            ) from error
