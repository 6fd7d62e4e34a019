"""From what has happened to what is sent: one message, a summary, a reminder, that it is over; or nothing.

`decide` takes what is new in the outbox and how things stand, and gives what is to be written. Alerts of one group and
severity within a window are an episode: it is told by single messages, then by one summary, and ended by one message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from selfheal.model.alert import Alert, DeliveryState, Episode, MessageKind, OpenAlert, Severity, Silence
from selfheal.model.alert_rules import Rules
from selfheal.policy.alert_messages import Addressed, of_alert, of_episode
from selfheal.policy.alert_rules import component_of, group_of, is_endless, silence_of
from selfheal.policy.alert_words import acknowledged, over, reminder, summary


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand before a turn.

    Attributes:
        alerts: those that are open.
        episodes: those that are open, and those whose window is not over.
        silences: those in force.
    """

    alerts: Sequence[OpenAlert]
    episodes: Sequence[Episode]
    silences: Sequence[Silence]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What is to be written.

    Attributes:
        alerts: new and changed ones.
        episodes: the same.
        messages: in the order in which they are to be sent.
    """

    alerts: Sequence[OpenAlert]
    episodes: Sequence[Episode]
    messages: Sequence[Addressed]


def decide(events: Sequence[Alert], standing: Standing, rules: Rules, now: datetime) -> Decided:
    """What follows from these events, the oldest first, and from the time that has passed."""
    ledger = _Ledger(standing, rules, now)
    ledger.end_windows()
    for event in events:
        ledger.take(event)
    ledger.end_silences()
    ledger.tell_acknowledged()
    ledger.remind()
    ledger.end_episodes()
    return ledger.decided()


_ON_THE_WAY = frozenset({DeliveryState.WAITING, DeliveryState.SENT})


class _Ledger:
    """What stands during one turn. Each change replaces a value; `decided` gives those that differ."""

    def __init__(self, standing: Standing, rules: Rules, now: datetime) -> None:
        self._rules, self._now = rules, now
        self._silences = standing.silences
        self._before: dict[UUID, OpenAlert | Episode] = {one.id: one for one in standing.alerts}
        self._before |= {one.id: one for one in standing.episodes}
        self._alerts: dict[UUID, OpenAlert] = {}
        self._open: dict[str, UUID] = {}
        self._members: dict[UUID, dict[UUID, None]] = {}  # of each episode, in the order in which they came
        self._episodes = {one.id: one for one in standing.episodes}
        self._messages: list[Addressed] = []
        for alert in standing.alerts:
            self._keep(alert)

    def decided(self) -> Decided:
        """What differs from what stood before."""
        return Decided(
            alerts=[one for one in self._alerts.values() if self._before.get(one.id) != one],
            episodes=[one for one in self._episodes.values() if self._before.get(one.id) != one],
            messages=self._messages,
        )

    def end_windows(self) -> None:
        """Where a window is over in which alerts were held back: the summary."""
        for episode in list(self._episodes.values()):
            if episode.held and self._is_over(episode):
                self._summarize(episode)

    def take(self, event: Alert) -> None:
        """One row of the outbox."""
        known = self._alerts.get(self._open.get(event.dedup_key, event.id))
        if event.resolved:
            if known is not None:
                self._end(replace(known, message=event.message))
        elif known is None:
            self._begin(event)
        else:
            self._repeat(known, event)

    def end_silences(self) -> None:
        """What was silenced, is still open, nobody's and silenced no more is told now."""
        for alert in list(self._alerts.values()):
            if alert.resolved_at is not None or alert.acknowledged_by or self._silence(alert):
                continue
            if not self._is_told(alert):
                self._tell(alert, uuid5(alert.id, f"no longer silenced {self._now.isoformat()}"), {})

    def tell_acknowledged(self) -> None:
        """One message for all that one person has taken of one episode; what nothing else ends is over by that."""
        taken: dict[tuple[UUID, str], list[OpenAlert]] = {}
        for alert in list(self._alerts.values()):
            if not alert.acknowledged_by or alert.acknowledgement_told or alert.resolved_at is not None:
                continue
            alert = self._keep(replace(alert, acknowledgement_told=True))  # noqa: PLW2901 - the same one, changed
            if is_endless(alert.dedup_key):
                self._end(alert)
            elif alert.episode is not None:
                taken.setdefault((alert.episode, alert.acknowledged_by), []).append(alert)
        for (episode, _), alerts in taken.items():
            self._say(self._episodes[episode], MessageKind.ACKNOWLEDGED, acknowledged(alerts), alerts)

    def remind(self) -> None:
        """What is CRITICAL, was told long ago, and is still nobody's."""
        for episode in list(self._episodes.values()):
            due = episode.last_told_at + self._rules.remind <= self._now
            if not due or not episode.is_open or episode.severity is not Severity.CRITICAL:
                continue
            alerts = [one for one in self._of(episode) if not one.acknowledged_by and not self._silence(one)]
            if alerts:
                self._say(episode, MessageKind.REMINDER, reminder(alerts, self._now), alerts)
                self._keep_episode(replace(self._episodes[episode.id], last_told_at=self._now))

    def end_episodes(self) -> None:
        """Where people were told, and nothing of it is open any more: one message."""
        for episode in list(self._episodes.values()):
            if not episode.is_open or self._of(episode):
                continue
            ended = self._ever_of(episode)
            self._say(episode, MessageKind.RESOLVED, over(episode, ended, self._moved(episode)), ended)
            self._keep_episode(replace(self._episodes[episode.id], is_open=False, held=0))

    def _begin(self, event: Alert) -> None:
        component = component_of(event.details)
        alert = OpenAlert(
            id=event.id,
            dedup_key=event.dedup_key,
            group=group_of(event.dedup_key, component, self._rules.groups),
            severity=event.severity,
            message=event.message,
            component=component,
            raised_at=event.created_at,
        )
        self._raise(self._keep(alert), event)

    def _repeat(self, known: OpenAlert, event: Alert) -> None:
        """Raised again while it is open: told, unless somebody has it and it is no worse.

        One that is worse leaves its episode when it is told as what it is now: not before, else people heard that it is
        over.
        """
        worse = event.severity.rank > known.severity.rank
        alert = replace(known, message=event.message, occurrences=known.occurrences + 1)
        if worse:
            alert = replace(
                self._waits_no_more(alert),
                severity=event.severity,
                acknowledged_by="",
                acknowledgement_told=False,
            )
        self._keep(alert)
        if alert.acknowledged_by:
            self._list(alert, event.id, event.details, DeliveryState.AGGREGATED)
        else:
            self._raise(alert, event)

    def _raise(self, alert: OpenAlert, event: Alert) -> None:
        """Tell it, or list it as silenced; what is only news is over at once, or with the summary that it waits for."""
        if self._silence(alert):
            self._list(alert, event.id, event.details, DeliveryState.SILENCED)
        else:
            self._tell(alert, event.id, event.details)
        if alert.severity is Severity.INFO and not self._alerts[alert.id].held:
            self._end(self._alerts[alert.id])

    def _tell(self, alert: OpenAlert, message: UUID, details: Mapping[str, object]) -> None:
        """By a message of its own while there are few; else it is held for the summary."""
        alert = self._waits_no_more(alert)
        episode = self._episode(alert, new=message)
        single = episode.told < self._rules.singles
        total = episode.total + (alert.episode != episode.id)  # raised again, it is still one
        self._keep(replace(alert, episode=episode.id, held=not single))
        if not single:
            self._keep_episode(replace(episode, held=episode.held + 1, total=total))
            self._list(self._alerts[alert.id], message, details, DeliveryState.AGGREGATED)
            return
        told = replace(
            episode,
            told=episode.told + 1,
            total=total,
            is_open=alert.severity is not Severity.INFO,
            last_told_at=self._now,
        )
        self._keep_episode(told)
        self._list(self._alerts[alert.id], message, details, DeliveryState.WAITING)

    def _episode(self, alert: OpenAlert, *, new: UUID) -> Episode:
        """Its own, else the one of its group whose window is not over, else a new one."""
        if alert.episode is not None and self._is_told(alert):
            own = self._episodes[alert.episode]
            return replace(own, window_began=self._now, told=0) if self._is_over(own) else own
        like = (alert.group, alert.severity)
        recent = [one for one in self._episodes.values() if (one.group, one.severity) == like]
        recent = [one for one in recent if not self._is_over(one)]
        if recent:
            return max(recent, key=lambda one: one.window_began)
        return Episode(
            id=new,
            group=alert.group,
            severity=alert.severity,
            window_began=self._now,
            last_told_at=self._now,
        )

    def _waits_no_more(self, alert: OpenAlert) -> OpenAlert:
        """Its episode's summary tells nothing of it, not even that it is over."""
        if alert.held and alert.episode is not None:
            episode = self._episodes[alert.episode]
            self._keep_episode(replace(episode, held=episode.held - 1))
        return replace(alert, held=False)

    def _withdraw(self, alert: OpenAlert) -> None:
        """It was held, and a silence came before the summary: as if it had been raised under that."""
        episode, alert = alert.episode, self._keep(replace(self._waits_no_more(alert), episode=None))
        if episode is not None:
            kept = self._episodes[episode]
            self._keep_episode(replace(kept, total=kept.total - 1))
        if alert.severity is Severity.INFO:
            self._end(alert)

    def _summarize(self, episode: Episode) -> None:
        """One message for all that were held; none where all of it is over or silenced. With it news is over."""
        for alert in [one for one in self._of(episode) if one.held and self._silence(one)]:
            self._withdraw(alert)
        episode = self._episodes[episode.id]
        waiting = [one for one in self._of(episode) if one.held]
        news = episode.severity is Severity.INFO
        self._keep_episode(replace(episode, held=0))
        for alert in waiting:
            self._keep(replace(alert, held=False))
        if not episode.held or not (waiting or episode.is_open):
            return
        self._say(episode, MessageKind.SUMMARY, summary(episode, waiting), waiting)
        self._keep_episode(replace(self._episodes[episode.id], is_open=not news, last_told_at=self._now))
        for alert in waiting if news else ():
            self._end(self._alerts[alert.id])

    def _say(self, episode: Episode, kind: MessageKind, words: str, about: Sequence[OpenAlert]) -> None:
        """A message about an episode."""
        still = len(self._of(episode))
        self._address(of_episode(episode, kind, words, about, still=still, rules=self._rules, now=self._now))

    def _list(self, alert: OpenAlert, message: UUID, details: Mapping[str, object], state: DeliveryState) -> None:
        """The alert itself."""
        self._address(of_alert(alert, message, details, state, self._rules))

    def _address(self, addressed: Addressed) -> None:
        self._messages.append(addressed)
        going = {name for name, state in addressed.states.items() if state in _ON_THE_WAY}
        episode = self._episodes.get(addressed.message.episode)
        if episode is not None and going - episode.channels:
            self._keep_episode(replace(episode, channels=episode.channels | going))

    def _end(self, alert: OpenAlert) -> None:
        self._keep(replace(alert, resolved_at=self._now))
        self._open.pop(alert.dedup_key, None)

    def _of(self, episode: Episode) -> list[OpenAlert]:
        """The open alerts of an episode."""
        return [one for one in self._ever_of(episode) if one.resolved_at is None]

    def _ever_of(self, episode: Episode) -> list[OpenAlert]:
        """The same with those that have ended in this turn."""
        found = (self._alerts[one] for one in self._members.get(episode.id, ()))
        return [one for one in found if one.episode == episode.id]

    def _is_told(self, alert: OpenAlert) -> bool:
        """Whether people were told of it, or will be by a summary, as what it is now."""
        return alert.episode is not None and self._episodes[alert.episode].severity is alert.severity

    def _moved(self, episode: Episode) -> list[OpenAlert]:
        """What has left this episode in this turn, and is told in another one."""
        ever = (self._alerts[one] for one in self._members.get(episode.id, ()))
        return [one for one in ever if one.episode not in {episode.id, None} and one.resolved_at is None]

    def _silence(self, alert: OpenAlert) -> Silence | None:
        return silence_of(alert, self._silences, self._now)

    def _is_over(self, episode: Episode) -> bool:
        return episode.window_began + self._rules.window <= self._now

    def _keep(self, alert: OpenAlert) -> OpenAlert:
        self._alerts[alert.id] = alert
        if alert.episode is not None:
            self._members.setdefault(alert.episode, {})[alert.id] = None
        if alert.resolved_at is None:
            self._open[alert.dedup_key] = alert.id
        return alert

    def _keep_episode(self, episode: Episode) -> None:
        self._episodes[episode.id] = episode
