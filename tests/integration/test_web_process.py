"""The web server's process: what it refuses to start as, reloads, bounds, and does while its database is away."""

import re
from http import HTTPStatus
from pathlib import Path

import httpx
import psycopg
import pytest
from embedded_fixtures import Embedded, gone, until
from sqlalchemy import Engine
from web_fixtures import SETTINGS, Issue, WebProcess, web_server

from deployments.embedded import roles
from selfheal.model.identity import Role
from selfheal.store.tokens import Tokens, new_secret

PAGE = {"accept": "text/html"}


def test_the_open_door_is_refused_off_loopback(tmp_path: Path) -> None:
    """Without login it does not listen where others could come in, and says what to do."""
    settings = SETTINGS.replace("[web]", '[web]\nhost = "0.0.0.0"')
    with (
        pytest.raises(AssertionError, match="ended with 78"),
        web_server(
            "postgresql://a:b@127.0.0.1:9/x", tmp_path, "--open-door", settings=settings, SELFHEAL_OPEN_DOOR="sh_x"
        ),
    ):
        pass
    assert "without login" in (tmp_path / "web.log").read_text().strip().splitlines()[-1]


def test_at_the_open_door_everybody_is_in(
    tmp_path: Path, embedded_postgres: Embedded, owner_engine: Engine, empty: object
) -> None:
    """A demo's pages need no login and say so; forms need their token and our origin all the same."""
    secret, url = new_secret(), embedded_postgres.url(roles.API)
    Tokens(owner_engine).open_door(secret)
    with (
        web_server(url, tmp_path, "--open-door", SELFHEAL_OPEN_DOOR=secret) as server,
        server.client() as browser,
    ):
        page = browser.get("/query", headers=PAGE)
        csrf = re.search(r'data-csrf="([^"]+)"', page.text)
        assert csrf is not None
        me = {"query": "{ me { role } }"}
        assert browser.post("/graphql", json=me).json()["data"]["me"]["role"] == "ADMIN"
        assert browser.post("/graphql", json=me, headers={"origin": "http://evil.example"}).json()["code"] == "FORGED"
        assert browser.post("/pause", data={"why": "x"}).json()["code"] == "FORGED"
        done = browser.post("/pause", data={"why": "x", "csrf": csrf[1]}, headers={"origin": server.url})
        assert done.status_code == HTTPStatus.SEE_OTHER
        assert browser.get("/", headers=PAGE).text.count("without a login") == 1


def test_too_many_requests_are_refused(
    tmp_path: Path, embedded_postgres: Embedded, issued: Issue, empty: object
) -> None:
    """So many a minute of one token, and fewer failed logins of one address; another token is not held by that."""
    settings = SETTINGS.replace("= 100000", "= 20").replace("= 1000\n", "= 3\n")
    first, second = issued("first")[0], issued("second")[0]
    me = {"query": "{ me { name } }"}
    with web_server(embedded_postgres.url(roles.API), tmp_path, settings=settings) as server:
        with server.client(first) as one, server.client(second) as two:
            codes = [one.post("/graphql", json=me).status_code for _ in range(25)]
            assert codes[:20] == [200] * 20
            assert HTTPStatus.TOO_MANY_REQUESTS in codes[20:]
            assert two.post("/graphql", json=me).is_success
        with server.client() as guesser:
            wrong = [guesser.post("/login", data={"token": "sh_wrong"}) for _ in range(5)]
            assert [answer.status_code for answer in wrong] == [401, 401, 401, 429, 429]
            assert int(wrong[-1].headers["retry-after"]) > 0
            right = guesser.post("/login", data={"token": second})
            assert right.status_code == HTTPStatus.TOO_MANY_REQUESTS


def test_reloaded_settings_count_at_once(
    tmp_path: Path, embedded_postgres: Embedded, issued: Issue, empty: object
) -> None:
    """Another file in place of the settings is taken up while it runs; a wrong one changes nothing."""
    secret = issued("ada", Role.OPERATOR)[0]
    with web_server(embedded_postgres.url(roles.API), tmp_path) as server, server.client(secret) as client:
        asked = {"query": "{ __schema { queryType { name } } }"}
        assert client.post("/graphql", json=asked).status_code == HTTPStatus.BAD_REQUEST
        _replace(server, SETTINGS.replace("query_page = true", "introspection = true"))
        until(lambda: client.post("/graphql", json=asked).is_success, seconds=15)
        assert client.get("/query", headers=PAGE).status_code == HTTPStatus.NOT_FOUND
        _replace(server, "[web]\nnonsense = 1\n")
        until(lambda: "the settings in force stay" in server.log.read_text(), seconds=15)
        assert client.post("/graphql", json=asked).is_success


def _replace(server: WebProcess, text: str) -> None:
    new = server.config.with_suffix(".new")
    new.write_text(text)
    new.replace(server.config)


def test_https_makes_cookies_secure(tmp_path: Path, embedded_postgres: Embedded, issued: Issue, empty: object) -> None:
    """Where people come by https the cookie is bound to this host, and browsers are told to keep to https."""
    settings = SETTINGS.replace("[web]", '[web]\npublic_url = "https://selfheal.example"')
    with (
        web_server(embedded_postgres.url(roles.API), tmp_path, settings=settings) as server,
        server.client() as browser,
    ):
        answer = browser.post(
            "/login",
            data={"token": issued("ada")[0]},
            headers={"host": "selfheal.example", "origin": "https://selfheal.example"},
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-selfheal=")
        assert all(word in cookie for word in ("Secure", "HttpOnly", "Path=/"))
        assert "domain" not in cookie.lower()
        assert "strict-transport-security" in answer.headers


def test_without_its_database_it_says_so(tmp_path: Path) -> None:
    """It answers, is not started again for that, and tells a browser and a program in words: 503, no traceback."""
    with web_server("postgresql://selfheal_api:x@127.0.0.1:9/selfheal", tmp_path) as server:
        with server.client("sh_" + "x" * 40) as client:
            told = client.post("/graphql", json={"query": "{ me { name } }"})
            assert (told.status_code, told.json()["code"]) == (503, "AWAY")
            page = client.get("/", headers=PAGE)
            assert page.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert "does not answer" in page.text
        assert httpx.get(f"{server.url}/healthz", trust_env=False).is_success
        assert "Traceback" not in server.log.read_text()


def test_it_ends_with_its_listeners(tmp_path: Path, embedded_postgres: Embedded, issued: Issue, empty: object) -> None:
    """Asked to stop it ends in seconds, although somebody listens for news."""
    with (
        web_server(embedded_postgres.url(roles.API), tmp_path) as server,
        server.client(issued("ada")[0]) as client,
        client.stream("GET", "/events") as stream,
    ):
        assert stream.status_code == HTTPStatus.OK
        server.process.terminate()
        until(lambda: gone(server.process.pid) or server.process.poll() is not None, seconds=10)


def test_its_role_is_not_the_healers(embedded_postgres: Embedded, database_url: str) -> None:
    """What the process is given opens no more than a person may do: it cannot admit a heal, nor make a token."""
    with psycopg.connect(embedded_postgres.dsn(roles.API)) as connection:
        for statement in ("INSERT INTO faults DEFAULT VALUES", "INSERT INTO person_tokens DEFAULT VALUES"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())
