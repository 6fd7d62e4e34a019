"""The web server, dashboard and API, and the tokens that persons are known by."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from selfheal.settings.values import Address, Duration, Port, Section


class Web(Section):
    """The dashboard and the API."""

    enabled: bool = True
    """Whether `selfheal up` starts it."""
    port: Port = 4280
    """Where it listens; 0 picks a free port at first start and keeps it."""
    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,100}$")] = "127.0.0.1"
    """The address it listens on. Elsewhere than on loopback put a proxy with TLS before it, and set `public_url`."""
    public_url: Address = ""
    """How people reach it, like `https://selfheal.example`: links in the Prefect UI and in alerts begin with it, and
    cookies are only sent over https when it is https. Empty: `http://127.0.0.1:PORT`."""
    session: Duration = timedelta(hours=12)
    """How long a login lasts, at most as long as its token."""
    requests_a_minute: Annotated[int, Field(ge=10, le=100_000)] = 600
    """Of one token, or one address without a token; more are answered with 429."""
    logins_a_minute: Annotated[int, Field(ge=1, le=1000)] = 10
    """Failed ones of one address; more are answered with 429 before the token is looked at."""
    introspection: bool = False
    """Whether GraphQL tells its schema to whoever has a token."""
    query_page: bool = False
    """Whether there is a page on which a GraphQL query can be typed."""

    def address(self, port: int) -> str:
        """How people reach it when it listens on this port; empty where it does not run and has no other address."""
        if self.public_url or not self.enabled:
            return self.public_url.rstrip("/")
        return f"http://127.0.0.1:{port}"


class PersonTokens(Section):
    """What `selfheal token issue` gives out."""

    lasts: Duration = timedelta(days=90)
    """How long a token lives for which nothing else is said."""
    at_most: Duration = timedelta(days=366)
    """How long one may live."""
