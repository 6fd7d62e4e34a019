"""`doctor`'s check of the Docker engine: it answers, lets us in, knows and checks the components' containers."""

from collections.abc import Mapping
from datetime import timedelta

from console.checks import Problem
from console.discover_sources import docker_url
from console.place import Place
from selfheal.clients.docker import Docker
from selfheal.clients.docker_survey import Survey
from selfheal.model.errors import Permanent, SelfhealError
from selfheal.model.observation import Incarnation
from selfheal.settings.estate import Settings

KEPT = frozenset({"always", "unless-stopped"})


def engine(place: Place) -> str:
    """It answers, and knows every container of the settings; without settings: whether `discover` could ask it."""
    settings = place.settings()
    if any(one.container for one in settings.components.values()):
        said = _state(settings.docker.url, settings.docker.timeout)
        lives = lives_of(settings)
        missing = sorted(name for name, life in lives.items() if life.state == "REMOVED")
        if missing:
            raise Problem(
                f"{said}; there is no container {', '.join(missing)}",
                hint="start it, or correct container of its component",
            )
        if unchecked := [f"{name}: {life.note}" for name, life in sorted(lives.items()) if life.health == "unchecked"]:
            raise Problem(
                f"{said}; the health check of {len(unchecked)} tells nothing of now: {'; '.join(unchecked)}",
                hint="what Docker checks no more is UNKNOWN to us, and not healed: restart the container by hand",
            )
        return said
    if settings.components:
        return "not asked: no component names a container"
    try:
        return f"{_state(docker_url(settings), settings.docker.timeout)}; `selfheal discover` can ask it"
    except Permanent:  # it is there and does not let us in, or is no Docker engine
        raise
    except SelfhealError as error:
        return f"none to discover containers of: {error.message}"


def lives_of(settings: Settings) -> Mapping[str, Incarnation]:
    """The containers that components name, as the engine tells them; REMOVED where it knows none."""
    names = {one.container for one in settings.components.values() if one.container}
    return Docker(url=settings.docker.url, timeout=settings.docker.timeout).containers(names)


def _state(url: str, timeout: timedelta) -> str:
    survey = Survey(url, timeout=timeout)
    found, containers = survey.engine(), survey.containers()
    said = f"Docker {found.version} at {url}, {len(containers)} containers"
    kept = [one.name for one in containers if one.restart_policy in KEPT]
    if kept and not found.live_restore:
        said += (
            f"; live-restore is off: when dockerd ends, so do all containers, and it starts {len(kept)} of them again"
        )
    return said
