"""The settings file that `selfheal discover` writes: TOML that a person reads, in observe mode."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from selfheal.discovery.draft import Draft, Proposal, Value
from selfheal.discovery.found import FoundSupervisor, FoundUnit, Machine

WIDTH = 118
HEAD = """\
# What `selfheal discover` found. Selfheal watches all of it and heals nothing yet. Two edits make it heal:
#   1. name in healing.allow what may be healed;
#   2. take away the "# " before the ladder of these components.
# Then `selfheal config check` and `selfheal up`. All settings: docs/settings.md, or `selfheal config reference`.
"""
DEFAULT_DOCKER = "unix:///var/run/docker.sock"


def settings_file(machine: Machine, draft: Draft) -> str:
    """The whole file."""
    blocks = [HEAD, _healing(draft)]
    if any("container" in one.table for one in draft.proposals) and machine.docker != DEFAULT_DOCKER:
        blocks.append(_table("docker", {"url": machine.docker}))
    used = {one.table.get("supervisor") for one in draft.proposals}
    blocks += [_supervisor(one) for one in machine.supervisors if one.name in used]
    blocks += [_component(one) for one in draft.proposals]
    blocks += [text for text in (_units(machine.units), _rest("Left out", draft.left_out)) if text]
    blocks += [text for text in (_rest("Could not be asked", machine.silent),) if text]
    return "\n".join(blocks)


def _healing(draft: Draft) -> str:
    names = ", ".join(_quoted(one.name) for one in draft.proposals)
    return f"[healing]\n# everything that was found, in one line:\n# allow = [{names}]\nallow = []\n"


def _supervisor(one: FoundSupervisor) -> str:
    table: dict[str, Value] = {"url": one.url}
    if one.username:
        table |= {"username": one.username, "password": one.password}
    return _table(f"supervisors.{_key(one.name)}", table)


def _component(one: Proposal) -> str:
    remarks = "".join(line for remark in one.remarks for line in _comment(remark))
    ladder = f"# ladder = {_value(one.ladder)}\n"
    return remarks + _table(f"components.{_key(one.name)}", one.table) + ladder


def _units(units: Iterable[FoundUnit]) -> str:
    lines = [f"{one.name}: {one.description}" for one in units]
    return _rest("Services of systemd, which Selfheal cannot observe or heal yet", lines)


def _rest(title: str, lines: Iterable[str]) -> str:
    text = "".join(comment for line in lines for comment in _comment(f"- {line}"))
    return f"# {title}:\n{text}" if text else ""


def _table(name: str, table: Mapping[str, Value]) -> str:
    rows = "".join(f"{key} = {_value(value)}\n" for key, value in table.items())
    return f"[{name}]\n{rows}"


def _value(value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return f"[{', '.join(_quoted(one) for one in value)}]"


def _quoted(text: str) -> str:
    """A basic string of TOML: as in JSON, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _comment(text: str) -> Iterator[str]:
    """Comment lines; what came from outside cannot end the comment."""
    line = "".join(one if one.isprintable() else " " for one in text)
    words, row = line.split(" "), "#"
    for word in words:
        if len(row) + len(word) >= WIDTH and row != "#":
            yield f"{row}\n"
            row = "#  "
        row += f" {word}"
    yield f"{row}\n"
