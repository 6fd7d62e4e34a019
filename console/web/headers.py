"""What every answer says to the browser: take nothing from elsewhere, run no script but ours, tell nobody."""

from collections.abc import Iterable

Pairs = list[tuple[bytes, bytes]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HTTPS = {b"strict-transport-security": b"max-age=31536000"}
_KEPT_NOWHERE = {b"cache-control": b"no-store"}


def with_ours(headers: Iterable[tuple[bytes, bytes]], *, https: bool, request_id: str) -> Pairs:
    """The headers of an answer with ours; of ours only Cache-Control may be set by the route: a style sheet is kept."""
    ours = _ALWAYS | (_HTTPS if https else {}) | {b"x-request-id": request_id.encode()}
    theirs = [(name, value) for name, value in headers if name.lower() not in ours]
    kept = {} if any(name.lower() == b"cache-control" for name, _ in theirs) else _KEPT_NOWHERE
    return [*theirs, *ours.items(), *kept.items()]
