"""Where people find what is told of: the addresses of our own pages."""

from dataclasses import dataclass
from uuid import UUID


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

    def predictions(self) -> str:
        """The page of what is foretold; the same."""
        return self._of("predictions")

    def _of(self, path: str) -> str:
        return f"{self.base}/{path}" if self.base else ""
