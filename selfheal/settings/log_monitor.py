"""Which logs are followed, what is looked for in them, and which component is looked at when it is found."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from selfheal.model.log import LogPattern, LogRules, LogSeverity, LogSource
from selfheal.policy.log_patterns import REFERENCE, compiled
from selfheal.policy.names import nearest
from selfheal.settings.component import ComponentSettings
from selfheal.settings.values import PLAIN, Broker, ComponentName, Duration, Section, Subject, login
from selfheal.settings.wording import Wrong

_EIGHT = frozenset(pattern.name for pattern in REFERENCE)


def _expression(value: str) -> str:
    compiled([value])
    return value


Expression = Annotated[str, Field(min_length=1, max_length=500), PLAIN, AfterValidator(_expression)]


class LogSourceSettings(Section):
    """One log: of a component's container, or a file."""

    component: ComponentName
    """Whose log it is, and what is looked at when a pattern is found that `suspects` does not name."""
    file: Annotated[str, Field(max_length=1000, pattern=r"^(/.*)?$"), PLAIN] = ""
    """The file that is written to, like `/var/log/backend/app.log`; its earlier parts beside it are found by
    themselves. Empty: the log of the component's container, through Docker."""
    suspects: dict[str, ComponentName] = Field(default_factory=dict)
    """By the pattern's name, the component that is looked at, like `nats-refused = "broker"`."""
    from_start: bool = False
    """At the first look, what stands there already is read too; else it is history, and counts for nothing."""


class LogPatternSettings(Section):
    """A pattern of your own, or what is different about one of the eight: what is unset stays as it is."""

    patterns: tuple[Expression, ...] = ()
    """RE2, like `payment .* declined`; one of them is found in the line, in any case of ASCII letters."""
    severity: LogSeverity | None = None
    """CRITICAL, ERROR, WARNING or INFO; unset: ERROR."""
    threshold: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """So many lines within `log_monitor.window`; unset: 1."""
    tells: bool | None = None
    """A person is told, once for each kind of line in a window, in place of a look at the suspect."""
    before: str = ""
    """It is more specific than this pattern. Unset: your own are more specific than the eight, in the file's order."""
    off: bool = False
    """It is not looked for."""


class LogMonitor(Section):
    """How logs are followed; without a source nothing is, and no schedule begins log-monitor."""

    window: Annotated[Duration, Field(ge=timedelta(seconds=30), le=timedelta(hours=24))] = timedelta(minutes=5)
    """Lines count for so long towards a threshold, from 30 s to 24 h."""
    summary: Duration = timedelta(minutes=5)
    """A summary is published this often."""
    url: Broker = ""
    """The broker that summaries are published on, like `nats://broker.example:4222`; empty: that of `workflows`, if
    there are any, else none."""
    username: str = ""
    """For the broker, with `url`."""
    password: SecretStr = SecretStr("")
    """The same; never shown."""
    health_subject: Subject = "agog.monitoring.health"
    """Where it is published how each log stands."""
    metrics_subject: Subject = "agog.metrics.system"
    """Where it is published what was counted."""
    sources: dict[ComponentName, LogSourceSettings] = Field(default_factory=dict)
    """The logs, each a table of its own."""
    patterns: dict[ComponentName, LogPatternSettings] = Field(default_factory=dict)
    """What is looked for besides the eight patterns of the reference estate, or otherwise, each a table of its own."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        """A pattern of one's own says what it looks for, and the names of patterns exist."""
        for name, one in self.patterns.items():
            if name not in _EIGHT and not one.patterns:
                known = nearest(name, _EIGHT)
                raise Wrong(f"patterns.{name}", f"is none of the eight, and names no patterns of its own{known}")
            if one.before and one.before not in self._names() - {name}:
                others = nearest(one.before, self._names() - {name})
                raise Wrong(f"patterns.{name}.before", f"no other pattern is named {one.before!r}{others}")
        for name, source in self.sources.items():
            for pattern in source.suspects:
                if pattern not in self._names():
                    known = nearest(pattern, self._names())
                    raise Wrong(f"sources.{name}.suspects", f"no pattern is named {pattern!r}{known}")
        self._together()
        return self

    def _together(self) -> None:
        """What is well by itself may be more than one machine can hold."""
        try:
            compiled(one for pattern in self.rules().patterns for one in pattern.expressions)
        except ValueError as error:
            raise Wrong("patterns", f"are too much for one machine: all of them together {error}") from error

    @property
    def there_are(self) -> bool:
        """Whether there are logs to follow."""
        return bool(self.sources)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for the broker of `url`."""
        return login(self.username, self.password)

    def rules(self) -> LogRules:
        """What is looked for, as the domain knows it."""
        known = {pattern.name: pattern for pattern in REFERENCE}
        own = [name for name in self.patterns if name not in known]
        order = [*own, *known]
        for name, one in self.patterns.items():
            if one.before:
                order.remove(name)
                order.insert(order.index(one.before), name)
        patterns = (_pattern(name, known.get(name), self.patterns.get(name)) for name in order)
        return LogRules(patterns=tuple(one for one in patterns if one is not None), window=self.window)

    def followed(self, components: Mapping[str, ComponentSettings]) -> tuple[LogSource, ...]:
        """The logs, as the domain knows them."""
        return tuple(
            LogSource(
                name=name,
                component=one.component,
                file=one.file,
                container="" if one.file else components[one.component].container,
                suspects=one.suspects,
                from_start=one.from_start,
            )
            for name, one in self.sources.items()
        )

    def check(self, components: Mapping[str, ComponentSettings]) -> None:
        """The components that are named exist, and there is something to read.

        Raises:
            Wrong: names the setting.
        """
        for name, one in self.sources.items():
            place = f"log_monitor.sources.{name}"
            _exists(f"{place}.component", one.component, components)
            for pattern, suspect in one.suspects.items():
                _exists(f"{place}.suspects.{pattern}", suspect, components)
            if not one.file and not components[one.component].container:
                raise Wrong(f"{place}.file", f"is needed: {one.component!r} has no container whose log could be read")

    def _names(self) -> set[str]:
        return {*_EIGHT, *self.patterns}


def _exists(setting: str, name: str, components: Collection[str]) -> None:
    if name not in components:
        raise Wrong(setting, f"no component is named {name!r}{nearest(name, components)}")


def _pattern(name: str, known: LogPattern | None, one: LogPatternSettings | None) -> LogPattern | None:
    """The pattern with what the settings say of it; None: it is off."""
    base = known or LogPattern(name=name, expressions=(), severity=LogSeverity.ERROR, threshold=1)
    if one is None:
        return base
    if one.off:
        return None
    return replace(
        base,
        expressions=one.patterns or base.expressions,
        severity=one.severity or base.severity,
        threshold=one.threshold or base.threshold,
        tells=base.tells if one.tells is None else one.tells,
    )
