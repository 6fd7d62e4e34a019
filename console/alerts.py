"""`selfheal alerts`: what people were told, how that went, and what they say about it."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import duration_of, operator
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfheal.model.alert import Silence
    from selfheal.model.alert_report import AlertLine, ChannelTrouble, DeliveryLine

ALERTS = ("alert", "severity", "state", "group", "component", "raised_at", "times", "acknowledged_by", "message")
DELIVERIES = ("at", "channel", "kind", "state", "tries", "alert", "message", "detail")
SILENCES = ("silence", "match", "until", "who", "why")


def alerts(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "deliveries", "test", "again", "ack", "silence", "silences", "unsilence"],
        Parameter(
            help="list what is open, or every delivery; test channels, or send again; take alerts; silence some."
        ),
    ] = "list",
    what: Annotated[
        str,
        Parameter(
            help="test, again: a channel. ack, silence: a key, group, component or pattern with *. unsilence: an id."
        ),
    ] = "",
    /,
    *,
    who: Annotated[str, Parameter(help="ack, silence: whose word it is; else the operating system's user.")] = "",
    why: Annotated[str, Parameter(help="again, ack, silence, unsilence: why; it is recorded, and told.")] = "",
    lasts: Annotated[str, Parameter(name="--for", help='silence: for how long, like "2 h".')] = "",
    ended: Annotated[bool, Parameter(negative=(), help="list: also those that are over.")] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="list, deliveries: how many.")] = 50,
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List, test, take or silence."""
    _fits(do, what=what, why=why, lasts=lasts)
    if do == "test":
        from console.alert_test import test  # noqa: PLC0415  keeps `--help` fast

        return test(place, what, dry_run=dry_run, output=output)
    if do == "again":
        from console.alert_again import again  # noqa: PLC0415  keeps `--help` fast

        return again(place, what, why=why.strip(), dry_run=dry_run, output=output)
    if do in {"list", "deliveries", "silences"}:
        return _read(do, place, output, ended=ended, limit=limit)
    return _say(do, what, place, output, who=who.strip() or operator(), why=why.strip(), lasts=lasts, dry_run=dry_run)


def _read(do: str, place: Place, output: Output, *, ended: bool, limit: int) -> int:
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast
    from selfheal.model.page import Slice  # noqa: PLC0415

    with database_of(place) as database:
        counts = database.alerts.counts()
        if do == "list":
            alerts = database.alerts
            shown = _open(alerts.page(Slice(limit=limit), ended=True).items if ended else alerts.worst(limit=limit))
        elif do == "deliveries":
            shown = _deliveries(database.alerts.deliveries(Slice(limit=limit)).items)
        else:
            shown = silences(database.silences.current())
    facts: dict[str, Cell] = {"not_decided": counts.undecided, "waiting": counts.waiting, "failed_24h": counts.failed}
    show([shown], output=output, facts=facts)
    return FINE


def _say(  # noqa: PLR0913 - each is a part of what is said
    do: str, what: str, place: Place, output: Output, *, who: str, why: str, lasts: str, dry_run: bool
) -> int:
    """A person's word, with its record."""
    from console.database import database_of  # noqa: PLC0415  keeps `--help` fast
    from console.deed import deed  # noqa: PLC0415
    from selfheal.policy.identity import Deed  # noqa: PLC0415

    facts: dict[str, Cell] = {}
    with database_of(place, dry_run=dry_run) as database:
        if do == "ack":
            with deed(database.engine, Deed.ACKNOWLEDGE_ALERTS, subject=what, who=who, why=why) as told:
                taken = database.silences.acknowledge(what, who=who, why=why)
                if not taken:
                    raise WrongUsage(f"nothing that is open and nobody's is {what!r}", hint="see `selfheal alerts`")
                facts["acknowledged"] = told["alerts"] = len(taken)
        elif do == "silence":
            duration = duration_of(lasts)
            with deed(database.engine, Deed.SILENCE_ALERTS, subject=what, who=who, why=why, lasts=lasts) as told:
                told["silence"] = str(database.silences.silence(what, lasts=duration, who=who, why=why).id)
        else:
            known = _id(what)
            with deed(database.engine, Deed.END_SILENCE, subject=what, who=who, why=why):
                if not database.silences.end(known, who=who, why=why):
                    raise WrongUsage(f"no silence {known} is in force", hint="see `selfheal alerts silences`")
        shown = silences(database.silences.current())
    show([shown] if do != "ack" else [], output=output, facts=rehearsed(dry_run) | facts)
    return FINE


def _fits(do: str, *, what: str, why: str, lasts: str) -> None:
    """What was given belongs to what is to be done."""
    speaks = do in {"ack", "silence", "unsilence"}
    if speaks and not what.strip():
        raise WrongUsage(f"{do} does not say what", hint="a key, a group, a component, or a pattern like 'fault/*'")
    if (speaks or do == "again") and not why.strip():
        raise WrongUsage("--why is empty", hint="say why; it is recorded, and told to whom it concerns")
    if not speaks and do != "again" and why:
        raise WrongUsage(f"{do} takes no --why", hint="only again, ack, silence and unsilence do")
    if do in {"list", "deliveries", "silences"} and what:
        raise WrongUsage(f"{do} takes no {what!r}", hint="see `selfheal alerts --help`")
    if (do == "silence") != bool(lasts):
        raise WrongUsage("silence needs --for, and nothing else takes it", hint='--for "2 h"')


def _open(lines: "Sequence[AlertLine]") -> Section:
    rows: list[dict[str, Cell]] = [
        {
            "alert": one.dedup_key,
            "severity": one.severity.value,
            "state": "SILENCED" if one.silenced and one.state.value == "OPEN" else one.state.value,
            "group": one.group,
            "component": one.component or None,
            "raised_at": one.raised_at,
            "times": one.occurrences,
            "acknowledged_by": one.acknowledged_by or None,
            "message": one.message,
        }
        for one in lines
    ]
    return Section(name="alerts", columns=ALERTS, rows=rows, when_empty="nothing is open")


def _deliveries(lines: "Sequence[DeliveryLine]") -> Section:
    rows: list[dict[str, Cell]] = [
        {
            "at": one.sent_at or one.created_at,
            "channel": one.channel,
            "kind": one.kind.value,
            "state": one.state.value,
            "tries": one.tries,
            "alert": one.dedup_key,
            "message": one.message,
            "detail": one.error or None,
        }
        for one in lines
    ]
    return Section(name="deliveries", columns=DELIVERIES, rows=rows, when_empty="nobody was told anything yet")


def silences(found: "Sequence[Silence]") -> Section:
    """The silences as a table."""
    rows: list[dict[str, Cell]] = [
        {"silence": str(one.id), "match": one.pattern, "until": one.until, "who": one.who, "why": one.why}
        for one in found
    ]
    return Section(name="silences", columns=SILENCES, rows=rows, when_empty="nothing is silenced")


def troubled(found: "Sequence[ChannelTrouble]") -> Section:
    """The channels that do not take what waits for them, as a table."""
    rows: list[dict[str, Cell]] = [{"channel": one.channel, "since": one.since, "error": one.error} for one in found]
    return Section(name="channels_in_trouble", columns=("channel", "since", "error"), rows=rows)


def _id(words: str) -> UUID:
    try:
        return UUID(words)
    except ValueError:
        raise WrongUsage(
            f"{words[:50]!r} is no id of a silence", hint="`selfheal alerts silences` lists them"
        ) from None
