"""Every request has an id: in the answer, in the log, in the audit."""

import re
import secrets

_SANE = re.compile(r"[A-Za-z0-9_-]{8,64}")


def request_id(wanted: str | None) -> str:
    """The sender's own, if it is a short plain word; else a new one."""
    return wanted if wanted is not None and _SANE.fullmatch(wanted) else secrets.token_hex(8)
