"""Request files for tests: as real ones are, with their hazards, and all of it made up.

`request_file` makes one of N entries; `HAZARDS` are single ones by name; `request_files` is hypothesis' strategy for
any file of these parts. Unit tests and those of mechanisms take their files from here. `Book` stands in for
`file_changes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from selfheal.model.file_change import ChangeKind, ChangeState, FileChange
from selfheal.model.request import RequestStatus, StatusChange

OWNERS = ("marcus", "sarah", "alex", "cynthia")
TITLES = (
    "Stock levels of the second warehouse",
    "采购订单的中文翻译",
    "🚀 Faster pages for the night shift",
    "Ein Bericht über Rückläufer, mit Umlauten",
    "Purchase orders: approve, reject, ask (again)",
)
FORMS = (
    "REQ-STRATEGIC-AUTO-17670459{:05d}",
    "REQ-I18N-CHINESE-17668927{:05d}",
    "REQ-17671161{:05d}",
    "REQ-P0-17675080{:05d}-rpyyv",
    "REQ-DATABASE-WMS-17668927{:05d}-SUB1-1767",
    "REQ-ITEM-MASTER-{:03d}",
)
HEAD = """\
# Owner requests

How an entry is written:

```markdown
### REQ-<PREFIX>-<NUM>: <Title>

**Status**: NEW | PENDING | IN_PROGRESS | BLOCKED
**Owner**: <agent>
```

## Requests

"""


def req_id(number: int) -> str:
    """The id of the entry with this number, in one of the forms that real files have."""
    return FORMS[number % len(FORMS)].format(number)


def entry(
    number: int, *, status: str = "NEW", priority: str = "", title: str = "", lines: int = 12, name: str = ""
) -> str:
    """One entry as an owner writes it."""
    wanted = "\n".join(
        f"- Point {point} of request {number}: the quick list of what is to be done, in some detail"
        for point in range(lines)
    )
    return (
        f"### {name or req_id(number)}: {title or TITLES[number % len(TITLES)]}\n\n"
        f"**Status**: {status}\n"
        f"**Owner**: {OWNERS[number % len(OWNERS)]}\n"
        f"**Priority**: {priority or f'P{number % 4}'}\n"
        f"**Business Value**: it saves {number + 1} hours a week\n\n"
        f"**Requirements**:\n{wanted}\n\n---\n\n"
    )


def request_file(count: int, *, statuses: Sequence[str] = ("NEW", "IN_PROGRESS", "COMPLETE"), lines: int = 12) -> bytes:
    """A whole file of so many entries."""
    made = (entry(number, status=statuses[number % len(statuses)], lines=lines) for number in range(count))
    return (HEAD + "".join(made)).encode()


WIPED = b"# Owner requests\n\n" + b"\n".join(b"A line of a plan that nobody asked for." for _ in range(17))
"""What an agent once put in place of everything: 19 lines."""

HAZARDS: Mapping[str, str] = {
    "same id twice": "### REQ-TWICE-1: one\n\n**Status**: NEW\n\n### REQ-TWICE-1: other\n\n**Status**: COMPLETE\n\n",
    "no title": "### REQ-NO-TITLE-1\n\n**Status**: NEW\n\n",
    "two status lines": "### REQ-TWO-1: two\n\n**Status**: NEW\n**Status**: COMPLETE\n\n",
    "broken status line": "### REQ-BROKEN-1: broken\n\n**Status: Title\n\n",
    "free priority": "### REQ-FREE-1: free\n\n**Priority**: CATASTROPHIC (P0)\n**Status**: NEW\n\n",
    "section": "## Another section\n\nwith words\n\n",
    "tilde block": "~~~\n### REQ-SHOWN-1: shown\n**Status**: NEW\n```\n~~~\n\n",
    "nested block": "````md\n```\n### REQ-SHOWN-2: shown\n```\n**Status**: NEW\n````\n\n",
    "comment": "<!--\n### REQ-HIDDEN-1: hidden\n\n**Status**: NEW\n-->\n\n",
    "quotation": "> ### REQ-QUOTED-1: quoted\n> **Status**: NEW\n\n",
    "odd case": "### REQ-CASE-1: case\n\n**status**: In Progress\n\n",
    "unknown status": "### REQ-UNKNOWN-1: unknown\n\n**Status**: WAITING FOR GODOT\n\n",
    "remark": "### REQ-REMARK-1: remark\n\n- **Status:** COMPLETE (2025-12-30, was BLOCKED)\t \n\n",
    "emoji": "### REQ-EMOJI-1: emoji\n\n**Status**: ✅ COMPLETE\n\n",
    "other level": "#### REQ-LEVEL-1: level\n\n**Status**: BLOCKED\n\n",
    "long id": f"### REQ-{'LONG-' * 25}1: long\n\n**Status**: NEW\n\n",
    "lower case": "### req-lower-1: lower\n\n**Status**: NEW\n\n",
}


def hazards() -> bytes:
    """All of them in one file, among usual entries."""
    return (HEAD + entry(1) + "".join(HAZARDS.values()) + entry(2, status="IN_PROGRESS")).encode()


_words = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n"), max_size=30)
_status = st.sampled_from([*RequestStatus, "in progress", "Complete", "DONE", "", "NEW | PENDING", "COMPLETE (x)"])
_key = st.sampled_from(["**Status**: {}", "**Status:** {}", "- **Status**: {}", "**status** : {}  ", "**Status: {}**"])


@st.composite
def _entries(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from([req_id(number) for number in range(6)]))
    level = draw(st.sampled_from(["###", "###", "###", "##", "####", "###  "]))
    title = draw(st.sampled_from([": ", "", " - ", ":"])) + draw(_words)
    lines = [f"{level} {name}{title}", ""]
    lines += [draw(_key).format(draw(_status)) for _ in range(draw(st.sampled_from([1, 1, 1, 0, 2])))]
    lines += draw(st.lists(st.sampled_from(["**Owner**: marcus", "**Priority**: CATASTROPHIC (P0)", "text", ""])))
    lines += draw(st.lists(_words, max_size=3))
    return "\n".join([lines[0], *draw(st.permutations(lines[1:])), ""])


@st.composite
def request_files(draw: st.DrawFn) -> bytes:
    """Any file made of the grammar and the hazards, with any of the ends of lines."""
    parts = draw(st.lists(st.one_of(_entries(), st.sampled_from(list(HAZARDS.values())), st.just(HEAD)), max_size=8))
    parts += draw(st.lists(st.sampled_from(["```\n", "~~~\n", "<!--\n", "-->\n", "\x00\n"]), max_size=2))
    text = "".join(draw(st.permutations(parts)))
    text = text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + text.encode() + draw(st.binary(max_size=5))


@dataclass
class Book:
    """Fulfils `ports.FileChanges` in memory."""

    rows: dict[UUID, FileChange] = field(default_factory=dict)

    def begin(self, change: FileChange) -> None:
        self.rows[change.id] = replace(change, at=datetime.now(UTC))

    def settle(self, change_id: UUID, state: ChangeState, *, note: str = "") -> None:
        if self.rows[change_id].state is ChangeState.INTENDED:
            self.rows[change_id] = replace(self.rows[change_id], state=state, note=note, settled_at=datetime.now(UTC))

    def unsettled(self, path: str) -> Sequence[FileChange]:
        return [one for one in self.rows.values() if one.path == path and one.state is ChangeState.INTENDED]

    def newest(self, *, limit: int) -> Sequence[FileChange]:
        return list(reversed(self.rows.values()))[:limit]

    def written(self) -> Mapping[str, StatusChange]:
        done = (one for one in self.rows.values() if (one.kind, one.state) == (ChangeKind.STATUS, ChangeState.DONE))
        return {
            one.req_number: StatusChange(
                req_number=one.req_number,
                line=one.line or 0,
                before=one.before,
                after=one.after,
                sha256_before=one.sha256_before,
                sha256_after=one.sha256_after,
                backup=one.backup,
            )
            for one in done
        }
