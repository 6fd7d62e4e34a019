"""The estate's workflows: their request file, their pipeline, and how carefully they are put back on track."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from selfheal.model.escalation import EscalationRule
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.settings.escalated import EscalatedSettings
from selfheal.settings.values import Address, ComponentName, Duration, Section, Subject, login
from selfheal.settings.wording import Wrong

_NAME = r"^[A-Za-z0-9_-]{1,50}$"

Name = Annotated[str, Field(pattern=_NAME)]


class StageSettings(Section):
    """One stage of the pipeline."""

    agent: Name
    """Who works on it."""
    kind: Name
    """What it delivers, like `research`."""
    stream: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,100}$")] = ""
    """The JetStream stream of its deliverables; empty: `agog_features_KIND`."""
    subject: Subject | None = None
    """Of its deliverables, without the request's id behind it; unset: `agog.deliverables.AGENT.KIND`."""
    aliases: tuple[Subject, ...] = ()
    """Other subjects under which the same is published, without the id."""
    timeout: Duration = timedelta(hours=1)
    """It is stuck when it takes longer; half as long for a P0."""
    optional: bool = False
    """Gone through only where it was asked for."""

    def stage(self, index: int) -> Stage:
        """The same for the domain."""
        return Stage(
            index=index,
            agent=self.agent,
            kind=self.kind,
            stream=self.stream or f"agog_features_{self.kind}",
            subject=self.subject or f"agog.deliverables.{self.agent}.{self.kind}",
            aliases=self.aliases,
            timeout=self.timeout,
            optional=self.optional,
        )


def _agog() -> Iterator[StageSettings]:
    """The pipeline of the reference estate."""
    for agent, kind, minutes in (
        ("cynthia", "research", 45),
        ("sylvia", "critique", 30),
        ("roy", "backend", 60),
        ("jen", "frontend", 60),
        ("billy", "qa", 45),
        ("priya", "statistics", 90),
    ):
        yield StageSettings(agent=agent, kind=kind, timeout=timedelta(minutes=minutes))
    aliases = ("agog.deliverables.berry.berry",)
    yield StageSettings(agent="berry", kind="devops", timeout=timedelta(minutes=15), aliases=aliases)


class Workflows(Section):
    """The workflows of an agent platform; without a request file there are none, and their mechanisms say so."""

    request_file: str = ""
    """The file in which people ask, like `/srv/agents/OWNER_REQUESTS.md`; empty: there are no workflows."""
    backups: str = ""
    """The folder that keeps the file as it was before each of our changes; empty: one beside the file."""
    keep_backups: Annotated[int, Field(ge=1, le=100_000)] = 200
    """So many of them are kept, the newest; and the newest of each of the last 30 days."""
    url: Address = "nats://127.0.0.1:4222"
    """The broker whose JetStream holds the deliverables."""
    username: str = ""
    """For the broker."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    timeout: Duration = timedelta(seconds=5)
    """A call to the broker that takes longer has failed, and nobody can tell."""
    events: Subject = "agog.orchestration.events"
    """Where the event that starts a stage is published, with `stage.started.ID` behind it; a stream must cover it."""
    escalations: Subject = "agog.strategic.escalations"
    """Where agents say why they escalate, with the request's id behind it."""
    stages: tuple[StageSettings, ...] = Field(default_factory=lambda: tuple(_agog()))
    """The pipeline, in order; without it that of the reference estate, with seven stages."""
    at_once: Annotated[int, Field(ge=1, le=1000)] = 5
    """So many run at once; one of these places is kept for a P0."""
    changed_in_one_run: Annotated[int, Field(ge=1, le=1000)] = 5
    """More stuck workflows than that are a storm: a person is asked, and nothing is changed."""
    recoveries: Annotated[int, Field(ge=1, le=100)] = 3
    """So often a workflow is put back by itself; then it is blocked, with the reason."""
    keep_complete: Duration = timedelta(days=90)
    """Complete workflows are kept so long."""
    full_every: Duration = timedelta(hours=5)
    """Orphans are counted, and the host services looked after, this often; stuck workflows with every run."""
    prune_older: Duration = timedelta(days=1)
    """`prune-deliverables` leaves a request alone of which anything younger was delivered: its entry may be on its
    way."""
    many_orphans: Annotated[int, Field(ge=0)] = 10
    """More deliverables without a request than that make the level of health degraded."""

    host_services: tuple[ComponentName, ...] = ()
    """Components of this host that start and feed the workflows: restarted by `recovery-health-check` when down, by
    their own ladders."""
    host_mode: Literal["auto", "yes", "no"] = "auto"
    """Whether we run on the host of `host_services` itself: they are never restarted from inside a container. `auto`:
    unless we run in one."""
    escalated: tuple[EscalatedSettings, ...] = ()
    """What is done about escalated work by its words, each a table `[[workflows.escalated]]` with `pattern` (RE2) and
    either `component` (with `action`, `although_healthy`), which is healed, or `block`, the reason why a person looks.
    One that blocks goes before those that heal, else the first that fits counts. What fits none stays ESCALATED, and a
    person is told."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """The pipeline can be gone through, and no subject belongs to two of its stages."""
        if not any(not one.optional for one in self.stages):
            raise Wrong("stages", "needs at least one stage that is not optional")
        subjects = [subject for stage in self.pipeline().stages for subject in stage.subjects]
        if twice := {one for one in subjects if subjects.count(one) > 1}:
            raise Wrong("stages", f"two stages deliver on {min(twice)}")
        if not self.url.startswith(("nats://", "tls://")):
            raise Wrong("url", "must begin with nats:// or tls://")
        return self

    @property
    def there_are(self) -> bool:
        """Whether there are workflows."""
        return bool(self.request_file)

    def pipeline(self) -> Pipeline:
        """The stages as the domain knows them."""
        return Pipeline(stages=tuple(one.stage(index) for index, one in enumerate(self.stages)))

    def rules(self) -> tuple[EscalationRule, ...]:
        """What is done about escalated work, as the domain knows it."""
        return tuple(one.rule() for one in self.escalated)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for the broker."""
        return login(self.username, self.password)
