"""Rows of alerts, episodes and messages as values."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from selfheal.model.alert import Episode, Message, MessageKind, OpenAlert, Severity, Silence


def open_alert_of(row: Row[Any]) -> OpenAlert:
    """An alert."""
    return OpenAlert(
        id=row.id,
        dedup_key=row.dedup_key,
        group=row.alert_group,
        severity=Severity(row.severity),
        message=row.message,
        component=row.component,
        episode=row.episode_id,
        held=row.held,
        occurrences=row.occurrences,
        raised_at=row.raised_at,
        acknowledged_by=row.acknowledged_by or "",
        acknowledged_why=row.acknowledged_why or "",
        acknowledgement_told=row.acknowledgement_told,
        resolved_at=row.resolved_at,
    )


def episode_of(row: Row[Any], channels: Iterable[str]) -> Episode:
    """An episode, and where it was told."""
    return Episode(
        id=row.id,
        group=row.alert_group,
        severity=Severity(row.severity),
        window_began=row.window_began,
        told=row.told,
        held=row.held,
        total=row.total,
        is_open=row.is_open,
        last_told_at=row.last_told_at,
        channels=frozenset(channels),
    )


def message_of(row: Row[Any]) -> Message:
    """A message."""
    return Message(
        id=row.id,
        kind=MessageKind(row.kind),
        severity=Severity(row.severity),
        group=row.alert_group,
        dedup_key=row.dedup_key,
        episode=row.episode_id,
        message=row.message,
        details=row.details,
        created_at=row.created_at,
    )


def silence_of(row: Row[Any]) -> Silence:
    """A silence."""
    return Silence(
        id=row.id,
        pattern=row.pattern,
        until=row.until,
        who=row.who,
        why=row.why,
        since=row.since,
        ended_by=row.ended_by or "",
    )
