"""docs/settings.md, made from the JSON Schema: `selfheal config reference` prints it, a test compares the two."""

from collections.abc import Iterator, Mapping
from typing import Any

from selfheal.settings.schema import schema

Node = Mapping[str, Any]

HEAD = """\
# Settings

One TOML file: `selfheal.toml` here, or the file of `--config`. This page is generated (`make reference`) from the same
descriptions as [selfheal.schema.json](selfheal.schema.json), which editors can use: `selfheal config schema >
selfheal.schema.json`, and `#:schema ./selfheal.schema.json` as the file's first line.

`selfheal config check` tells what is wrong with a file, or only unwise; `selfheal discover` writes a first one.

Every setting can be overridden by an environment variable: `SELFHEAL_`, then the tables and the setting in capitals,
joined by two underscores. Lists and tables are written as TOML there. The variables are named below; NAME is the name
of a table of one's own, e.g. of a component. A duration is a number of seconds, or text like `500 ms`, `2 s`, `10 min`,
`5 h`, `30 d`. A name is 1-50 of `a-z 0-9 _ . -`.
"""
COLUMNS = "| setting | type | default | what it does | environment |\n| --- | --- | --- | --- | --- |"
NAMED = frozenset({"duration", "port"})
WORDS = {
    "string": "text",
    "password": "secret text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "table",
}
TOP = "The file itself"


def reference() -> str:
    """The whole page."""
    root = schema()
    tables = [(TOP, "Settings that stand before the first table.", "", _plain(root, root))]
    tables += list(_tables(root, root))
    return HEAD + "".join(f"\n{_section(root, *table)}" for table in tables)


def _plain(root: Node, table: Node) -> dict[str, Node]:
    """The settings of a table that are no tables of settings themselves."""
    return {name: one for name, one in table["properties"].items() if _inner(root, one) is None}


def _tables(root: Node, table: Node, above: str = "") -> Iterator[tuple[str, str, str, dict[str, Node]]]:
    """Heading, description, beginning of the variables' names, and settings of each table below this one."""
    for name, one in table["properties"].items():
        inner = _inner(root, one)
        if inner is not None:
            named = "patternProperties" in one or isinstance(one.get("additionalProperties"), dict)
            place = f"{above}{name}.NAME" if named else f"{above}{name}"
            said = _line(one) or _line(inner)
            yield f"`[{place}]`", said, place.upper().replace(".", "__") + "__", _plain(root, inner)
            yield from _tables(root, inner, f"{place}.")


def _inner(root: Node, one: Node) -> Node | None:
    """The table of settings that this is, or that each of these is."""
    more = one.get("additionalProperties")
    inside = [one, *one.get("patternProperties", {}).values(), *([more] if isinstance(more, dict) else [])]
    found = [_resolved(root, each) for each in inside]
    return next((each for each in found if "properties" in each), None)


def _section(root: Node, heading: str, said: str, prefix: str, settings: Mapping[str, Node]) -> str:
    rows = [
        f"| `{name}` | {_type(root, one)} | {_default(one)} | {_line(one)} | `SELFHEAL_{prefix}{name.upper()}` |"
        for name, one in settings.items()
    ]
    return "\n".join([f"## {heading}", said, "", COLUMNS, *rows, ""])


def _type(root: Node, one: Node) -> str:
    """What may be written, in a word or two."""
    one = _resolved(root, one)
    if "enum" in one:
        return ", ".join(f"`{word}`" for word in one["enum"])
    if one.get("title") in NAMED:
        return str(one["title"])
    if "anyOf" in one:
        written = [each for each in one["anyOf"] if each.get("const") != "" and each.get("type") != "null"]
        return " or ".join(dict.fromkeys(_type(root, each) for each in written))
    if one["type"] == "array":
        return f"list of {_type(root, one['items'])}"
    return WORDS[str(one.get("format") or one["type"])] + _limits(one)


def _limits(one: Node) -> str:
    return f", {one['minimum']}-{one['maximum']}" if "minimum" in one and "maximum" in one else ""


def _default(one: Node) -> str:
    if "default" not in one:
        return "none" if one.get("type") == "object" else "required"
    value = one["default"]
    if value in ("", [], None):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _resolved(root: Node, one: Node) -> Node:
    name = one.get("$ref", "").removeprefix("#/$defs/")
    return root["$defs"][name] if name else one


def _line(one: Node) -> str:
    return " ".join(str(one.get("description", "")).split()).replace("|", "\\|")
