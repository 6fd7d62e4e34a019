"""What mechanisms publish for others about how things stand: one shape for all of them."""

import json
from collections.abc import Mapping
from datetime import datetime


def monitoring_message(*, source: str, status: str, metrics: Mapping[str, object], at: datetime) -> bytes:
    """JSON: who says it, how it stands (OPERATIONAL, DEGRADED, DOWN or UNKNOWN), what was measured, and when (UTC)."""
    said = {"source": source, "status": status, "metrics": dict(metrics), "at": at.isoformat(timespec="milliseconds")}
    return json.dumps(said, default=str).encode()
