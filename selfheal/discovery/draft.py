"""Decides what of a machine becomes a component, how it is observed, and what is left out and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

from selfheal.discovery.found import FoundContainer, FoundProgram, FoundSupervisor, Machine
from selfheal.discovery.names import as_group, component_names
from selfheal.settings.values import in_words

Value = str | tuple[str, ...]

START_TIMEOUT = timedelta(seconds=60)
"""The default of the settings: less is never proposed."""
LONGEST_GRACE = timedelta(seconds=45)
"""A longer stop restart-container refuses."""
ASKED = " What a person stopped is not started by itself."
NATS_PORT = 4222
MIB = 1 << 20
BEGUN = frozenset({"RUNNING", "STARTING", "BACKOFF", "FATAL", "STOPPED"})
"""A program in another state has ended: what runs once is no service."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One component.

    Attributes:
        name: ours.
        table: its settings, in the order in which they are written.
        ladder: what would heal it; written as a comment, for the operator to decide.
        remarks: what an operator should know of it, a sentence each.
    """

    name: str
    table: Mapping[str, Value]
    ladder: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is written.

    Attributes:
        proposals: by name.
        left_out: one sentence each.
    """

    proposals: tuple[Proposal, ...] = ()
    left_out: tuple[str, ...] = field(default=())


def draft(machine: Machine) -> Draft:
    """The components that this machine suggests."""
    why = {_thing(one): _not_a_service(one, machine) for one in machine.containers}
    why |= {_program(by, one): _no_service(one, machine.our_pids) for by in machine.supervisors for one in by.programs}
    names = component_names(thing for thing, reason in why.items() if not reason)
    kept = [one for one in machine.containers if _thing(one) in names]
    proposals = [_of_container(one, names, kept) for one in kept]
    proposals += [
        _of_program(by, one, names[_program(by, one)])
        for by in machine.supervisors
        for one in by.programs
        if _program(by, one) in names
    ]
    return Draft(
        proposals=tuple(sorted(_without_circles(proposals), key=lambda one: one.name)),
        left_out=tuple(f"{_words(thing)}: {reason}" for thing, reason in why.items() if reason),
    )


def _thing(one: FoundContainer) -> str:
    return f"docker/{one.name}"


def _program(by: FoundSupervisor, one: FoundProgram) -> str:
    return f"supervisor/{by.name}/{one.name}"


def _words(thing: str) -> str:
    kind, _, name = thing.partition("/")
    return f"container {name}" if kind == "docker" else f"program {name}"


def _not_a_service(one: FoundContainer, machine: Machine) -> str:
    """Why a container is left out; empty: it is not."""
    not_kept = one.state == "exited" and one.restart_policy in {"no", "on-failure"}
    reasons = {
        "Selfheal itself runs in it": one.id in machine.our_containers,
        "Selfheal itself needs it": bool(machine.our_ports & {outside for outside, _ in one.ports}),
        "it is removed as soon as it ends (docker run --rm)": one.auto_remove,
        "docker compose run made it, for one task": one.one_off,
        f"it is {one.state}": one.state in {"created", "removing", "dead"},
        f"it has ended (exit code {one.exit_code}) and Docker does not keep it running; start it first": not_kept,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _no_service(one: FoundProgram, ours: frozenset[int]) -> str:
    if one.pid and one.pid in ours:
        return "it is Selfheal itself"
    return "" if one.state in BEGUN else f"it is {one.state}: what runs only once is no service"


def _of_container(one: FoundContainer, names: Mapping[str, str], kept: list[FoundContainer]) -> Proposal:
    table: dict[str, Value] = {"probe": "container", "container": one.name}
    if one.project:
        table["group"] = as_group(one.project)
    needs = {names[_thing(other)] for other in kept if other.project == one.project and other.service in one.needs}
    if one.project and needs - {names[_thing(one)]}:
        table["depends_on"] = tuple(sorted(needs - {names[_thing(one)]}))
    start = one.stop_grace + one.check.verdict if one.check else START_TIMEOUT
    if start > START_TIMEOUT:
        table["start_timeout"] = in_words(start)
    return Proposal(
        name=names[_thing(one)], table=table, ladder=("restart-container",), remarks=(*_of_interest(one), *_within(one))
    )


def _of_interest(one: FoundContainer) -> Iterator[str]:
    """What an operator should know before it is healed."""
    yield f"Image {one.image}; restart policy {one.restart_policy}."
    if one.state != "running":
        yield f"It is {one.state} now.{ASKED if one.state == 'exited' else ''}"
    if one.check is None:
        yield "No health check: Selfheal sees that it runs, not that it works. Add a HEALTHCHECK, or another probe:"
        yield _other_probe(one)
    elif one.check.retries == 1:
        yield "Its health check gives up after 1 failure, which a short freeze of dockerd also is: give it 2 retries."
    if one.stop_grace > LONGEST_GRACE:
        longest = in_words(LONGEST_GRACE)
        yield f"It may take {in_words(one.stop_grace)} to stop: restart-container refuses more than {longest}."


def _within(one: FoundContainer) -> Iterator[str]:
    """What a component of its own could look at in it."""
    if one.mounts:
        yield "It sees what the host may replace. Another component of this container can watch that:"
        yield f'probe = "path", path = "{one.mounts[0]}", mounted = true, ladder = ["verify-mount"]'
    if one.memory_limit:
        yield f"It is killed above {one.memory_limit / MIB:.0f} MiB of memory. Another component of it can tell before:"
        yield 'probe = "memory", memory = { share = 0.9 }'


def _other_probe(one: FoundContainer) -> str:
    """A line that may stand in the place of the probe, as far as its ports tell."""
    for outside, inside in one.ports:
        if inside == NATS_PORT:
            return f'probe = "nats", url = "nats://127.0.0.1:{outside}"'
    port = one.ports[0][0] if one.ports else "PORT"
    return f'probe = "http", url = "http://127.0.0.1:{port}/" (if it speaks HTTP)'


def _of_program(by: FoundSupervisor, one: FoundProgram, name: str) -> Proposal:
    remarks = ["Selfheal sees that its process runs, not that it works. Where it speaks HTTP write instead:"]
    remarks.append('probe = "http", url = "http://127.0.0.1:PORT/health"')
    if one.state != "RUNNING":
        remarks.insert(0, f"It is {one.state} now.{ASKED if one.state == 'STOPPED' else ''}")
    table: dict[str, Value] = {"probe": "process", "supervisor": by.name, "program": one.name}
    return Proposal(name=name, table=table, ladder=("restart-service",), remarks=tuple(remarks))


def _without_circles(proposals: list[Proposal]) -> list[Proposal]:
    """Labels may say anything: a circle of dependencies is no settings file."""
    needs = {one.name: one.table.get("depends_on", ()) for one in proposals}
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError:
        told = "Its dependencies go in a circle, according to the labels, and are left out."
        return [_alone(one, told) if "depends_on" in one.table else one for one in proposals]
    return proposals


def _alone(one: Proposal, told: str) -> Proposal:
    table = {key: value for key, value in one.table.items() if key != "depends_on"}
    return replace(one, table=table, remarks=(*one.remarks, told))
