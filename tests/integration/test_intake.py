"""Alerts of other systems on the real database and web server: kept before they are answered, once, without effect."""

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text
from web_fixtures import Web

from console.web.application import application
from console.web.body import MOST_TOGETHER
from console.web.services import Surroundings, connected
from selfheal.model.errors import NotAllowed
from selfheal.model.external_alert import AlertState, ExternalAlert
from selfheal.model.identity import Role
from selfheal.settings.estate import Settings
from selfheal.store.engine import transaction
from selfheal.store.intake import MOST, Intake
from selfheal.store.raised import RaisedTriggers

QUIET = timedelta(hours=5)
PATH = "/intake/alertmanager"
RAISE = (
    "INSERT INTO raised_triggers (id, component, reason, trigger_type, source, priority)"
    " VALUES (gen_random_uuid(), 'backend', 'x', 'SERVICE_DOWN', 'watcher', 'CRITICAL')"
)


def an_alert(key: str = "a", component: str = "backend", **more: Any) -> ExternalAlert:
    return ExternalAlert(key=key, component=component, reason="down", **more)


@pytest.fixture
def intake(empty: Engine) -> Intake:
    return Intake(empty, quiet=QUIET)


@pytest.fixture
def due(empty: Engine) -> Callable[[], list[str]]:
    """The components of the triggers that wait."""
    return lambda: [one.component for one in RaisedTriggers(empty).due(limit=100, pause=timedelta(0))]


def one(engine: Engine, sql: str, **values: Any) -> Any:
    with transaction(engine) as connection:
        return connection.scalar(text(sql), values)


def do(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql))


def test_a_new_alert_raises_one_trigger_and_repeats_are_counted(intake: Intake, due: Callable[[], list[str]]) -> None:
    """Repeats are counted in its row; its trigger is an EXTERNAL_ALERT of the intake's."""
    assert intake.take("w", [an_alert()], sent_by="am").raised == 1
    assert intake.take("w", [an_alert(), an_alert()], sent_by="am").counted == 2
    (known,) = intake.newest(limit=9)
    assert (known.state, known.deliveries, known.sent_by) == (AlertState.OPEN, 3, "am")
    assert due() == ["backend"]


def test_a_resolved_alert_closes_its_trigger(intake: Intake, due: Callable[[], list[str]]) -> None:
    """It is due no more, unless another alert stands for it; a late delivery of it opens nothing."""
    intake.take("w", [an_alert("a", once=True), an_alert("b")], sent_by="am")
    assert intake.take("w", [an_alert("a", resolved=True)], sent_by="am").resolved == 1
    assert due() == ["backend"]
    assert intake.take("w", [an_alert("b", resolved=True)], sent_by="am").resolved == 1
    assert due() == []
    assert intake.take("w", [an_alert("a", once=True)], sent_by="am").raised == 0
    assert intake.take("w", [an_alert("x", resolved=True)], sent_by="am").resolved == 0
    assert due() == []
    assert intake.take("w", [an_alert("b")], sent_by="am").raised == 1


def test_one_that_is_silent_for_long_counts_as_over(
    intake: Intake, owner_engine: Engine, due: Callable[[], list[str]]
) -> None:
    """Delivered again much later it is another alert."""
    intake.take("w", [an_alert()], sent_by="am")
    do(owner_engine, "UPDATE intake_alerts SET last_at = now() - interval '6 hours'")
    do(owner_engine, "UPDATE raised_triggers SET raised_at = now() - interval '6 hours'")
    assert due() == []
    assert intake.take("w", [an_alert()], sent_by="am").raised == 1
    assert [found.state for found in intake.newest(limit=9)] == [AlertState.OPEN, AlertState.QUIET]


def test_many_alerts_are_few_rows(intake: Intake, empty: Engine) -> None:
    """Of one component only so many are open, for all of them one trigger waits; refused names are bounded too."""
    for part in range(10):
        taken = intake.take("w", [an_alert(f"{part}-{n}") for n in range(100)], sent_by="am")
        names = [an_alert(component=f"x{part}-{n}", refusal="no component has this name") for n in range(100)]
        assert intake.take("w", names, sent_by="am").refused == 100
    assert taken.refused == 100
    assert one(empty, "SELECT count(*) FROM raised_triggers") == 1
    assert one(empty, "SELECT count(*) FROM intake_alerts WHERE state = 'OPEN'") == MOST
    assert one(empty, "SELECT count(*) FROM intake_alerts WHERE state = 'REFUSED'") == MOST + 1
    assert one(empty, "SELECT sum(deliveries) FROM intake_alerts") == 2000


def test_deliveries_at_the_same_time_are_one(intake: Intake, empty: Engine) -> None:
    """Eight senders of the same two alerts raise one trigger."""
    alerts = [an_alert("a"), an_alert("b")]
    senders = [
        threading.Thread(target=intake.take, args=("w", alerts if n % 2 else alerts[::-1]), kwargs={"sent_by": "am"})
        for n in range(8)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert one(empty, "SELECT array_agg(deliveries) FROM intake_alerts") == [8, 8]
    assert one(empty, "SELECT count(*) FROM raised_triggers") == 1


def test_what_is_kept_holds_no_secret_and_is_forgotten(intake: Intake, owner_engine: Engine) -> None:
    """Secrets go before anything is stored; after 30 days alert and trigger are gone."""
    told = ExternalAlert(key="k", component="backend", reason="login failed: password=hunter2hunter2 \x00")
    intake.take("w", [told], sent_by="am")
    kept = one(owner_engine, "SELECT reason FROM intake_alerts")
    assert "hunter2" not in kept + one(owner_engine, "SELECT reason FROM raised_triggers")
    assert intake.forget() == 0
    do(owner_engine, "UPDATE intake_alerts SET last_at = now() - interval '31 days'")
    do(owner_engine, "UPDATE raised_triggers SET raised_at = now() - interval '31 days'")
    assert intake.forget() == 2
    assert one(owner_engine, "SELECT count(*) FROM raised_triggers") == 0


def test_the_web_servers_role_raises_nothing_else(api_engine: Engine, intake: Intake) -> None:
    """It takes alerts by the one function; neither table is its to write."""
    Intake(api_engine, quiet=QUIET).take("w", [an_alert()], sent_by="am")
    for sql in (
        RAISE,
        "UPDATE intake_alerts SET state = 'OPEN'",
        "SELECT forget_intake(interval '1 day')",
        "SELECT refuse_alert('w', 'x', 'c', 'y', 'HIGH', 1)",
    ):
        with pytest.raises(NotAllowed):
            one(api_engine, sql)
    assert len(intake.newest(limit=9)) == 1


def body(component: str = "backend", fingerprint: str = "c0ffee", status: str = "firing") -> dict[str, Any]:
    labels = {"alertname": "Down", "component": component}
    alert = {"status": status, "labels": labels, "startsAt": "2026-11-29T04:00:00Z", "fingerprint": fingerprint}
    return {"version": "4", "status": status, "alerts": [alert]}


def test_a_webhook_is_kept_and_answered(web: Web, empty: Engine) -> None:
    """202 with what became of it; unknown components are refused by name, and answered all the same."""
    with web.client(Role.OPERATOR) as sender:
        answer = sender.post(PATH, json=body())
        assert (answer.status_code, answer.json()["raised"]) == (HTTPStatus.ACCEPTED, 1)
        assert sender.post(PATH, json=body()).json()["counted"] == 1
        assert sender.post(PATH, json=body("../backend")).json()["refused"] == 1
        assert sender.post(PATH, json=body(status="resolved")).json()["resolved"] == 1
    assert one(empty, "SELECT array_agg(state ORDER BY state) FROM intake_alerts") == ["REFUSED", "RESOLVED"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", HTTPStatus.UNPROCESSABLE_ENTITY),
        (b'{"alerts": [NaN]}', HTTPStatus.UNPROCESSABLE_ENTITY),
        (b"[" * 100_000, HTTPStatus.UNPROCESSABLE_ENTITY),
        (json.dumps({"alerts": [{}] * 10_000}).encode(), HTTPStatus.UNPROCESSABLE_ENTITY),
        (b" " * (1024 * 1024 + 1), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_kept(web: Web, empty: Engine, sent: bytes, status: int) -> None:
    """No JSON, NaN, too deep, too many alerts, too large: an answer that is not worth a repeat."""
    with web.client(Role.OPERATOR) as sender:
        answer = sender.post(PATH, content=sent, headers={"content-type": "application/json"})
        assert answer.status_code == status, answer.text
        assert sender.post("/intake/webhooks/none", json={}).json()["code"] == "WRONG_INPUT"
    assert one(empty, "SELECT count(*) FROM intake_alerts") == 0


def test_only_who_may_send_alerts_does(web: Web, empty: Engine) -> None:
    """Nobody, a wrong token, a viewer and a tenant's operator are refused, and nothing is kept."""
    with web.process.client() as nobody, web.process.client("sh_" + "x" * 40) as unknown:
        assert nobody.post(PATH, json=body()).status_code == HTTPStatus.UNAUTHORIZED
        assert unknown.post(PATH, json=body()).status_code == HTTPStatus.UNAUTHORIZED
    with web.client(Role.VIEWER) as viewer:
        assert viewer.post(PATH, json=body()).status_code == HTTPStatus.FORBIDDEN
    assert one(empty, "SELECT count(*) FROM intake_alerts") == 0


def test_a_signed_body_needs_no_token(web: Web, empty: Engine) -> None:
    """Signed with the webhook's secret it is taken; another signature, none, or a token instead is refused."""
    sent = json.dumps({"name": "backend"}).encode()
    right = hmac.new(b"a-webhooks-secret-0815", sent, hashlib.sha256).hexdigest()
    path, kind = "/intake/webhooks/signed", {"content-type": "application/json"}
    with web.process.client() as nobody, web.client(Role.OPERATOR) as known:
        for client, said in ((nobody, {}), (known, {}), (nobody, {"x-hub-signature-256": f"sha256={right[:-1]}x"})):
            assert client.post(path, content=sent, headers=kind | said).status_code == HTTPStatus.FORBIDDEN
        answer = nobody.post(path, content=sent, headers=kind | {"x-hub-signature-256": f"sha256={right}"})
    assert (answer.status_code, answer.json()["raised"]) == (HTTPStatus.ACCEPTED, 1)
    assert one(empty, "SELECT sent_by FROM intake_alerts") == "whoever signs as signed"


def test_without_the_database_its_sender_is_told_to_try_again(free_port: int) -> None:
    """503 with Retry-After: nothing was kept."""
    around = Surroundings(
        database_url=f"postgresql://selfheal_api:x@127.0.0.1:{free_port}/selfheal",
        port=free_port,
        prefect_ui="http://127.0.0.1:9",
    )
    services = connected(Settings(), around)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(application(services))
        headers = {"authorization": f"Bearer sh_{'x' * 40}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as sender:
            return await sender.post(PATH, json=body())

    answer = asyncio.run(asked())
    services.engine.dispose()
    assert (answer.status_code, answer.headers["retry-after"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "5")


def test_bodies_have_room_together_and_no_more(free_port: int) -> None:
    """Whoever sends when others fill it is told to come again; each gives its part back once it is answered."""
    around = Surroundings(
        database_url=f"postgresql://selfheal_api:x@127.0.0.1:{free_port}/selfheal",
        port=free_port,
        prefect_ui="http://127.0.0.1:9",
    )
    services = connected(Settings(), around)
    app = application(services)
    room = app.state.keys.room
    room.take(MOST_TOGETHER - 100)

    async def asked() -> list[int]:
        answers = []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as sender:
            for size in (100, 101, 100, 101):
                answer = await sender.post(PATH, content=b"[" * size, headers={"content-type": "application/json"})
                answers.append(answer.status_code)
            room.give_back(1)
            answer = await sender.post(PATH, content=b"[" * 101, headers={"content-type": "application/json"})
        return [*answers, answer.status_code]

    assert asyncio.run(asked()) == [401, 503, 401, 503, 401]
    services.engine.dispose()
