"""Where `discover` looks: Docker, supervisords, systemd. One that does not answer stops none of the others."""

import configparser
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from console import discover_ours
from console.place import Place
from selfheal.clients import systemd
from selfheal.clients.docker_survey import Survey
from selfheal.clients.supervisor import Supervisor
from selfheal.discovery.found import FoundContainer, FoundProgram, FoundSupervisor, FoundUnit, Machine
from selfheal.discovery.names import as_group
from selfheal.model.errors import SelfhealError
from selfheal.settings.estate import Settings

USUAL_DOCKER = "/var/run/docker.sock"
CONFIGURATIONS = ("/etc/supervisor/supervisord.conf", "/etc/supervisord.conf", "/usr/local/etc/supervisord.conf")
SOCKETS = ("/var/run/supervisor.sock", "/run/supervisor.sock", "/run/supervisord.sock", "/tmp/supervisor.sock")  # noqa: S108 - supervisord's own default


def machine(place: Place, *, docker: str, supervisors: tuple[str, ...]) -> Machine:
    """Everything that answers, within some seconds each."""
    settings, ours = place.settings(), discover_ours.pids()
    silent: list[str] = []
    url = docker or docker_url(settings)
    containers = _containers(url, settings.docker.timeout, silent)
    found = _supervisors([_named(url) for url in supervisors] or _usual(settings), silent)
    return Machine(
        docker=url if containers is not None else "",
        containers=tuple(containers or ()),
        supervisors=tuple(found),
        units=tuple(_units(silent)),
        our_pids=ours,
        our_containers=discover_ours.containers(ours),
        our_ports=discover_ours.ports(settings),
        silent=tuple(silent),
    )


def docker_url(settings: Settings) -> str:
    """As the settings say; else as Docker's own commands find it."""
    if "url" in settings.docker.model_fields_set:
        return settings.docker.url
    named = os.environ.get("DOCKER_HOST", "")
    if named:
        return named
    rootless = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "docker.sock"
    return f"unix://{rootless}" if not Path(USUAL_DOCKER).exists() and rootless.exists() else f"unix://{USUAL_DOCKER}"


def _containers(url: str, timeout: timedelta, silent: list[str]) -> list[FoundContainer] | None:
    if not url.startswith(("unix:///", "tcp://")):
        silent.append(f"Docker at {url}: only unix:///PATH and tcp://HOST:PORT can be asked")
        return None
    try:
        return Survey(url, timeout=timeout).containers()
    except SelfhealError as error:
        silent.append(str(error))
        return None


def _named(url: str) -> FoundSupervisor:
    return FoundSupervisor(name="main", url=url)


def _usual(settings: Settings) -> list[FoundSupervisor]:
    """Those of the settings, of supervisord's usual configuration files, and its usual sockets."""
    found = [
        FoundSupervisor(name=name, url=one.url, username=one.username, password=one.password.get_secret_value())
        for name, one in settings.supervisors.items()
    ]
    found += [one for path in CONFIGURATIONS if (one := _configured(Path(path))) is not None]
    found += [_named(f"unix://{path}") for path in SOCKETS if Path(path).is_socket()]
    return found


def _configured(path: Path) -> FoundSupervisor | None:
    """The supervisord of a configuration file, with the login that stands there."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", " #"), strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):  # not there, not ours to read, or no configuration
        return None
    for section, option in (("unix_http_server", "file"), ("inet_http_server", "port")):
        where = parser.get(section, option, fallback="").strip()
        if where and "%(" not in where:
            return FoundSupervisor(
                name="main",
                url=f"unix://{where}" if option == "file" else _inet(where),
                username=parser.get(section, "username", fallback="").strip(),
                password=parser.get(section, "password", fallback="").strip(),
            )
    return None


def _inet(where: str) -> str:
    """`9001`, `:9001` and `*:9001` are this machine."""
    host, _, port = where.rpartition(":")
    return f"http://{host if host not in {'', '*', '0.0.0.0'} else '127.0.0.1'}:{port}"  # noqa: S104 - compared


def _supervisors(wanted: list[FoundSupervisor], silent: list[str]) -> Iterator[FoundSupervisor]:
    """Each once, under a name of its own, with its programs."""
    urls: set[str] = set()
    names: set[str] = set()
    for one in wanted:
        key = one.url.replace("///var/run/", "///run/")
        if key in urls:
            continue
        urls.add(key)
        name = next(name for name in _numbered(as_group(one.name)) if name not in names)
        programs = _programs(one, silent)
        if programs is not None:
            names.add(name)
            yield replace(one, name=name, programs=tuple(programs))


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _programs(one: FoundSupervisor, silent: list[str]) -> list[FoundProgram] | None:
    try:
        processes = Supervisor(url=one.url, username=one.username, password=one.password).processes()
    except SelfhealError as error:
        silent.append(str(error))
        return None
    return [FoundProgram(name=name, state=life.state, pid=life.pid) for name, life in sorted(processes.items())]


def _units(silent: list[str]) -> list[FoundUnit]:
    if not systemd.booted():
        return []
    try:
        return systemd.running_units()
    except SelfhealError as error:
        silent.append(str(error))
        return []
