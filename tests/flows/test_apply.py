"""What `deployments.apply` brings to a real server, and that bringing it again changes nothing."""

from typing import Any

import pytest
from prefect_fixtures import Server

from deployments.apply import POOL, apply

COMPONENTS = ("backend", "broker")


def seen(server: Server) -> dict[str, Any]:
    """Deployments, queues, limits and automations, with their ids."""
    client = server.client
    deployments = {one.name: one for one in client.read_deployments() if one.work_pool_name == POOL}
    return {
        "deployments": {name: one.id for name, one in deployments.items()},
        "schedules": {name: [(s.id, s.slug, s.active) for s in one.schedules] for name, one in deployments.items()},
        "queues": {one.name: one.id for one in client.read_work_queues(work_pool_name=POOL)},
        "limits": {
            one.name: (one.id, one.limit) for one in client.read_global_concurrency_limits() if one.name[:5] == "heal-"
        },
        "automations": [one.id for one in client.read_automations()],
    }


@pytest.fixture(scope="module")
def applied(prefect_server: Server) -> dict[str, Any]:
    """After the first time."""
    apply(COMPONENTS)
    return seen(prefect_server)


def test_the_deployments_are_there(applied: dict[str, Any]) -> None:
    """One deployment per mechanism, one schedule where it has one, one limit of 1 per component, one automation."""
    assert set(applied["deployments"]) == {"application-health", "healing-dispatch", "reconcile"}
    assert {name: len(all_of) for name, all_of in applied["schedules"].items()} == {
        "application-health": 1,
        "healing-dispatch": 0,
        "reconcile": 1,
    }
    assert {name: limit for name, (_, limit) in applied["limits"].items()} == {"heal-backend": 1, "heal-broker": 1}
    assert {"watchers", "heals"} <= set(applied["queues"])
    assert len(applied["automations"]) == 1


def test_applying_again_changes_nothing(prefect_server: Server, applied: dict[str, Any]) -> None:
    """The same ids, the same schedules, no second automation."""
    apply(COMPONENTS)
    again = seen(prefect_server)
    assert {key: again[key] for key in ("deployments", "queues", "limits", "automations")} == {
        key: applied[key] for key in ("deployments", "queues", "limits", "automations")
    }
    slugs = {name: [slug for _, slug, active in all_of if active] for name, all_of in again["schedules"].items()}
    assert slugs == {name: [slug for _, slug, _ in all_of] for name, all_of in applied["schedules"].items()}


def test_a_persons_form_explains_itself(prefect_server: Server, applied: dict[str, Any]) -> None:
    """Every field has a description, which Prefect takes from the docstring only; only the component is required."""
    deployment = prefect_server.client.read_deployment(applied["deployments"]["healing-dispatch"])
    schema = deployment.parameter_openapi_schema
    assert len(schema["properties"]) == 9
    assert [name for name, field in schema["properties"].items() if not field.get("description")] == []
    assert schema["required"] == ["component"]
    assert deployment.enforce_parameter_schema
