"""Cross-site request forgery: what changes something must come from a page of ours, and carry its token."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from console.web.hosts import Hosts
from console.web.refusal import Refusal
from console.web.visit import Visit, Way

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
FIELD, HEADER = "csrf", "x-csrf-token"


def judged(visit: Visit, headers: Mapping[str, str], body: bytes, hosts: Hosts) -> Refusal | None:
    """Whether a request that may change something is refused.

    A program that shows its token needs no more: no browser adds that header by itself. JSON cannot be sent from
    another site without its browser asking us first, which we do not answer; so it needs no token at the open door.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {FORM, JSON} and (kind or body):
        return Refusal(
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="WRONG_CONTENT_TYPE",
            message=f"the body must be {JSON}, or {FORM} from a form",
        )
    if visit.way is Way.TOKEN:
        return None
    host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
    if not hosts.same_origin(host=host, origin=origin, site=site):
        return _forged("it was sent by a page of another site")
    if visit.way is Way.NOBODY or (visit.way is Way.OPEN and kind == JSON):
        return None
    given = headers.get(HEADER) or (_field(body) if kind == FORM else "")
    if not given or not hmac.compare_digest(given.encode(), visit.csrf.encode()):
        return _forged("the form is not of this login")
    return None


def _forged(why: str) -> Refusal:
    return Refusal(
        status=HTTPStatus.FORBIDDEN,
        code="FORGED",
        message=f"refused: {why}",
        hint="load the page again, and send it anew",
    )


def _field(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=100)
    except ValueError:
        return ""
    return fields.get(FIELD, [""])[0]
