"""One component of the estate: how it is observed, who runs it, what depends on it, how it may be healed."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, model_validator

from selfheal.model.component import Component, ProbeKind
from selfheal.settings.calls import CallSettings
from selfheal.settings.checks import CollectSettings, Command, FilePath, InstallSettings, MemorySettings
from selfheal.settings.scaling import ScaleSettings
from selfheal.settings.values import Address, ComponentName, Duration, ObjectName, Section, login
from selfheal.settings.wording import Wrong

ENGINE = "docker"
"""What components call the one Docker engine of the settings."""

_SCHEMES = {
    ProbeKind.HTTP: ("http://", "https://"),
    ProbeKind.NATS: ("nats://",),
}
_SQL = (ProbeKind.SQL, ProbeKind.SQL_OBJECT)


Settable = Literal[
    ProbeKind.HTTP,
    ProbeKind.NATS,
    ProbeKind.PROCESS,
    ProbeKind.CONTAINER,
    ProbeKind.SQL,
    ProbeKind.SQL_OBJECT,
    ProbeKind.PATH,
    ProbeKind.COMMAND,
    ProbeKind.MEMORY,
]
"""The probes that a component may have; workflows are found in the request file."""
_NEEDS: dict[ProbeKind, list[str]] = {
    ProbeKind.HTTP: ["url"],
    ProbeKind.NATS: ["url"],
    ProbeKind.PROCESS: ["supervisor", "program"],
    ProbeKind.CONTAINER: ["container"],
    ProbeKind.SQL: ["database"],
    ProbeKind.SQL_OBJECT: ["database", "object"],
    ProbeKind.PATH: ["path"],
    ProbeKind.COMMAND: ["container", "command"],
    ProbeKind.MEMORY: ["memory"],
}
"""What each probe asks for, for editors; `_complete` says it in words."""


def _rules() -> dict[str, Any]:
    """What belongs together, in JSON Schema."""
    probes = [
        {"if": {"properties": {"probe": {"const": kind.value}}}, "then": {"required": needed}}
        for kind, needed in _NEEDS.items()
    ]
    return {
        "allOf": [*probes, {"not": {"required": ["container", "program"]}}],
        "dependentRequired": {"supervisor": ["program"], "program": ["supervisor"]},
    }


class ComponentSettings(Section):
    """One component of the estate."""

    model_config = ConfigDict(json_schema_extra=_rules())

    probe: Settable
    """How its health is observed."""
    url: Address = ""
    """What the probe `http` or `nats` asks: `http://`, `https://` or `nats://`."""
    username: str = ""
    """For the probe, where it has to log in."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    supervisor: str = ""
    """The supervisor that runs it: one of the supervisors."""
    program: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,100}(:[A-Za-z0-9_.-]{1,100})?)?$")] = ""
    """Its name in that supervisor, `group:name` where it is not a group of its own."""
    container: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})?$")] = ""
    """Its name in Docker, where a container runs it."""
    database: str = ""
    """What the probe `sql` or `sql-object` asks: one of the databases."""
    object: ObjectName | Literal[""] = ""
    """What the probe `sql-object` looks for, as `schema.name`."""
    migration: str = ""
    """The entry of the catalogue that creates the object: one of the migrations."""
    group: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{0,50}$")] = ""
    """What it belongs to, for a person: replicas, or what fails together. Shown by `selfheal status`."""
    depends_on: frozenset[ComponentName] = frozenset()
    """Components that must be healthy for this one to be. They are checked, and shown by `selfheal status`;
    each component is healed by itself all the same."""
    restarts: bool = False
    """Its supervisord restarts it by itself (`autorestart`), which that does not tell: an end is left to it for
    `watching.platform_grace` first, then healed if that has not helped."""
    critical: bool = False
    """Whether its triggers have the priority CRITICAL whatever their kind; a container's and a broker's always have."""
    ladder: tuple[str, ...] = ()
    """The actions to try, the first one that fits first. Empty: it is only observed."""
    clear_caches: CallSettings | None = None
    """What the action `clear-caches` sends, and nothing else, like `{ url = "http://127.0.0.1:4000/caches" }` for a
    POST, or `{ url = "nats://127.0.0.1:4222", subject = "backend.caches.clear" }`. It takes `url`, `method` (POST, PUT,
    DELETE), `subject`, `body`, `token`, `username`, `password`, `timeout`."""
    path: FilePath = ""
    """The file or folder that the probe `path` looks for: in its container, or on this machine where it has none."""
    mounted: bool = False
    """Whether `path` must be a mount; in a container it may also lie below one."""
    copies: FilePath = ""
    """A folder of our own that keeps the last good copies of a file on this machine, for `verify-mount` to put back
    where the file is gone. Empty: none are kept."""
    command: Command = ()
    """What the probe `command` runs in the container: program and arguments, like `["node", "-e", "require('pg')"]`;
    it is well where that ends with 0 within `probe_timeout`. No shell is between."""
    install: InstallSettings | None = None
    """What `install-packages` runs in the container, like `{ command = ["npm", "ci"], timeout = "10 min" }`."""
    memory: MemorySettings | None = None
    """How much the probe `memory` lets it use: `{ share = 0.9 }` of its container's limit, `{ mib = 1500 }`, or of a
    figure that it tells itself: `{ url = "http://127.0.0.1:4000/memory", field = "heapUsed", mib = 1500 }`. It takes
    `share`, `mib`, `url`, `token`, `field`, `limit_field`."""
    collect: CollectSettings | None = None
    """How `collect-garbage` tells it to: `{ signal = "SIGUSR2" }`, `{ command = ["app-ctl", "gc"] }` in its container,
    or `{ call = { url = "http://127.0.0.1:4000/gc" } }`, which takes what `clear_caches` takes."""
    scale: ScaleSettings | None = None
    """How `scale` lets more replicas run, up to `max`. By two programs on this machine, one that prints how many run
    and one that brings them to a number: `{ max = 4, count = ["/opt/api", "count"], command = ["/opt/api", "run",
    "{replicas}"] }`. Or in Docker, by the label of all containers of the set, of which `container` is one:
    `{ max = 4, label = "com.example.set=api" }`. It takes `min`, `max`, `step`, `count`, `command`, `label`,
    `timeout`."""
    watched: bool = True
    """Whether each sweep looks at it. `false`, for a look that costs much: only when a trigger suspects it, and once a
    minute while its fault is open."""
    probe_timeout: Duration = timedelta(seconds=2)
    """A probe that takes longer has failed."""
    start_timeout: Duration = timedelta(seconds=60)
    """It may take this long to become healthy after a heal."""
    healthy_delay: Duration = timedelta(seconds=5)
    """It must still be healthy this long after it first was; only then it is healed."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """A probe needs what it asks; a program needs its supervisor; a component has one keeper."""
        self._asks()
        if bool(self.supervisor) != bool(self.program):
            missing = "program" if self.supervisor else "supervisor"
            raise Wrong(missing, "is missing: supervisor and program belong together")
        if self.probe is ProbeKind.PROCESS and not self.program:
            raise Wrong("program", 'is missing: probe = "process" needs supervisor and program')
        if self.probe is ProbeKind.CONTAINER and not self.container:
            raise Wrong("container", 'is missing: probe = "container" needs the name of a Docker container')
        if self.container and self.program:
            raise Wrong("container", "and program exclude each other: one thing runs the component")
        return self

    def _asks(self) -> None:
        """What the probe asks is there, and nothing that no probe would ask."""
        schemes = _SCHEMES.get(self.probe, ("",))
        if not self.url.startswith(schemes):
            known = " or ".join(schemes)
            raise Wrong("url", f'must begin with {known} for probe = "{self.probe}" (given: {self.url!r})')
        if self.probe in _SQL and not self.database:
            raise Wrong("database", f'is missing: probe = "{self.probe}" needs one of the databases')
        if self.database and self.probe not in _SQL:
            raise Wrong("database", f'means nothing for probe = "{self.probe}"')
        if (self.probe is ProbeKind.SQL_OBJECT) != bool(self.object):
            raise Wrong("object", 'belongs to probe = "sql-object", which needs one, like "wms.stock_levels"')
        if self.migration and not self.object:
            raise Wrong("migration", 'belongs to probe = "sql-object"')
        if self.object and (self.container or self.program):
            raise Wrong("object", "is in a database; describe the process that runs the database as its own component")
        self._checks()

    def _checks(self) -> None:
        """What only one probe asks stands with that probe, and has what it needs."""
        for kind, setting, given in (
            (ProbeKind.PATH, "path", bool(self.path)),
            (ProbeKind.COMMAND, "command", bool(self.command)),
            (ProbeKind.MEMORY, "memory", self.memory is not None),
        ):
            if (self.probe is kind) != given:
                raise Wrong(setting, f'belongs to probe = "{kind}", which needs it')
        if self.mounted and not self.path:
            raise Wrong("mounted", 'belongs to probe = "path"')
        if self.copies and (not self.path or self.container):
            raise Wrong("copies", 'belongs to probe = "path" without a container: they are of a file of this machine')
        if self.copies and self.mounted:
            raise Wrong("copies", "are of a file; for what is mounted there are none")
        if self.path and self.program:
            raise Wrong("program", 'means nothing for probe = "path"; describe the process as its own component')
        if self.command and not self.container:
            raise Wrong("container", 'is missing: probe = "command" runs its command in a container')
        if self.install and not self.container:
            raise Wrong("install", "needs a container to run in")
        if self.scale and self.scale.label and not self.container:
            raise Wrong("scale.label", "needs container, one of the set, which the others are made like")
        self._memory()

    def _memory(self) -> None:
        """There is something whose memory is looked at, and something that gets the signal or command."""
        memory, collect = self.memory, self.collect
        if memory and not (memory.url or self.container or self.program):
            raise Wrong("memory", "needs a container, a program or a url of its own to look at")
        if memory and memory.share and not (memory.url or self.container):
            raise Wrong("memory.share", "is a share of a container's limit; give a process its mib")
        if collect and collect.signal and not (self.container or self.program):
            raise Wrong("collect.signal", "needs a container or a program that gets it")
        if collect and collect.command and not self.container:
            raise Wrong("collect.command", "needs a container to run in")

    def component(self, name: str) -> Component:
        """The component as the domain knows it, with its canonical target."""
        return Component(
            name=name,
            target=self._target()[:200],  # as wide as its columns
            probe=self.probe,
            url=self.url,
            credentials=login(self.username, self.password),
            supervisor=self.supervisor,
            program=self.program,
            docker=ENGINE if self.container else "",
            container=self.container,
            database=self.database,
            object=self.object,
            migration=self.migration,
            group=self.group,
            depends_on=self.depends_on,
            restarts=self.restarts,
            critical=self.critical,
            ladder=self.ladder,
            clear_caches=None if self.clear_caches is None else self.clear_caches.call(),
            path=self.path,
            mounted=self.mounted,
            copies=self.copies,
            command=self.command,
            install=None if self.install is None else self.install.install(),
            memory=None if self.memory is None else self.memory.limit(),
            collect=None if self.collect is None else self.collect.collect(),
            scale=None if self.scale is None else self.scale.scale(),
            watched=self.watched,
            probe_timeout=self.probe_timeout,
            start_timeout=self.start_timeout,
            healthy_delay=self.healthy_delay,
        )

    def _target(self) -> str:
        """The physical thing, whatever the component's name and probe."""
        if self.container:
            return f"docker/{self.container}"
        if self.program:
            return f"supervisor/{self.supervisor}/{self.program}"
        if self.database:
            return f"database/{self.database}/{self.object}".removesuffix("/")
        if self.memory:
            return f"memory/{self.memory.url}"
        return f"{self.probe}/{self.path or self.url}"
