"""A Postgres by its url; `stack` makes of it what is waited for instead of a part."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from deployments.embedded.roles import MIGRATOR, SELFHEAL_DATABASE, RolePasswords
from deployments.outside import roles
from selfheal.model.errors import Permanent, Transient
from selfheal.settings.servers import PostgresServer

CONNECT_TIMEOUT_SECONDS = 3
DEFAULT_PORT = 5432


@dataclass(frozen=True, kw_only=True)
class OutsidePostgres:
    """One server of somebody else's, and our database on it."""

    host: str
    port: int
    database: str
    sslmode: str = ""
    """As libpq knows it; empty: libpq's own default, which encrypts where the server can."""
    username: str = ""
    """Who may create roles and databases; empty: they were made for us."""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: PostgresServer) -> "OutsidePostgres":
        """The server that the settings name."""
        address = urlsplit(settings.url)
        return cls(
            host=address.hostname or "",
            port=address.port or DEFAULT_PORT,
            database=address.path.strip("/") or SELFHEAL_DATABASE,
            sslmode=parse_qs(address.query).get("sslmode", [""])[0],
            username=settings.username,
            password=settings.password.get_secret_value(),
        )

    @property
    def where(self) -> str:
        """The address, without credentials."""
        return f"postgresql://{self.host}:{self.port}/{self.database}"

    def url(self, *, user: str, password: str, database: str, driver: str = "postgresql+psycopg") -> str:
        """Return SQLAlchemy's URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        option = "ssl" if driver.endswith("asyncpg") else "sslmode"
        query = f"?{option}={self.sslmode}" if self.sslmode else ""
        return f"{driver}://{user}:{quote(password, safe='')}@{host}:{self.port}/{database}{query}"

    def dsn(self, *, user: str, password: str, database: str) -> str:
        """Return a libpq connection string."""
        mode = {"sslmode": self.sslmode} if self.sslmode else {}
        return make_conninfo(
            host=self.host,
            port=self.port,
            user=user,
            password=password,
            dbname=database,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            **mode,
        )

    def ready(self) -> bool:
        """Say that it takes connections; says why not as `Transient`."""
        answer = PGconn.ping(self.dsn(user="", password="", database=self.database).encode())
        if answer == Ping.OK:
            return True
        why = "it takes no connections at the moment" if answer == Ping.REJECT else "it does not answer"
        raise Transient(f"Postgres at {self.where}: {why}", hint="see whether it runs and can be reached")

    def prepare(self, passwords: RolePasswords, *, with_prefect: bool) -> None:
        """Make roles and databases where we may; else see that they are there.

        Raises:
            Transient: the server went away meanwhile.
            Permanent: it does not let us in, is too old, or what is there is somebody else's.
        """
        own = not self.username
        user, password = (MIGRATOR, passwords.migrator) if own else (self.username, self.password)
        database = self.database if own else roles.MAINTENANCE
        try:
            with psycopg.connect(self.dsn(user=user, password=password, database=database), autocommit=True) as first:
                roles.check_version(first)
                if own:
                    roles.refuse_missing(first)
                else:
                    roles.prepare_shared(first, passwords, database=self.database, with_prefect=with_prefect)
        except psycopg.OperationalError as error:
            self.ready()  # away again? then that is what is told
            raise Permanent(
                f"Postgres at {self.where} does not let {user} in: {first_line(error)}",
                hint="set postgres.username and postgres.password, or the passwords of the roles that were made "
                "with examples/postgres.sql",
            ) from error
        except psycopg.Error as error:
            raise Permanent(
                f"Postgres at {self.where} refuses to {user}: {first_line(error)}",
                hint="give postgres.username the rights CREATEROLE and CREATEDB, or run examples/postgres.sql",
            ) from error


def first_line(error: Exception) -> str:
    """The server's own words."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
