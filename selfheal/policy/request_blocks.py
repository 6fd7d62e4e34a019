"""The entries of a request file as blocks: what stands below each heading that names a request, and what is odd.

`policy.request_text` makes a `Reading` of them.
"""

from dataclasses import dataclass, field

from selfheal.model.request import Oddity
from selfheal.policy.request_fields import Field, Form, field_of
from selfheal.policy.request_headings import LEVEL, LONGEST_ID, Heading, heading_of, underlined
from selfheal.policy.request_lines import Kind, Line, Lines

_QUOTED = b" \t>"


@dataclass(kw_only=True, slots=True)
class Block:
    """What stands below one heading that names a request.

    Attributes:
        heading: which.
        line: of the heading, from 1.
        start: where it begins in the file, in bytes.
        end: where it ends.
        doubtful: it stands behind a fence or comment that never ends.
        stated: its Status lines, with their numbers.
        unsure: lines that look like one, and are not as they should be.
        texts: its owner and priority, as written.
    """

    heading: Heading
    line: int
    start: int
    doubtful: bool
    end: int = 0
    stated: list[tuple[int, Field]] = field(default_factory=list)
    unsure: list[tuple[int, Field]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def is_entry(self) -> bool:
        """A heading that is not quite one counts only where a status follows it."""
        return self.heading.certain or bool(self.stated)

    @property
    def said(self) -> tuple[str, ...]:
        """What it says of its status: each Status line; without one, a status in a line that is not quite one.

        A broken line that holds a status counts besides, where it says another thing than the Status line.
        """
        good = [one.value for _, one in self.stated]
        known = [one.value for _, one in self.unsure if one.known and one.form in {Form.PLAIN, Form.BROKEN}]
        if good:
            broken = [one.value for _, one in self.unsure if one.known and one.form is Form.BROKEN]
            return (*good, *(one for one in broken if one not in good))
        return tuple(dict.fromkeys(known))


class Blocks:
    """Reads a whole file.

    Args:
        data: the file.

    Attributes:
        entries: in the file's order.
        oddities: in no order.
    """

    def __init__(self, data: bytes) -> None:
        self.entries: list[Block] = []
        self.oddities: list[Oddity] = []
        self._open: Block | None = None
        self._blocks: list[Block] = []
        lines = Lines(data)
        above: Line | None = None
        for line in lines:
            if line.kind is Kind.TEXT:
                self._text(line, above)
            else:
                self._shown(line)
            above = line if line.kind is Kind.TEXT and line.body.strip() else None
        self._close(len(data))
        for kind, number in lines.unclosed.items():
            self._odd(
                number, f"a {kind} begins here and never ends: what follows is read, and nothing of it is ever written"
            )
        for block in self._blocks:
            self._keep(block)

    def _text(self, line: Line, above: Line | None) -> None:
        """One line of text: a heading, a field, or what concerns nobody."""
        heading = heading_of(line.body)
        if heading is None and above is not None and line.body.lstrip(b" ")[:1] in {b"=", b"-"}:
            heading = underlined(above.body, line.body)
            if heading is not None:
                return self._begin(heading, above)
        if heading is not None:
            return self._heading(heading, line)
        if (found := field_of(line.body)) is not None:
            self._field(line.number, found)
        elif line.body.startswith((b"    ", b"\t")) and (indented := heading_of(line.body.lstrip())) and indented.id:
            self._odd(line.number, "is indented by four blanks or more, which makes it code: no entry", indented.id)
        return None

    def _heading(self, heading: Heading, line: Line) -> None:
        if heading.id:
            self._begin(heading, line)
            return
        for said in heading.odd:
            self._odd(line.number, said)
        if heading.level <= LEVEL:
            self._close(line.start)

    def _begin(self, heading: Heading, line: Line) -> None:
        self._close(line.start)
        self._open = Block(heading=heading, line=line.number, start=line.start, doubtful=line.doubtful)

    def _close(self, end: int) -> None:
        if self._open is not None:
            self._open.end = end
            self._blocks.append(self._open)
            self._open = None

    def _field(self, number: int, found: Field) -> None:
        """A line that says something of the entry in which it stands."""
        block = self._open
        if found.key != "status":
            if found.form is Form.GOOD and block is not None:
                first = block.texts.setdefault(found.key, found.value)
                if first != found.value:
                    self._odd(number, f"says another {found.key} than before; the first counts", block.heading.id)
            return
        if block is None:
            if found.form is not Form.PLAIN:
                self._odd(number, "a Status line outside every entry")
            return
        (block.stated if found.form is Form.GOOD else block.unsure).append((number, found))

    def _shown(self, line: Line) -> None:
        """What is only shown is no entry; that a request's heading is among it, a person should know."""
        body = line.body.lstrip(_QUOTED if line.kind is Kind.QUOTED else b" \t")
        heading = heading_of(body) if body.startswith(b"#") else None
        if heading is not None and heading.certain:
            self._odd(line.number, f"stands in a {line.kind}: no entry", heading.id)

    def _keep(self, block: Block) -> None:
        """Take a block for an entry, or tell why not."""
        name = block.heading.id
        if block.is_entry:
            for number, said in ((block.line, one) for one in block.heading.odd):
                self._odd(number, said, name)
            for number, said in _doubts(block):
                self._odd(number, said, name)
            self.entries.append(block)
            return
        why = "; ".join(block.heading.odd)
        self._odd(block.line, f"{why}; no Status line follows: no entry", name)
        above = self.entries[-1] if self.entries else None
        if above is not None and above.end == block.start and block.heading.level > LEVEL:
            above.end = block.end  # a part of the entry that has a heading of its own

    def _odd(self, line: int, what: str, name: str = "") -> None:
        self.oddities.append(Oddity(line=line, what=what, id=name[: 2 * LONGEST_ID]))


def _doubts(block: Block) -> list[tuple[int, str]]:
    """What is odd about the status of an entry."""
    told = [(number, one.odd) for number, one in block.stated if one.odd]
    for number, one in block.unsure:
        words = {
            Form.BROKEN: f"a broken Status line: {one.value[:80]!r}",
            Form.PLAIN: "a Status line without bold letters",
            Form.INDENTED: "a Status line that is indented by four blanks or more, which makes it code",
        }
        told.append((number, words[one.form]))
    if len(block.stated) > 1:
        told.append((block.stated[1][0], f"a second Status line; the first is line {block.stated[0][0]}"))
    if not block.stated:
        told.append((block.line, "it has no Status line"))
    return told
