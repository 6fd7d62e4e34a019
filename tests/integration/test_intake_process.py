"""The web server killed between receiving an alert and answering it: nothing is lost, and nothing is there twice."""

import random
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from embedded_fixtures import Embedded
from estate_fixtures import until
from person_fixtures import Issue
from sqlalchemy import Engine, text
from web_fixtures import Web, WebProcess, web_server

from deployments.embedded import roles
from selfheal.model.identity import Role

PATH = "/intake/alertmanager"
ROUNDS = 12
LOCKED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def body(fingerprint: str) -> dict[str, Any]:
    alert = {"status": "firing", "labels": {"component": "backend"}, "startsAt": "2026", "fingerprint": fingerprint}
    return {"version": "4", "alerts": [alert]}


def sent(server: WebProcess, secret: str, fingerprint: str) -> int:
    """The answer's status; 0: there was none."""
    try:
        with server.client(secret) as client:
            return client.post(PATH, json=body(fingerprint)).status_code
    except httpx.HTTPError:
        return 0


def rows(engine: Engine) -> list[int]:
    """Alerts, and triggers."""
    with engine.connect() as connection:
        tables = ("intake_alerts", "raised_triggers")
        return [connection.scalar(text(f"SELECT count(*) FROM {one}")) or 0 for one in tables]  # noqa: S608 - above


def test_killed_before_it_answers_it_has_kept_nothing(
    embedded_postgres: Embedded, web: Web, empty: Engine, owner_engine: Engine, tmp_path: Path
) -> None:
    """It dies while it writes: no answer and no row; its sender tries again at the next server, and there is one."""
    secret = web.secret(Role.OPERATOR)
    with owner_engine.connect() as held, web_server(embedded_postgres.url(roles.API), tmp_path) as server:
        held.execute(text("SELECT pg_advisory_lock(hashtext('selfheal.intake'))"))
        answers: list[int] = []
        sender = threading.Thread(target=lambda: answers.append(sent(server, secret, "a")))
        sender.start()
        until("it waits to write", lambda: bool(held.scalar(text(LOCKED))))
        server.process.kill()
        sender.join()
        held.execute(text("SELECT pg_advisory_unlock_all()"))
    assert answers == [0]
    assert rows(empty) == [0, 0]
    assert [sent(web.process, secret, "a"), sent(web.process, secret, "a")] == [HTTPStatus.ACCEPTED] * 2
    assert rows(empty) == [1, 1]


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("campaign")
def test_killed_at_any_moment_nothing_is_lost_or_twice(
    embedded_postgres: Embedded, empty: Engine, issued: Issue, tmp_path: Path
) -> None:
    """Whatever was answered is there, and what is sent again until it is answered is there once."""
    secret, _ = issued("alertmanager", Role.OPERATOR)
    url = embedded_postgres.url(roles.API)
    chance = random.Random(7)  # noqa: S311 - no secret
    for turn in range(ROUNDS):
        with web_server(url, tmp_path) as server:
            answers: list[int] = []
            sender = threading.Thread(target=lambda: answers.append(sent(server, secret, str(turn))))  # noqa: B023
            sender.start()
            time.sleep(chance.uniform(0, 0.05))  # the moment is the test
            server.process.kill()
            sender.join()
        if answers != [HTTPStatus.ACCEPTED]:
            with web_server(url, tmp_path) as server:
                assert sent(server, secret, str(turn)) == HTTPStatus.ACCEPTED
        assert rows(empty) == [turn + 1, 1]
