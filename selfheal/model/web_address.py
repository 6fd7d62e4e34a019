"""Where people find what is told of: the addresses of our own pages."""

from dataclasses import dataclass
from uuid import UUID

_BY_ID = {"fault": "faults", "approval": "approvals"}
_PAGES = {"breaker": "breakers", "mechanism": "mechanisms", "prediction": "predictions", "workflows": "workflows"}
ALERTS = "alerts"


def page_of(key: str) -> str:
    """The page that tells most of what an alert is about, as a path without its first slash.

    Args:
        key: of the alert, like `fault/ID`, or the group of several, like `fault/web`.
    """
    kind, _, name = key.partition("/")
    if kind in _BY_ID:
        return f"{_BY_ID[kind]}/{name}" if _is_id(name) else _BY_ID[kind]
    return _PAGES.get(kind, ALERTS)


def _is_id(words: str) -> bool:
    try:
        return str(UUID(words)) == words
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class WebAddress:
    """The web server as people reach it.

    Attributes:
        base: like `http://127.0.0.1:4280`, without a slash at its end; empty: there is none, and pages have no address.
    """

    base: str = ""

    def fault(self, fault_id: UUID) -> str:
        """The page of one fault; empty without a web server."""
        return self._of(f"faults/{fault_id}")

    def approval(self, approval_id: UUID) -> str:
        """The page of one question to a person; the same."""
        return self._of(f"approvals/{approval_id}")

    def about(self, key: str) -> str:
        """The page of what an alert with this key, or of this group, is about; the same."""
        return self._of(page_of(key))

    def predictions(self) -> str:
        """The page of what is foretold; the same."""
        return self._of("predictions")

    def _of(self, path: str) -> str:
        return f"{self.base}/{path}" if self.base else ""
