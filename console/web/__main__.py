"""`python -m console.web`: the web server's process, which `selfheal up` starts, and keeps running.

Its environment: SELFHEAL_API_DATABASE_URL (the role selfheal_api), SELFHEAL_CONFIG, PREFECT_API_URL, and
PREFECT_API_AUTH_STRING where Prefect asks for it; in a demo SELFHEAL_OPEN_DOOR, the token that everybody comes in by.
It has no other secret.
"""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from console.web.application import application
from console.web.follow import following
from console.web.protocol import LARGEST_HEAD, Impatient
from console.web.services import Surroundings, connected
from selfheal.logs import TEXT, JsonFormatter, Masked
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.settings.file import load
from selfheal.settings.logs import Logging
from selfheal.settings.web import Web

DATABASE, CONFIG, OPEN_DOOR = "SELFHEAL_API_DATABASE_URL", "SELFHEAL_CONFIG", "SELFHEAL_OPEN_DOOR"
REFUSED = 78
"""The supervisor shows the last line that we wrote, and gives up at the first start."""
KEEP_ALIVE_S, GRACE_S = 15, 3


def main(words: Sequence[str] | None = None) -> int:
    """Serve until a stop signal."""
    parser = argparse.ArgumentParser(prog="python -m console.web", description=__doc__)
    parser.add_argument("--port", type=int, help="where to listen; else web.port")
    parser.add_argument("--open-door", action="store_true", help="let everybody in: a demo's, on loopback only")
    options = parser.parse_args(words)
    try:
        _serve(options.port, open_door=options.open_door)
    except SelfhealError as error:
        sys.stderr.write(f"selfheal: {' '.join(str(error).splitlines())}\n")
        return REFUSED
    return 0


def _serve(port: int | None, *, open_door: bool) -> None:
    named = os.environ.get(CONFIG)
    config = Path(named) if named else None
    settings = load(config)
    _log_as(settings.logging)
    around = Surroundings(
        database_url=_needed(DATABASE),
        port=settings.web.port if port is None else port,
        prefect_ui=_needed("PREFECT_API_URL").removesuffix("/api"),
        prefect_login=os.environ.get("PREFECT_API_AUTH_STRING", ""),
        open_secret=_needed(OPEN_DOOR) if open_door else "",
    )

    def beside(app: FastAPI) -> AbstractAsyncContextManager[None]:
        return following(app, config, around)

    app = application(connected(settings, around), ending=lambda: server.should_exit, around=beside)
    server = uvicorn.Server(_uvicorn(app, settings.web, around.port))
    gc.collect()
    gc.freeze()  # what lives as long as the process is not looked through again and again: a fifth of a query's time
    server.run()


def _uvicorn(app: FastAPI, web: Web, port: int) -> uvicorn.Config:
    """One process, HTTP/1.1. Whom a proxy speaks for is believed from loopback, and where people come through one."""
    return uvicorn.Config(
        app,
        host=web.host,
        port=port,
        loop="asyncio",
        ws="none",
        http=Impatient,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(web.public_url),
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def _needed(name: str) -> str:
    """A variable that must be there."""
    value = os.environ.get(name)
    if not value:
        raise Permanent(f"{name} is not set", hint="the web server is started by `selfheal up`")
    return value


def _log_as(settings: Logging) -> None:
    """On stderr, which the stack puts into the server's own log."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.format == "json" else logging.Formatter(TEXT))
    handler.addFilter(Masked())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    for name in ("uvicorn.error", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
