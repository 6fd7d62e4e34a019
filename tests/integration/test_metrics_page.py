"""`/metrics` on the real web server: what it counts, in which text, for whom; and the dashboard file that reads it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from admission_desk import FAILED, HEALED, Desk
from foretold import H, foretell
from person_fixtures import ACME
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text
from web_fixtures import Web

from console.metrics.counted import FAMILIES
from selfheal.model.attempt import Holder
from selfheal.model.external_alert import ExternalAlert
from selfheal.model.identity import Role
from selfheal.store.health import HealthHistory
from selfheal.store.intake import Intake
from selfheal.store.mechanisms import Mechanisms

GRAFANA = Path(__file__).parents[2] / "docs" / "grafana" / "selfheal.json"
MANY = """
    WITH n AS (
        SELECT n, now() - n * interval '1 min' AS begun FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
    ), f AS (
        INSERT INTO faults (target_key, component, trigger_type, detected_at, verified_at, closed_at, resolution)
        SELECT 't' || n % 200, 'backend', 'SERVICE_DOWN', begun, begun + interval '20 s',
               begun + interval '20 s', 'HEALED' FROM n RETURNING id, detected_at, target_key)
    INSERT INTO healing_actions (trigger_type, action_type, action_name, target_component, target_key, status, success,
                                 verification, created_at, completed_at, fault_id, trigger_id)
    SELECT 'SERVICE_DOWN', 'RESTART_SERVICE', 'restart-service', 'backend', target_key, 'SUCCESS', true, 'HEALED',
           detected_at, detected_at + interval '20 s', id, gen_random_uuid() FROM f"""
FUNCTIONS = frozenset(
    {"sum", "by", "increase", "time", "component", "status", "result", "action", "decision", "state"}
) | {"rule", "outcome"}


def scraped(web: Web, role: Role = Role.VIEWER, **who: Any) -> dict[str, Metric]:
    """The families of one scrape, by name."""
    with web.client(role, **who) as client:
        answer = client.get("/metrics")
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {one.name: one for one in text_string_to_metric_families(answer.text)}


def values(metric: Metric) -> dict[tuple[str, ...], float]:
    return {tuple(one.labels.values()): one.value for one in metric.samples}


def one(metric: Metric) -> float:
    (sample,) = metric.samples
    return float(sample.value)


@pytest.fixture
def happened(web: Web, desk: Any, empty: Engine) -> Desk:
    """A heal and a failure of `backend`, a sick stranger, a refusal, a mechanism, a watcher, an alert."""
    del web
    admission: Desk = desk()
    admission.past("backend", timedelta(hours=2), HEALED)
    admission.past("backend", timedelta(hours=1), FAILED)
    admission.sick("somebody-elses")
    HealthHistory(empty).begin_watch("application-health", uuid4(), Holder(host="h", pid=1, started=1))
    Mechanisms(empty).schedule({"reconcile": timedelta(minutes=5)}, since=datetime.now(UTC) - timedelta(hours=1))
    Intake(empty, quiet=timedelta(hours=5)).take(
        "w", [ExternalAlert(key="k", component="backend", reason="x")], sent_by="am"
    )
    foretell(admission.engine)
    foretell(admission.engine, "somebody-elses", ago=9 * H, outcome="MISS")
    return admission


def test_what_happened_is_counted(web: Web, happened: Desk) -> None:
    """Attempts, faults, refusals, rates, what waits, breakers, components, mechanisms; in base units."""
    del happened
    found = scraped(web)
    attempts = values(found["selfheal_attempts"])
    assert attempts == {("restart-service", "success"): 1, ("restart-service", "failed"): 1}
    assert values(found["selfheal_open_faults"])[("other",)] >= 1
    assert values(found["selfheal_refusals"])[("not_allowed",)] == 1
    assert one(found["selfheal_success_ratio"]) == 0.5
    assert one(found["selfheal_triggers_waiting"]) == 1
    assert values(found["selfheal_external_alerts"]) == {("open",): 1}
    assert values(found["selfheal_breaker_state"])[("restart-service", "closed")] == 1
    assert values(found["selfheal_component_status"])[("backend", "unknown")] == 1
    assert values(found["selfheal_mechanism_state"])[("reconcile", "late")] == 1
    assert values(found["selfheal_mechanism_behind_seconds"])[("reconcile",)] >= 3300
    assert one(found["selfheal_watcher_beat_age_seconds"]) < 60
    assert values(found["selfheal_predictions"]) == {("miss", "breach_foretold"): 1}
    assert values(found["selfheal_predictions_standing"]) == {("breach_foretold",): 1}
    assert (one(found["selfheal_paused"]), one(found["selfheal_storms"])) == (0, 0)


def test_labels_are_names_of_the_settings_only(web: Web, happened: Desk) -> None:
    """Names of strangers make no series: a thousand other components are one."""
    happened.do(
        """INSERT INTO faults (target_key, component, trigger_type)
           SELECT 't' || n, 'x' || n, 'MANUAL' FROM generate_series(1, 1000) n"""
    )
    happened.do("INSERT INTO circuit_breaker_state (component) SELECT 'agent:' || n FROM generate_series(1, 1000) n")
    found = scraped(web)
    assert set(values(found["selfheal_open_faults"])) <= {("other",), ("backend",)}
    assert values(found["selfheal_agent_breakers"]) == {("closed",): 1000}
    assert sum(len(each.samples) for each in found.values()) < 200


def test_only_who_has_a_token_reads_it(web: Web, happened: Desk) -> None:
    """Nobody is refused; a tenant's token counts its own rows, of which there are none."""
    del happened
    with web.process.client() as nobody:
        assert nobody.get("/metrics").status_code == httpx.codes.UNAUTHORIZED
    found = scraped(web, Role.VIEWER, tenant=ACME)
    assert values(found["selfheal_attempts"]) == {}


def test_every_family_is_told_in_full(web: Web, happened: Desk) -> None:
    """Each has a help and a type, and a name with its unit where it has one."""
    del happened
    found = scraped(web)
    assert {family.name for family in FAMILIES} <= found.keys()
    for name, metric in found.items():
        assert metric.documentation.endswith((".", "`")), name
        assert metric.type in {"counter", "gauge"}, name
        assert name.startswith("selfheal_")


def test_the_dashboard_file_names_only_what_is_there(web: Web, happened: Desk) -> None:
    """Every expression of docs/grafana/selfheal.json is made of metrics, labels and values that a scrape gives."""
    del happened
    found = scraped(web)
    given = {f"{name}_total" if each.type == "counter" else name for name, each in found.items()}
    panels = json.loads(GRAFANA.read_text())["panels"]
    named: set[str] = set()
    for panel in panels:
        for target in panel["targets"]:
            expression = re.sub(r'"[^"]*"', "", target["expr"])
            words = {word for word in re.findall(r"[a-z_]{2,}", expression) if word not in FUNCTIONS}
            assert words <= given, (panel["title"], words - given)
            named |= words
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            known = {
                label for word in words for each in found[word.removesuffix("_total")].samples for label in each.labels
            }
            assert labels <= known or not known, (panel["title"], labels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert given - named == set()


@pytest.mark.usefixtures("campaign")
def test_a_scrape_of_a_hundred_thousand_attempts_is_cheap(web: Web, owner_engine: Engine) -> None:
    """Told, not asserted: how long it takes."""
    for first in range(1, 100_000, 5000):
        with owner_engine.begin() as connection:
            connection.execute(text(MANY), {"first": first, "last": first + 4999})
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE healing_actions, faults"))
    with web.client() as client:
        took = []
        for _ in range(9):
            begun = datetime.now(UTC)
            assert client.get("/metrics").status_code == httpx.codes.OK
            took.append((datetime.now(UTC) - begun).total_seconds())
    print(f"median of a scrape: {sorted(took)[4]:.3f} s")  # noqa: T201 - the figure is what it is for
    assert values(scraped(web)["selfheal_attempts"]) == {("restart-service", "success"): 100_000}
