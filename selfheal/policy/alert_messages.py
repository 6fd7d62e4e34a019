"""The messages of `policy.alerting`, and where each goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from selfheal.model.alert import DeliveryState, Episode, Message, MessageKind, OpenAlert
from selfheal.model.alert_rules import Rules

TOLD_DIRECTLY = "told_directly"
"""In the details of an alert from the spool: the channels that took it while the database was away."""
_CALLS = frozenset({MessageKind.SUMMARY, MessageKind.REMINDER})
"""They go where their severity is routed; the others where the episode was told."""


@dataclass(frozen=True, kw_only=True)
class Addressed:
    """A message, and where it stands on each channel from the beginning."""

    message: Message
    states: Mapping[str, DeliveryState]


def of_alert(
    alert: OpenAlert, message: UUID, details: Mapping[str, object], state: DeliveryState, rules: Rules
) -> Addressed:
    """The alert itself, on every channel of its severity; what a channel took directly is sent there already.

    Args:
        alert: as it is now.
        message: its id.
        details: of what raised it.
        state: on each channel.
        rules: what goes where.
    """
    direct = details.get(TOLD_DIRECTLY)
    taken = set(direct) if isinstance(direct, list) and state is DeliveryState.WAITING else set()
    said = Message(
        id=message,
        kind=MessageKind.ALERT,
        severity=alert.severity,
        group=alert.group,
        dedup_key=alert.dedup_key,
        episode=alert.episode or alert.id,
        message=alert.message,
        details=details,
        created_at=alert.raised_at,
    )
    channels = rules.channels_of(alert.severity)
    return Addressed(message=said, states={name: DeliveryState.SENT if name in taken else state for name in channels})


def of_episode(  # noqa: PLR0913 - each is a part of the message
    episode: Episode,
    kind: MessageKind,
    words: str,
    about: Sequence[OpenAlert],
    *,
    still: int,
    rules: Rules,
    now: datetime,
) -> Addressed:
    """A message about an episode.

    Args:
        episode: as it is now.
        kind: what it says.
        words: the sentence.
        about: the alerts that it tells of.
        still: how many of the episode are open.
        rules: what goes where.
        now: this turn.
    """
    channels = rules.channels_of(episode.severity) if kind in _CALLS else rules.channels
    by = about[0].acknowledged_by if kind is MessageKind.ACKNOWLEDGED else ""
    said = Message(
        id=uuid5(episode.id, f"{kind} {by} {now.isoformat()}"),
        kind=kind,
        severity=episode.severity,
        group=episode.group,
        dedup_key=about[0].dedup_key if len(about) == 1 and episode.total == 1 else episode.group,
        episode=episode.id,
        message=words,
        details={"alerts": episode.total, "open": still},
        created_at=now,
    )
    going = [name for name in channels if kind in _CALLS or name in episode.channels]
    return Addressed(message=said, states=dict.fromkeys(going, DeliveryState.WAITING))
