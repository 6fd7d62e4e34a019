"""What is told together, where it goes, and what is silenced: the questions that `policy.alerting` asks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from selfheal.model.alert import OpenAlert, Silence

ENDLESS = frozenset({"answer", "escalation", "mode", "starts"})
"""Kinds of alerts that nothing ends: they are over when a person acknowledges them."""
LONGEST_GROUP = 100


def kind_of(dedup_key: str) -> str:
    """The kind of an alert is the first part of its key: `fault` of `fault/0192...`."""
    return dedup_key.partition("/")[0]


def component_of(details: Mapping[str, Any]) -> str:
    """The component that an alert is about; empty: none, or several."""
    named = details.get("component")
    return named if isinstance(named, str) else ""


def group_of(dedup_key: str, component: str, groups: Mapping[str, str]) -> str:
    """What is told together: alerts of one kind, of components of one group: `fault/web`, or just `fault`."""
    group = groups.get(component, "")
    return (f"{kind_of(dedup_key)}/{group}" if group else kind_of(dedup_key))[:LONGEST_GROUP]


def is_endless(dedup_key: str) -> bool:
    """Whether nothing ends it but a person's word; the same in v0001_alerts.sql."""
    kind, *rest = dedup_key.split("/")
    reason = (
        len(rest) > 1
    )  # lines of a log, not that it cannot be read; why a workflow needs a person, not that it waits
    return kind in ENDLESS or (reason and (kind == "log" or (kind == "workflow" and rest[-1] != "blocked")))


def silence_of(alert: OpenAlert, silences: Sequence[Silence], now: datetime) -> Silence | None:
    """The silence that keeps people from being told of it; None: there is none."""
    return next(
        (one for one in silences if not one.ended_by and one.until > now and matches(one.pattern, alert)),
        None,
    )


def matches(pattern: str, alert: OpenAlert) -> bool:
    """Whether a person's pattern means this alert."""
    named = {alert.dedup_key, alert.group}
    if alert.component:
        named |= {alert.component, f"{kind_of(alert.dedup_key)}/{alert.component}"}
    return any(fnmatchcase(name, pattern) for name in named)
