"""`selfheal discover`: looks at what runs here, and writes a first settings file that heals nothing yet."""

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.place import Place
from selfheal.model.errors import Permanent

if TYPE_CHECKING:
    from selfheal.discovery.draft import Draft
    from selfheal.discovery.found import Machine


def discover(
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Write this file; without it the file is printed.")
    ] = None,
    force: Annotated[bool, Parameter(negative="", help="Replace the file if it is there.")] = False,
    docker: Annotated[
        str, Parameter(help="The Docker engine; without it that of the settings, DOCKER_HOST, or the usual socket.")
    ] = "",
    supervisor: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A supervisord, as http://HOST:PORT or unix:///PATH; without it the usual places."),
    ] = (),
) -> int:
    """Write a first settings file."""
    if output is not None:
        _may_write(output, force=force)
    from console import discover_file, discover_sources  # noqa: PLC0415  keeps `--help` fast
    from selfheal.discovery.draft import draft  # noqa: PLC0415
    from selfheal.discovery.text import settings_file  # noqa: PLC0415

    machine = discover_sources.machine(place, docker=docker, supervisors=supervisor)
    found = draft(machine)
    for line in machine.silent:
        sys.stderr.write(f"not asked: {line}\n")
    if not found.proposals:
        raise Permanent(
            "nothing was found that can be watched" + (f"; {len(found.left_out)} left out" if found.left_out else ""),
            hint="start Docker or supervisord and what runs in it, or name them with --docker and --supervisor",
        )
    text = settings_file(machine, found)
    _proved(text)
    if output is None:
        sys.stdout.write(text)
    else:
        private = any(one.password for one in machine.supervisors)
        discover_file.write(output, text, private=private, replace=force)
    _summary(machine, found, output)
    return FINE


def _may_write(file: Path, *, force: bool) -> None:
    """Refuse before anything is asked."""
    if file.is_dir() or not file.parent.is_dir():
        raise WrongUsage(f"{file} cannot be a file", hint="name a file in a folder that is there")
    if (file.exists() or file.is_symlink()) and not force:
        raise WrongUsage(f"{file} is there already", hint="name another one with --output, or replace it with --force")


def _proved(text: str) -> None:
    """What we write, we can read."""
    from selfheal.settings.file import parse  # noqa: PLC0415  keeps `--help` fast

    parse(tomllib.loads(text), source="what discover wrote")


def _summary(machine: "Machine", found: "Draft", output: Path | None) -> None:
    """What was done, apart from the file."""
    asked = [f"Docker at {machine.docker}"] if machine.docker else []
    asked += [f"supervisord at {one.url}" for one in machine.supervisors]
    asked += [f"systemd ({len(machine.units)} services, only listed)"] if machine.units else []
    sys.stderr.write(
        f"{len(found.proposals)} components from {', '.join(asked)}; {len(found.left_out)} left out\n"
        + (f"written to {output}; its first lines tell the two edits that make it heal\n" if output else "")
    )
