"""From what has happened to what is sent: grouped, silenced, reminded, ended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.model.alert import Alert, DeliveryState, Episode, MessageKind, OpenAlert, Severity, Silence
from selfheal.model.alert_rules import Rules
from selfheal.policy.alert_messages import Addressed
from selfheal.policy.alert_rules import group_of
from selfheal.policy.alerting import Decided, Standing, decide

NOW = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
RULES = Rules(channels=("slack", "mail"), groups={"web-1": "web", "web-2": "web"})
MINUTE = timedelta(minutes=1)


class World:
    """What the store keeps from one turn to the next."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules, self.now = rules, NOW
        self.alerts: dict[UUID, OpenAlert] = {}
        self.episodes: dict[UUID, Episode] = {}
        self.silences: list[Silence] = []
        self.sent: list[Addressed] = []

    def turn(self, *events: Alert, after: timedelta = timedelta(0)) -> Sequence[Addressed]:
        """What this turn says."""
        self.now += after
        still = [one for one in self.alerts.values() if one.resolved_at is None]
        standing = Standing(alerts=still, episodes=list(self.episodes.values()), silences=self.silences)
        found: Decided = decide(events, standing, self.rules, self.now)
        self.alerts |= {one.id: one for one in found.alerts}
        self.episodes |= {one.id: one for one in found.episodes}
        self.sent += found.messages
        return found.messages

    def kinds(self) -> list[str]:
        """Of all that is really sent."""
        return [one.message.kind.value for one in self.sent if DeliveryState.WAITING in one.states.values()]


def raised(key: str, component: str = "", severity: Severity = Severity.CRITICAL, words: str = "it broke") -> Alert:
    details = {"component": component} if component else {}
    return Alert(id=uuid4(), severity=severity, dedup_key=key, message=words, details=details, created_at=NOW)


def ended(key: str) -> Alert:
    return replace(raised(key, severity=Severity.INFO, words="it is well again"), resolved=True)


def test_a_thousand_of_one_group_are_four_messages_and_an_end() -> None:
    """Three by themselves, one summary when the window is over, one message when the last of them is over."""
    world = World()
    keys = [f"fault/{number}" for number in range(1000)]
    for begin in range(0, 1000, 300):
        world.turn(*(raised(key, "web-1") for key in keys[begin : begin + 300]))
    assert world.kinds() == ["ALERT"] * 3
    world.turn(after=5 * MINUTE)
    assert world.kinds() == ["ALERT"] * 3 + ["SUMMARY"]
    assert world.sent[-1].message.message.startswith("997 more alerts of fault/web since 04:00 UTC")
    world.turn(*map(ended, keys[:999]))
    assert world.kinds()[4:] == []
    (last,) = world.turn(ended(keys[999]))
    assert (last.message.kind, last.message.episode) == (MessageKind.RESOLVED, world.sent[0].message.episode)
    assert last.message.message == "over: all 1000 alerts of fault/web, the last: it is well again"
    held = [one for one in world.sent if DeliveryState.AGGREGATED in one.states.values()]
    assert len(held) == 997


def test_one_alert_is_told_and_ended() -> None:
    """On every channel; an end that comes again, or of what nobody was told of, says nothing."""
    world = World()
    (told,) = world.turn(raised("fault/1", "web-1"))
    assert dict(told.states) == {"slack": DeliveryState.WAITING, "mail": DeliveryState.WAITING}
    (over,) = world.turn(ended("fault/1"))
    assert over.message.message == "over: it is well again"
    assert world.turn(ended("fault/1"), ended("fault/2")) == []


def test_routes_decide_by_severity() -> None:
    """A severity without a route goes everywhere; the end goes where the alert went."""
    rules = replace(RULES, routes={Severity.WARNING: ("mail",), Severity.INFO: ()})
    world = World(rules)
    told = world.turn(raised("a/1", severity=Severity.WARNING), raised("b/1"), raised("c/1", severity=Severity.INFO))
    assert [sorted(one.states) for one in told] == [["mail"], ["mail", "slack"], []]
    over = world.turn(ended("a/1"), ended("b/1"), ended("c/1"))
    assert sorted(sorted(one.states) for one in over) == [["mail"], ["mail", "slack"]]


def test_what_is_critical_is_never_held_behind_what_is_not() -> None:
    """Each severity of a group has its own window."""
    world = World()
    world.turn(*(raised(f"fault/{number}", severity=Severity.WARNING) for number in range(9)))
    (told,) = world.turn(raised("fault/bad"))
    assert set(told.states.values()) == {DeliveryState.WAITING}


def test_what_is_open_and_nobodys_is_told_again() -> None:
    """Each hour while it is CRITICAL; not once somebody has it, which is told once."""
    world = World()
    world.turn(raised("fault/1"), raised("mode/x", severity=Severity.WARNING))
    assert world.turn(after=59 * MINUTE) == []
    (again,) = world.turn(after=MINUTE)
    assert again.message.message == "still open for 1 h 0 min, and nobody has it: it broke"
    acknowledge(world, "fault/1")
    (taken,) = world.turn()
    assert (taken.message.kind, taken.message.message) == (MessageKind.ACKNOWLEDGED, "ada has it: on it (it broke)")
    assert world.turn(after=timedelta(days=1)) == []
    assert world.turn(raised("fault/1"))[0].states["mail"] is DeliveryState.AGGREGATED
    (over,) = world.turn(ended("fault/1"))
    assert over.message.kind is MessageKind.RESOLVED


def acknowledge(world: World, key: str) -> None:
    """As `alerts ack` writes it."""
    for one in list(world.alerts.values()):
        if one.dedup_key == key:
            world.alerts[one.id] = replace(one, acknowledged_by="ada", acknowledged_why="on it")


@pytest.mark.parametrize("key", ["mode/restart-service", "log/backend/uncaught/b89581d8"])
def test_what_nothing_ends_is_over_when_somebody_has_it(key: str) -> None:
    """A proposal, lines of a log that a person is told of."""
    world = World()
    world.turn(raised(key, severity=Severity.WARNING, words="it has earned mode auto"))
    acknowledge(world, key)
    (over,) = world.turn()
    assert over.message.message == "over: ada acknowledged it: on it (it has earned mode auto)"
    assert [one for one in world.alerts.values() if one.resolved_at is None] == []


def test_news_is_told_and_over() -> None:
    """INFO is never open, and has no end to tell."""
    world = World()
    world.turn(raised("answer/1", severity=Severity.INFO))
    assert world.kinds() == ["ALERT"]
    assert world.turn(after=timedelta(days=1)) == []
    assert all(one.resolved_at for one in world.alerts.values())


def test_news_beyond_the_singles_is_told_in_a_summary() -> None:
    """Listed as told in a summary, so there is one; it has no end to tell either."""
    world = World()
    for number in range(5):
        world.turn(raised(f"answer/{number}", severity=Severity.INFO, words=f"answer {number}"))
    (summary,) = world.turn(after=5 * MINUTE)
    assert summary.message.message == "2 more alerts of answer since 04:00 UTC: answer 3; answer 4"
    assert world.turn(after=timedelta(days=1)) == []
    assert all(one.resolved_at for one in world.alerts.values())


def test_an_alert_that_is_raised_again_is_still_one() -> None:
    """A summary and an end count alerts, not how often each was raised; and nothing is over that is not."""
    world = World(replace(RULES, singles=1))
    world.turn(raised("fault/1"), raised("fault/2", words="the second"))
    world.turn(raised("fault/2", words="the second"))
    (summary,) = world.turn(after=5 * MINUTE)
    assert summary.message.message == "1 more alert of fault since 04:00 UTC: the second"
    world.turn(raised("fault/2", words="the second"), after=5 * MINUTE)
    over = world.turn(ended("fault/1"), ended("fault/2"))
    assert [one.message.message for one in over] == ["over: all 2 alerts of fault, the last: it is well again"]


def test_what_becomes_worse_while_it_waits_for_a_summary_is_not_counted_as_over() -> None:
    """It is told as what it is now, and the summary is of the others."""
    world = World(replace(RULES, singles=1))
    world.turn(*(raised(f"fault/{number}", severity=Severity.WARNING) for number in range(3)))
    world.turn(raised("fault/1", words="on fire"))
    (summary,) = world.turn(after=5 * MINUTE)
    assert summary.message.message == "1 more alert of fault since 04:00 UTC: it broke"


def test_a_silence_holds_until_it_ends() -> None:
    """Silenced alerts are listed as such; what is still open when the silence ends is told then."""
    world = World()
    lasts = NOW + 10 * MINUTE
    world.silences = [Silence(id=uuid4(), pattern="fault/web-*", until=lasts, who="ada", why="new disks", since=NOW)]
    (quiet,) = world.turn(raised("fault/1", "web-1"))
    assert set(quiet.states.values()) == {DeliveryState.SILENCED}
    world.turn(raised("fault/2", "web-2"))
    assert world.turn(ended("fault/2"), after=5 * MINUTE) == []
    (told,) = world.turn(after=5 * MINUTE)
    assert (told.message.dedup_key, set(told.states.values())) == ("fault/1", {DeliveryState.WAITING})
    assert world.turn(ended("fault/1"))[0].message.kind is MessageKind.RESOLVED


def silenced(world: World, lasts: timedelta = timedelta(hours=1)) -> None:
    """Everything, from now on."""
    world.silences = [
        Silence(id=uuid4(), pattern="*", until=world.now + lasts, who="ada", why="disks", since=world.now)
    ]


def test_a_silence_holds_back_the_summary_too() -> None:
    """What was held when the silence began is told when that ends, as anything that is still open."""
    world = World(replace(RULES, singles=1))
    world.turn(raised("fault/1"), raised("fault/2", words="the second"), raised("fault/3"))
    silenced(world)
    assert world.turn(ended("fault/3"), after=5 * MINUTE) == []
    told = world.turn(after=timedelta(hours=1))
    assert [(one.message.kind.value, one.message.message) for one in told][:1] == [("ALERT", "the second")]
    world.turn(ended("fault/1"))
    (over,) = world.turn(ended("fault/2"))
    assert (over.message.kind, over.message.message) == (MessageKind.RESOLVED, "over: it is well again")


def test_what_somebody_has_is_not_told_when_a_silence_ends() -> None:
    """They know; it is told if it is raised again and worse."""
    world = World()
    silenced(world)
    world.turn(raised("fault/1", severity=Severity.WARNING))
    acknowledge(world, "fault/1")
    assert world.turn() == []
    assert world.turn(after=timedelta(hours=2)) == []
    (told,) = world.turn(raised("fault/1"))
    assert (told.message.severity, set(told.states.values())) == (Severity.CRITICAL, {DeliveryState.WAITING})


def test_what_becomes_worse_under_a_silence_is_not_over() -> None:
    """Nobody is told that it is; when the silence ends it is told as what it is by then."""
    world = World()
    world.turn(raised("fault/1", severity=Severity.WARNING))
    silenced(world)
    (quiet,) = world.turn(raised("fault/1", words="on fire"))
    assert set(quiet.states.values()) == {DeliveryState.SILENCED}
    assert world.turn() == []
    told = world.turn(after=timedelta(hours=2))
    assert [(one.message.kind.value, one.message.severity.value, one.message.message) for one in told] == [
        ("ALERT", "CRITICAL", "on fire"),
        ("RESOLVED", "WARNING", "it is CRITICAL now: on fire"),
    ]
    assert len(world.turn(ended("fault/1"))) == 1


def test_what_ends_under_a_silence_after_it_became_worse_ends_as_it_was_told() -> None:
    """Whoever heard of it hears that it is over."""
    world = World()
    world.turn(raised("fault/1", severity=Severity.WARNING))
    silenced(world)
    world.turn(raised("fault/1", words="on fire"))
    (over,) = world.turn(ended("fault/1"))
    assert (over.message.kind, over.message.severity) == (MessageKind.RESOLVED, Severity.WARNING)


def test_what_flaps_is_bounded() -> None:
    """Raised and ended fifty times in a window: three messages of each, and nothing is left open."""
    world = World()
    for number in range(50):
        world.turn(raised(f"fault/{number}"))
        world.turn(ended(f"fault/{number}"))
    assert world.kinds() == ["ALERT", "RESOLVED"] * 3
    assert world.turn(after=5 * MINUTE) == []


def test_raised_again_and_worse_is_told_as_what_it_is_now() -> None:
    """With its new severity, and it is nobody's again."""
    world = World()
    world.turn(raised("fault/1", severity=Severity.WARNING))
    acknowledge(world, "fault/1")
    world.turn()
    told = world.turn(raised("fault/1", words="now it is on fire"))
    assert [(one.message.kind.value, one.message.severity.value) for one in told] == [
        ("ALERT", "CRITICAL"),
        ("RESOLVED", "WARNING"),
    ]
    assert told[1].message.message == "it is CRITICAL now: now it is on fire"
    (again,) = world.turn(after=timedelta(hours=1))
    assert again.message.kind is MessageKind.REMINDER


def test_a_channel_that_was_told_directly_is_not_told_again() -> None:
    """What came through the spool, to the channels that had taken it."""
    world = World()
    spooled = replace(raised("selfheal/database"), details={"told_directly": ["slack"]})
    told, over = world.turn(spooled, ended("selfheal/database"))
    assert dict(told.states) == {"slack": DeliveryState.SENT, "mail": DeliveryState.WAITING}
    assert sorted(over.states) == ["mail", "slack"]


def test_a_group_is_the_kind_and_the_components_group() -> None:
    """Or the kind alone."""
    assert group_of("fault/1", "web-1", {"web-1": "web"}) == "fault/web"
    assert group_of("storm/1", "", {"web-1": "web"}) == "storm"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["raise", "end", "ack", "wait", "silence"]),
        st.integers(0, 3),
        st.sampled_from(list(Severity)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whoever_is_told_hears_the_end_of_it(steps: list[tuple[str, int, Severity]]) -> None:
    """Whatever happens: never an end before an alert, and after everything has ended each episode has its end."""
    world = World()
    for what, number, severity in steps:
        key = f"fault/{number}"
        if what == "raise":
            world.turn(raised(key, severity=severity))
        elif what == "end":
            world.turn(ended(key))
        elif what == "ack":
            acknowledge(world, key)
            world.turn()
        elif what == "silence":
            silenced(world, 4 * MINUTE)
        else:
            world.turn(after=3 * MINUTE)
    world.turn(*(ended(f"fault/{number}") for number in range(4)))
    world.turn(after=10 * MINUTE)
    for episode in {one.message.episode for one in world.sent}:
        told = [one for one in world.sent if one.message.episode == episode]
        kinds = [one.message.kind for one in told if DeliveryState.WAITING in one.states.values()]
        assert kinds[:1] in ([], [MessageKind.ALERT], [MessageKind.SUMMARY])
        assert kinds[-1:] in ([], [MessageKind.RESOLVED]) or told[0].message.severity is Severity.INFO
    assert all(not one.is_open for one in world.episodes.values())
