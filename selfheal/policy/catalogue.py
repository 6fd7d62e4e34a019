"""What can be healed, by name: the components of the settings, and each workflow by its request's id.

A workflow is a component that is derived from its name, so that one protocol heals both. It is found by its name and
never listed: nothing sweeps over workflows as if they were components.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType

from selfheal.model.component import Component, ProbeKind

ALLOWED_AS = "workflows"
"""The one name that stands for all of them on the allow-list."""
REQUEST_FILE = "request-file"
"""What the request file is called as a component."""
DELIVERABLES = "deliverables"
"""All that agents have delivered, as one component: what belongs to no request may be pruned."""
HOST = "host"
"""The host that we run on, as one component: it has a ladder only where an operator gives it one."""
LADDER = ("retry-workflow", "block-workflow")
LONGEST_ID = 100
_ID = re.compile(r"REQ(-[A-Za-z0-9]+)+")


def is_request(name: str) -> bool:
    """Whether this is the id of a request: it becomes part of a subject, and of a web address."""
    return len(name) <= LONGEST_ID and _ID.fullmatch(name) is not None


def workflow_component(req_number: str, *, timeout: timedelta) -> Component:
    """A workflow as something that is healed. No process has to boot: it is well as soon as it is written.

    Args:
        req_number: its request's id.
        timeout: of a look at it.
    """
    return Component(
        name=req_number,
        target=f"workflow/{req_number}",
        probe=ProbeKind.WORKFLOW,
        allowed_as=ALLOWED_AS,
        ladder=LADDER,
        probe_timeout=timeout,
        start_timeout=timedelta(seconds=10),
        healthy_delay=timedelta(seconds=1),
    )


def file_component(path: str) -> Component:
    """The request file as something that is watched and healed."""
    return Component(
        name=REQUEST_FILE,
        target=f"file/{path}"[:200],
        probe=ProbeKind.REQUEST_FILE,
        ladder=("restore-request-file",),
        probe_timeout=timedelta(seconds=5),
        start_timeout=timedelta(seconds=10),
        healthy_delay=timedelta(seconds=2),
    )


def deliverables_component(url: str, *, timeout: timedelta) -> Component:
    """All deliverables of a broker. Nothing of it is done by itself: a person names the action.

    Args:
        url: of the broker.
        timeout: of a look at them.
    """
    return Component(
        name=DELIVERABLES,
        target=f"nats/{url}/{DELIVERABLES}"[:200],  # as wide as its columns
        probe=ProbeKind.DELIVERABLES,
        probe_timeout=timeout,
        start_timeout=timedelta(seconds=10),
        healthy_delay=timedelta(seconds=1),
    )


def host_component(name: str, ladder: tuple[str, ...]) -> Component:
    """A host, as something that is healed.

    Args:
        name: of the host.
        ladder: actions that make it better; usually there are none, and a person is told.
    """
    return Component(
        name=HOST,
        target=f"host/{name}"[:200],
        probe=ProbeKind.HOST,
        ladder=ladder,
        probe_timeout=timedelta(seconds=10),
        start_timeout=timedelta(seconds=60),
        healthy_delay=timedelta(seconds=5),
    )


class Catalogue(Mapping[str, Component]):
    """Components by name.

    Args:
        components: those of the settings.
        timeout: of a look at a workflow; None: there are no workflows.
        derived: further components that are found by their names and not listed.
    """

    def __init__(
        self,
        components: Mapping[str, Component],
        *,
        timeout: timedelta | None,
        derived: Mapping[str, Component] = MappingProxyType({}),
    ) -> None:
        self._components = components
        self._derived = derived
        self._timeout = timeout

    def __getitem__(self, name: str) -> Component:
        if name not in self._components and self._timeout is not None and is_request(name):
            return workflow_component(name, timeout=self._timeout)
        return self._components[name] if name in self._components else self._derived[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._components)

    def __len__(self) -> int:
        return len(self._components)
