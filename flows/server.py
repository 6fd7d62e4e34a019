"""Whether the Prefect server answers: asked before a heal is run as a flow."""

import httpx
from prefect.settings import PREFECT_API_URL

_PATIENCE_S = 1.0


def answers() -> bool:
    """Whether the server says within a second that it is healthy."""
    url = PREFECT_API_URL.value()
    if not url:
        return False
    try:
        return httpx.get(f"{url}/health", timeout=_PATIENCE_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False
