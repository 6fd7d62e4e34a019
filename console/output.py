"""What a command prints: tables for a person, tab-separated lines for a pipe, JSON for a program.

Every reading command builds `Section`s and calls `show`. What comes from outside (names, messages) is printed
without its control characters and is never taken for markup.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

Cell = str | int | float | bool | datetime | None
Format = Literal["table", "json"]

GOOD = frozenset({"OPERATIONAL", "HEALED", "SUCCESS", "ready", "ok", "watching", "allowed", "Healed", "AlreadyHealthy"})
BAD = frozenset({"DOWN", "FAILED", "NOT_HEALED", "problem", "behind", "restarting", "UNHEALED", "PAUSED"})
DOUBTFUL = frozenset({"DEGRADED", "UNKNOWN", "ROLLED_BACK", "starting", "waiting", "away", "stale", "RUNNING"})
LONG = frozenset({"detail", "message", "why", "reason", "found", "what_to_do", "last_exit", "person_must_look"})
"""Columns whose text may go over several lines."""
LEAST_ROOM = 24
"""Characters that a long text needs beside the other columns."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One table.

    Attributes:
        name: its title, and its key in JSON.
        columns: keys of the rows, in this order; a heading is the key with blanks for underscores.
        rows: what is in it.
        when_empty: what a person reads instead of an empty table.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    when_empty: str = "none"


def show(sections: Sequence[Section], *, output: Format, facts: Mapping[str, Cell] | None = None) -> None:
    """Print the answer.

    Args:
        sections: the tables.
        output: "json" gives one object: facts and a list of rows per section.
        facts: single values, printed before the tables.
    """
    if output == "json":
        _as_json(sections, facts or {})
    elif sys.stdout.isatty():
        _as_tables(sections, facts or {})
    else:
        _as_lines(sections, facts or {})


def rehearsed(dry_run: bool) -> dict[str, Cell]:  # noqa: FBT001 - the command's own option
    """The first fact of every dry run: what follows would be, and is not."""
    return {"dry_run": True} if dry_run else {}


def printable(value: object) -> str:
    """One line without control characters."""
    return "".join(one if one.isprintable() else " " for one in str(value))


def shown(value: Cell, *, short: bool = False) -> str:
    """A cell as text.

    Args:
        value: of a row.
        short: times as local clock time, for a person; else in full, for a pipe.
    """
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return _moment(value.astimezone()) if short else value.isoformat(timespec="milliseconds")
    return printable(value)


def style_of(word: str) -> str:
    """Rich's style of a status word; empty for any other."""
    if word in GOOD:
        return "green"
    return "bold red" if word in BAD else "yellow" if word in DOUBTFUL else ""


def _moment(value: datetime) -> str:
    same_day = value.date() == datetime.now(value.tzinfo).date()
    return value.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def _as_json(sections: Sequence[Section], facts: Mapping[str, Cell]) -> None:
    answer = {
        **facts,
        **{one.name: [{key: row.get(key) for key in one.columns} for row in one.rows] for one in sections},
    }
    text = json.dumps(answer, indent=2, default=lambda value: value.isoformat())
    sys.stdout.write(text + "\n")


def _as_lines(sections: Sequence[Section], facts: Mapping[str, Cell]) -> None:
    """One heading and one line per row; a title where there is more than one table."""
    lines = [f"{key}\t{shown(value)}" for key, value in facts.items()]
    for one in sections:
        if len(sections) > 1 or facts:
            lines += ["", f"# {one.name}"]
        lines.append("\t".join(one.columns))
        lines += ["\t".join(shown(row.get(key)) for key in one.columns) for row in one.rows]
    sys.stdout.write("\n".join(lines) + "\n")


def _as_tables(sections: Sequence[Section], facts: Mapping[str, Cell]) -> None:
    from rich.console import Console  # noqa: PLC0415  40 ms that a pipe does not need
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    for key, value in facts.items():
        word = shown(value, short=True)
        console.print(Text.assemble((f"{_heading(key)}: ", "bold"), (word, style_of(word))))
    for one in sections:
        if one.rows:
            _table(console, one)
        else:
            console.print(Text.assemble((f"{_heading(one.name)}: ", "bold"), one.when_empty))


def _table(console: "Console", section: Section) -> None:
    """One table; where long texts have no room beside the other columns they stand below their row."""
    from rich import box  # noqa: PLC0415  as above
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    words = [{key: shown(row.get(key), short=True) for key in section.columns} for row in section.rows]
    brief = [key for key in section.columns if key not in LONG]
    used = sum(max(len(key), *(len(row[key]) for row in words)) + 3 for key in brief)
    long = [key for key in section.columns if key in LONG]
    beside = console.width - used >= LEAST_ROOM * len(long)
    columns = section.columns if beside else brief
    table = Table(
        title=_heading(section.name), title_justify="left", title_style="bold", box=box.SIMPLE, pad_edge=False
    )
    for key in columns:
        table.add_column(_heading(key), overflow="fold", no_wrap=key not in LONG)
    for row in words:
        table.add_row(*(Text(row[key], style=style_of(row[key])) for key in columns))
    console.print(table)
    for row in words if not beside else ():
        told = [f"{_heading(key)}: {row[key]}" for key in long if row[key] != "-"]
        if told:
            console.print(Text("  " + ", ".join(row[key] for key in brief[:2]), style="bold"))
            console.print(*(Text(f"    {line}") for line in told), sep="\n")


def _heading(key: str) -> str:
    return key.replace("_", " ")
