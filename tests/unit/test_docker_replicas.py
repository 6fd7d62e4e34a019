"""What a replica is made from: the settings of the first one, without what only that one can have."""

from typing import Any

from selfheal.clients.docker_replicas import MARK, _like
from selfheal.model.check import Scale
from selfheal.model.component import Component, ProbeKind

ID = "0123456789ab" + "0" * 52
WEB = Component(
    name="web",
    target="docker/web",
    probe=ProbeKind.CONTAINER,
    docker="docker",
    container="web",
    scale=Scale(most=3, label="set=web"),
)


def found(**changes: Any) -> dict[str, Any]:
    """As Docker inspects it."""
    return {
        "Id": ID,
        "Image": "sha256:abc",
        "Config": {
            "Image": "web:1",
            "Hostname": ID[:12],
            "MacAddress": "02:42",
            "Labels": {"set": "web"},
            "Env": ["A=b"],
        },
        "HostConfig": {"NetworkMode": "front", "ContainerIDFile": "/x", "Memory": 64},
        "NetworkSettings": {
            "Networks": {
                "front": {"Aliases": ["web", ID[:12]], "IPAddress": "10.0.0.2"},
                "back": {"Aliases": None, "IPAddress": "10.1.0.2"},
            }
        },
        **changes,
    }


def test_a_replica_has_a_name_and_an_address_of_its_own() -> None:
    """The very image, its settings and its label; the names by which others find the set, and all of its networks."""
    settings, others = _like(found(), WEB)
    assert settings["Image"] == "sha256:abc"
    assert settings["Env"] == ["A=b"]
    assert settings["Labels"] == {"set": "web", MARK: "web"}
    assert settings["HostConfig"] == {"NetworkMode": "front", "Memory": 64}
    assert settings["NetworkingConfig"] == {"EndpointsConfig": {"front": {"Aliases": ["web"]}}}
    assert others == {"back": {"Aliases": []}}
    assert "Hostname" not in settings
    assert "MacAddress" not in settings


def test_a_host_name_that_was_given_stays_and_no_network_is_made_up() -> None:
    """The default networks take no names."""
    config = {"Hostname": "web.local", "Labels": None}
    networks = {"Networks": {"bridge": {"Aliases": None}}}
    settings, others = _like(found(Config=config, HostConfig={"NetworkMode": "default"}, NetworkSettings=networks), WEB)
    assert settings["Hostname"] == "web.local"
    assert ("NetworkingConfig" in settings, others) == (False, {})
