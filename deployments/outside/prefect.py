"""A Prefect server by the url of its API; `stack` makes of it what is waited for instead of a part."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selfheal.model.errors import NotAllowed, Permanent, Transient
from selfheal.settings.servers import PrefectServer

if TYPE_CHECKING:
    from deployments.prefect_api import PrefectApi

PATIENCE_S = 3.0
MAJOR = "3."


@dataclass(frozen=True, kw_only=True)
class OutsidePrefect:
    """One server of somebody else's."""

    api_url: str
    auth_string: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: PrefectServer) -> "OutsidePrefect":
        """The server that the settings name."""
        return cls(api_url=settings.url, auth_string=settings.auth_string.get_secret_value())

    @property
    def ui_url(self) -> str:
        """Where a person finds the UI."""
        return self.api_url.removesuffix("/api")

    @property
    def where(self) -> str:
        """The address, without credentials."""
        return self.ui_url

    def ready(self) -> bool:
        """Say that it lets us in and is a Prefect 3; raises what `check` raises."""
        from deployments.prefect_api import PrefectApi  # noqa: PLC0415  keeps the reading commands fast

        with PrefectApi(self.ui_url, auth_string=self.auth_string) as api:
            check(api)
        return True


def check(api: "PrefectApi") -> None:
    """See that it lets us in and is a Prefect 3.

    Raises:
        Transient: it is away, or what stands before it says so.
        Permanent: it does not let us in, or is no Prefect 3.
    """
    from deployments.prefect_api import Refused  # noqa: PLC0415  as above

    try:
        version = str(api.call("GET", "/admin/version", timeout_s=PATIENCE_S))
    except NotAllowed as error:
        raise Permanent(error.message, hint=error.hint) from error
    except Refused as error:
        if error.code >= 500:  # noqa: PLR2004 - HTTP's own border: the server's fault, and not ours
            raise Transient(error.message, hint="see that server's own log") from error
        raise Permanent(
            f"what answers at {api.url}/api is no Prefect server ({error.code})",
            hint="set prefect.url to the address of its API, like http://HOST:4200/api",
        ) from error
    if not version.startswith(MAJOR):
        raise Permanent(f"the Prefect server at {api.url} is {version}", hint="Selfheal needs a Prefect 3 server")
