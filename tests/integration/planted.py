"""Twenty secrets of different kinds, planted where Selfheal reads, and the search for them where it writes.

Made up, each with a needle that is found nowhere else. `PLANTED` says how each stands in a text; `found_in` names those
whose needle, or a part of it, is in what was searched: rows, logs, messages, pages, artifacts.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import psycopg.sql

_PART = 12
"""So many characters of a secret in a row are told as that secret."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One secret.

    Attributes:
        kind: what it is.
        secret: what must be found nowhere.
        text: how it stands in a log line, a message, a reason.
    """

    kind: str
    secret: str
    text: str


def _one(kind: str, secret: str, text: str = "{}") -> Planted:
    return Planted(kind=kind, secret=secret, text=text.format(secret))


_PEM = "\n".join(f"MIIEvQIBADANplantedPEM{number:02}BgkqhkiG9w0BAQEFAASCBKcwggSj" for number in range(4))
_BASIC = base64.b64encode(b"ada:plantedBasic-7261").decode()

SETTINGS = (
    _one("password of a supervisord", "plantedSupervisor-8243"),
    _one("password of a database of the estate", "plantedDatabase-1187/@:"),
    _one("token of a webhook", "plantedWebhook-5520"),
)
"""Stand in the settings: known, so that they are taken out wherever they turn up, bare too."""

TEXTS = (
    _one("login in an address", "plantedLogin-3312", "cannot reach postgresql://shop:{}@db.example:5432/shop"),
    _one("login with an at sign", "plantedAt@Sign-90", "GET https://ada:{}@host.example/health failed"),
    _one("bearer header", "plantedBearer.4471-x_y", "Authorization: Bearer {}"),
    _one("basic header", _BASIC, "authorization: Basic {}"),
    _one("password in a query of a DSN", "plantedDsn-6617", "host=db user=shop password={} dbname=shop"),
    _one("field of JSON", "planted Json, 8820 with spaces", '{{"user": "ada", "password": "{}", "tries": 3}}'),
    _one("field of JSON in JSON", "plantedNested-1290", 'body: "{{\\"api_key\\": \\"{}\\"}}"'),
    _one("option of a command", "plantedOption-7755", "exec /usr/bin/tool --password {} --verbose"),
    _one("private key", _PEM, "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----"),
    _one("signed token", "eyJwbGFudGVkSldU.eyJzdWIiOiJhZGEifQ.cGxhbnRlZFNpZ25hdHVyZQ", "session {}"),
    _one("key id of a cloud", "AKIAPLANTED7E5T0KEYX", "signed by {}"),
    _one("token of a forge", "ghp_plantedForge77aaQQbbWWccEEddRRee", "clone with {}"),
    _one("token of a chat", "xoxb-1234567890-plantedChat", "posting as {}"),
    _one("token of ours", "sh_plantedOurs-55zzYYxxVVuuTTssPPooNNmmLLkkJJ", "called with {}"),
    _one("secret key in an environment", "plantedEnv/Key+4410", "AWS_SECRET_ACCESS_KEY={}"),
    _one("cookie", "plantedCookie-2205", "Cookie: session={}; theme=dark"),
    _one("query of an address", "plantedQuery-9031", "GET /health?verbose=1&access_token={}&x=2 HTTP/1.1"),
)  # fmt: skip
"""Stand nowhere in the settings: told by what announces them, or by their form."""

PLANTED = SETTINGS + TEXTS


def log_text() -> str:
    """All that a program may write, one a line, between ordinary lines."""
    return "\n".join(f"line {number}\n{one.text}" for number, one in enumerate(TEXTS)) + "\nthe last line"


def found_in(text: str) -> list[str]:
    """The kinds of those secrets of which this text tells something."""
    return [one.kind for one in PLANTED if any(part in text for part in _told(one.secret))]


def _told(secret: str) -> Iterator[str]:
    """The parts of a secret that tell it, and how else they may stand there."""
    for start in range(max(1, len(secret) - _PART + 1)):
        part = secret[start : start + _PART]
        yield from {part, quote(part, safe="")}


def everything_in(dsn: str, *, database: str = "selfheal") -> dict[str, str]:
    """Every row of every table, view and materialized view of a database, as text.

    Args:
        dsn: of a superuser.
        database: ours, or the Prefect server's.
    """
    listed = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
    )
    with psycopg.connect(dsn, dbname=database) as connection:
        names: list[Any] = connection.execute(listed).fetchall()
        return {name: "\n".join(_rows(connection, name)) for (name,) in names}


def _rows(connection: psycopg.Connection[Any], name: str) -> list[str]:
    statement = psycopg.sql.SQL("SELECT t::text FROM {} t").format(psycopg.sql.Identifier(name))
    return [str(text) for (text,) in connection.execute(statement)]


def everything_under(folder: Path) -> dict[str, str]:
    """Every file of a folder, as text: logs."""
    return {str(path): path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}
