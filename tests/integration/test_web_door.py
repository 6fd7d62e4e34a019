"""The web server's door, on the real process: who is let in, what is refused, and what every answer has in common."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text
from web_fixtures import Web, WebProcess, until

from console.web.application import application
from console.web.headers import POLICY
from console.web.services import Surroundings, connected
from selfheal.model.identity import Role
from selfheal.settings.estate import Settings
from selfheal.store.tokens import Tokens

CSRF = re.compile(r'data-csrf="([^"]+)"')
PAGE = "/query"
UNKNOWN = "sh_" + "x" * 40
OVER = {
    "expired": "UPDATE person_tokens SET created_at = now() - interval '1 h', expires_at = now() WHERE id = :id",
    "revoked": "UPDATE person_tokens SET revoked_at = now(), revoked_by = 'r', revoked_why = 'x' WHERE id = :id",
}


def csrf_of(browser: httpx.Client) -> str:
    found = CSRF.search(browser.get(PAGE, headers={"accept": "text/html"}).text)
    assert found is not None
    return found[1]


def paths_of(router: Any) -> Iterator[str]:
    """Of every route, those of included routers too."""
    for route in router.routes:
        if hasattr(route, "path"):
            yield route.path
        else:
            yield from paths_of(route.original_router)


def test_a_token_lets_a_program_in_and_nothing_else_does(web: Web) -> None:
    """A living token in the Authorization header is enough; without, with another scheme or a wrong one it is 401."""
    secret = web.secret()
    shown = {"query": "{ me { name } }"}
    with web.process.client() as nobody:
        for header in ({}, {"authorization": f"Basic {secret}"}, {"authorization": f"Bearer {UNKNOWN}"}):
            answer = nobody.post("/graphql", json=shown, headers=header)
            assert (answer.status_code, answer.json()["code"]) == (401, "NOT_LOGGED_IN")
    with web.client() as known:
        assert known.post("/graphql", json=shown).json()["data"]["me"]["name"].startswith("viewer")


def test_unknown_expired_and_revoked_tokens_are_told_the_same(web: Web, owner_engine: Engine) -> None:
    """Whoever tries a token does not learn whether it ever lived."""
    answers = set()
    with web.process.client() as browser:
        for name in ("expired", "revoked"):
            secret, person = web.issue(name, Role.ADMIN)
            with owner_engine.begin() as connection:
                connection.execute(text(OVER[name]), {"id": person.token})
            answers.add(_wrong(browser, secret))
        answers |= {_wrong(browser, one) for one in (UNKNOWN, "", "no token at all", "sh_\u00e4", "x" * 199)}
    assert len(answers) == 1
    assert answers.pop()[0] == HTTPStatus.UNAUTHORIZED


def _wrong(browser: httpx.Client, secret: str) -> tuple[int, str]:
    answer = browser.post("/login", data={"token": secret})
    return answer.status_code, answer.text


def test_a_revoked_token_stops_within_seconds_with_its_logins(web: Web, owner_engine: Engine) -> None:
    """A token that is taken back is no good any more, nor is a session that was begun with it."""
    secret, person = web.issue("leaver", Role.OPERATOR)
    asked = {"query": "{ me { name } }"}
    with web.process.client(secret) as program, web.process.client() as browser:
        browser.post("/login", data={"token": secret})
        assert program.post("/graphql", json=asked).is_success
        assert browser.get(PAGE, headers={"accept": "text/html"}).is_success
        assert person.token is not None
        Tokens(owner_engine).revoke(person.token, "root", "left")
        until(lambda: program.post("/graphql", json=asked).status_code == HTTPStatus.UNAUTHORIZED, seconds=5)
        until(lambda: browser.get(PAGE, headers={"accept": "text/html"}).status_code == HTTPStatus.SEE_OTHER, seconds=5)


def test_a_browser_logs_in_and_out(web: Web) -> None:
    """Without a login a page leads to /login and back to itself; after logging out the old cookie is worth nothing."""
    with web.process.client() as browser:
        sent = browser.get("/actions?status=FAILED", headers={"accept": "text/html"})
        assert sent.headers["location"] == "/login?next=/actions%3Fstatus%3DFAILED"
        form = browser.get(sent.headers["location"])
        assert 'value="/actions?status=FAILED"' in form.text
        came = browser.post("/login", data={"token": web.secret(), "next": "/actions?status=FAILED"})
        assert (came.status_code, came.headers["location"]) == (303, "/actions?status=FAILED")
        cookie = came.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert "Secure" not in cookie  # over http, on loopback
        old = browser.cookies["selfheal"]
        assert browser.post("/logout", data={"csrf": csrf_of(browser)}).headers["location"] == "/login"
        browser.cookies.set("selfheal", old)
        assert browser.get(PAGE, headers={"accept": "text/html"}).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx", "javascript:x"]
)
def test_the_login_leads_nowhere_else(web: Web, elsewhere: str) -> None:
    """A link to our login cannot lead on to somebody else's page."""
    with web.process.client() as browser:
        answer = browser.post("/login", data={"token": web.secret(), "next": elsewhere})
        assert answer.headers["location"] == "/"


def test_a_session_cannot_be_fixed(web: Web) -> None:
    """A login takes no session that the browser brought: it gives a new one, and ends the one before."""
    with web.process.client() as browser:
        browser.cookies.set("selfheal", "chosen-by-somebody-else")
        answer = browser.post("/login", data={"token": web.secret()})
        first = answer.cookies["selfheal"]
        assert first != "chosen-by-somebody-else"
    with web.process.client() as again:
        again.cookies.set("selfheal", first)
        csrf = csrf_of(again)
        second = again.post("/login", data={"token": web.secret(), "csrf": csrf}).cookies["selfheal"]
    with web.process.client() as old:
        old.cookies.set("selfheal", first)
        assert second != first
        assert old.get(PAGE, headers={"accept": "text/html"}).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({}, ""),
        ({}, "0" * 64),
        ({"origin": "http://evil.example"}, "right"),
        ({"origin": "null"}, "right"),
        ({"sec-fetch-site": "cross-site"}, "right"),
        ({"sec-fetch-site": "same-site"}, "right"),
    ],
)
def test_what_another_page_sends_is_refused(web: Web, headers: dict[str, str], field: str) -> None:
    """A form without this login's token, or from another origin, changes nothing, even with the right cookie."""
    with web.login(Role.OPERATOR) as browser:
        csrf = csrf_of(browser) if field == "right" else field
        answer = browser.post("/pause", data={"why": "forged", "csrf": csrf}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORGED")
        assert web.ask("{ me { name } }")["data"]
        asked = browser.post("/graphql", json={"query": "{ me { name } }"}, headers=headers)
        assert asked.status_code == HTTPStatus.FORBIDDEN
        mine = {"x-csrf-token": csrf_of(browser), "origin": web.process.url}
        assert browser.post("/graphql", json={"query": "{ me { name } }"}, headers=mine).is_success


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil", "10.0.0.1", ""]
)
def test_another_host_name_is_refused(web_process: WebProcess, host: str) -> None:
    """A page whose name was made to lead to us (DNS rebinding) gets nothing, not even the login."""
    with web_process.client() as nobody:
        for path in ("/login", "/healthz", "/"):
            answer = nobody.get(path, headers={"host": host})
            assert answer.status_code in {HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.BAD_REQUEST}
        assert nobody.get("/healthz", headers={"host": f"localhost:{web_process.port}"}).is_success


def test_a_large_or_strange_body_is_refused(web: Web) -> None:
    """More than 64 KiB, told or untold, is 413; what is neither a form nor JSON is 415."""
    with web.client() as known:
        large = known.post("/graphql", content=b"x" * 70_000, headers={"content-type": "application/json"})
        assert (large.status_code, large.json()["code"]) == (413, "TOO_LARGE")
        untold = known.post(
            "/graphql", content=(b"x" * 1000 for _ in range(70)), headers={"content-type": "application/json"}
        )
        assert untold.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/graphql", ""):
            strange = known.post("/graphql", content=b"{}", headers={"content-type": kind})
            assert (strange.status_code, strange.json()["code"]) == (415, "WRONG_CONTENT_TYPE")


def test_every_answer_has_our_headers(web: Web) -> None:
    """Pages, files, refusals and what is not there: no script but ours, no frame, no type but the told one, an id."""
    services = connected(
        Settings(),
        Surroundings(database_url="postgresql://a:b@127.0.0.1:9/none", port=1, prefect_ui="http://127.0.0.1:9"),
    )
    paths = set(paths_of(application(services)))
    assert {"/login", "/healthz", "/events", "/graphql"} <= paths
    wanted = [path for path in sorted(paths) if path != "/events"] + ["/nothing/here", "/static/none.css"]
    with web.client() as known, web.process.client() as nobody:
        for client in (known, nobody):
            for path in wanted:
                for method in ("GET", "POST", "DELETE"):
                    answer = client.request(method, path.replace("{", "").replace("}", ""))
                    assert answer.headers["content-security-policy"] == POLICY, path
                    assert answer.headers["x-content-type-options"] == "nosniff"
                    assert answer.headers["referrer-policy"] == "same-origin"
                    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
                    assert "camera=()" in answer.headers["permissions-policy"]
                    assert answer.headers["cache-control"] == "no-store" or path.startswith("/static/")
                    assert re.fullmatch(r"[\w-]{8,64}", answer.headers["x-request-id"])
                    assert "server" not in answer.headers
                    assert "Traceback" not in answer.text
                    assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, (method, path, answer.text)


def test_a_request_id_is_taken_if_it_is_a_word(web: Web) -> None:
    """The sender's id is in the answer, the log and the audit; one that is none is replaced."""
    before = web.process.log.stat().st_size
    with web.client(Role.OPERATOR) as known:
        asked = {"query": 'mutation { pause(why: "told") { who } }'}
        assert (
            known.post("/graphql", json=asked, headers={"x-request-id": "mine-4711"}).headers["x-request-id"]
            == "mine-4711"
        )
        for wrong in ("short", "x" * 65, "with space in", "a;b=c-d-e-f"):
            assert known.get("/healthz", headers={"x-request-id": wrong}).headers["x-request-id"] != wrong
    assert b"Traceback" not in web.process.log.read_bytes()[before:]


def test_each_deed_is_recorded_with_its_request(web: Web, owner_engine: Engine) -> None:
    """What was done, and what was refused, stands in the audit with who, where and which request."""
    asked = {"query": 'mutation { pause(why: "told") { who } }'}
    for role in (Role.VIEWER, Role.OPERATOR):
        with web.client(role) as client:
            client.post("/graphql", json=asked, headers={"x-request-id": f"from-{role}"})
    with owner_engine.connect() as connection:
        rows = connection.execute(
            text("SELECT role, door, deed, outcome, request_id FROM person_deeds ORDER BY at")
        ).all()
    assert [tuple(row) for row in rows] == [
        ("viewer", "api", "PAUSE", "REFUSED", "from-viewer"),
        ("operator", "api", "PAUSE", "DONE", "from-operator"),
    ]


def test_a_session_ends_when_it_is_over(web: Web, owner_engine: Engine) -> None:
    """A login lasts as long as the settings say, and not longer."""
    with web.login() as browser:
        assert browser.get(PAGE, headers={"accept": "text/html"}).is_success
        with owner_engine.begin() as connection:
            connection.execute(text("UPDATE person_sessions SET expires_at = now()"))
        until(lambda: browser.get(PAGE, headers={"accept": "text/html"}).status_code == HTTPStatus.SEE_OTHER, seconds=5)
