"""What the stack gives its web server: settings without secrets, its database role, where Prefect is."""

import os
from pathlib import Path

from deployments import accepted
from deployments.embedded import roles, web
from deployments.embedded.datafolder import DataFolder
from deployments.embedded.files import write_private
from deployments.embedded.stack import WEB_PORT, Servers
from deployments.embedded.web import WebServer
from selfheal.settings.estate import Settings
from selfheal.settings.file import gathered, parse, text_of
from selfheal.settings.written import as_file, without_secrets
from selfheal.store.tokens import new_secret


def described(folder: DataFolder, servers: Servers, settings: Settings, *, open_door: bool) -> WebServer | None:
    """The web server of an opened folder; None: the settings want none."""
    if not settings.web.enabled:
        return None
    environment = {
        "SELFHEAL_API_DATABASE_URL": servers.database_url(roles.API),
        "PREFECT_API_URL": servers.prefect.api_url,
    }
    secret = settings.prefect.auth_string.get_secret_value()
    if secret:
        environment["PREFECT_API_AUTH_STRING"] = secret
    return WebServer(
        folder=folder.path / "web",
        log=folder.logs / "web.log",
        host=settings.web.host,
        port=folder.ports[WEB_PORT],
        url=settings.web.address(folder.ports[WEB_PORT]),
        environment=environment,
        open_secret=new_secret() if open_door else "",
        identity=web.run_as(settings.run_as, folder=folder.path),
    )


def give_settings(data: Path) -> None:
    """Write what is in force for the web server, without what is secret in it; a running one takes it up by itself.

    Raises:
        Permanent: the disk is full.
    """
    copy = accepted.copy_in(data)
    values = gathered(text_of(copy), path=copy, environment=os.environ)
    public = without_secrets(values, parse(values, source=str(copy)))
    folder = data / "web"
    seen = folder.stat()
    write_private(folder / web.SETTINGS, as_file(public), owner=(seen.st_uid, seen.st_gid))
