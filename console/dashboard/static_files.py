"""`/static/...`: the style, the script and the icon; read once, and known to browsers by their content."""

import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.dashboard.address import NotFound
from console.dashboard.pages import Route

KINDS = {"selfheal.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
KEPT = "no-cache"
"""Kept, and asked for each time whether it is still the same: after an upgrade nobody has yesterday's style."""
router = APIRouter(route_class=Route)


@cache
def _content(name: str) -> tuple[bytes, str]:
    """A file and its tag."""
    content = files("console.dashboard").joinpath("static", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """One of the three files."""
    if name not in KINDS:
        raise NotFound("there is no such file")
    content, tag = _content(name)
    headers = {"etag": tag, "cache-control": KEPT}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type=KINDS[name], headers=headers)
