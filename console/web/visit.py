"""Who sends a request, and how they came in; the door finds it out before any route is asked."""

from dataclasses import dataclass
from enum import StrEnum

from selfheal.model.identity import Identity


class Way(StrEnum):
    """How somebody came in."""

    NOBODY = "nobody"  # no credentials, or none that live
    TOKEN = "token"  # noqa: S105 - a word, not one of them
    SESSION = "session"
    OPEN = "open"  # the open door of a demo


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request's sender.

    Attributes:
        way: how they came in.
        identity: who it is; None of nobody.
        csrf: what their forms must carry; empty where none is needed.
        secret: of the session or token, to look again whether it lives.
        address: where they call from.
        request_id: of this request: in logs, in the answer, in the audit.
    """

    way: Way
    identity: Identity | None
    csrf: str = ""
    secret: str = ""
    address: str
    request_id: str
