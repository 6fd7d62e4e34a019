"""Reads what an agent has published: any bytes at all become a deliverable, and nothing raises.

The clients of JetStream call this. The subject says which request and stage it is of; what the payload says besides
is only compared with that.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from selfheal.model.deliverable import Deliverable, Result
from selfheal.model.pipeline import Stage
from selfheal.policy.redaction import redacted, without_secrets

DECIDES = "critique"
"""The kind whose deliverable is a decision."""
LONGEST_SUMMARY, LONGEST_REASON = 500, 4000
_BEYOND = 300  # of what is looked at for secrets: that takes 1 ms for a thousand characters
_SHORT_WORD = 40
_LONGEST_SHOWN, _LONGEST_WORD, _LONGEST_NUMBER = 100, 60, 300

_IDS = ("req_number", "reqNumber", "requirementId", "requirement_id", "reqId")
_DECISIONS = ("decision", "verdict")
_WITHIN = ("critique", "deliverable", "summary")
_REASONS = ("reason", "message", "description", "summary")
_UNFIT = re.compile("[\x00-\x20\x7f\ud800-\udfff]+")
_FENCED = re.compile(r"\A\s*```\w*\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)
_LINE = re.compile(r"(?im)^[^\w\n]{0,10}(status|decision|verdict)[^\w\n]{1,10}(\w[\w ]{0,60})")
_PHASE = re.compile(r"PHASE_\d{1,4}_COMPLETED?")
_RESULTS = {
    "COMPLETE": Result.DONE,
    "COMPLETED": Result.DONE,
    "DEPLOYED": Result.DONE,
    "APPROVED": Result.DONE,
    "APPROVED_WITH_CONDITIONS": Result.DONE,
    "REJECTED": Result.REJECTED,
    "BLOCKED": Result.BLOCKED,
    "FAILED": Result.FAILED,
    "ERROR": Result.FAILED,
}
_DECIDED = frozenset({"APPROVED", "APPROVED_WITH_CONDITIONS", "REJECTED"})


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a payload says of its stage; `Deliverable` explains the fields."""

    result: Result
    status: str = ""
    summary: str = ""
    oddities: tuple[str, ...] = ()


class _Object(dict[str, Any]):
    """An object of JSON, with the keys that it gives twice with different values."""

    twice: tuple[str, ...] = ()


def deliverable(  # noqa: PLR0913 - where it stood, and what stood there
    data: bytes, *, stage: Stage, req_number: str, subject: str, sequence: int, published_at: datetime
) -> Deliverable:
    """The message as a deliverable of this stage of this request."""
    said = read(data, stage=stage, req_number=req_number)
    return Deliverable(
        req_number=req_number,
        stage=stage.index,
        subject=subject,
        sequence=sequence,
        published_at=published_at,
        result=said.result,
        status=said.status,
        summary=said.summary,
        oddities=said.oddities,
    )


def read(data: bytes, *, stage: Stage, req_number: str) -> Said:
    """What the payload says; a payload of another request is UNCLEAR, whatever it says."""
    text, oddities = _decoded(data)
    if not text.strip():
        return Said(result=Result.UNCLEAR, oddities=(*oddities, "it is empty"))
    found, more = _parsed(text)
    oddities += more
    if isinstance(found, _Object):
        return _of_object(found, oddities, stage, req_number)
    if isinstance(found, str):
        return _of_text(found, [*oddities, "it is no JSON"], stage)
    summary = _summary(text)
    return Said(result=Result.UNCLEAR, summary=summary, oddities=(*oddities, "it is JSON that cannot be read"))


def reason(data: bytes) -> str:
    """The text of an escalation: its reason where it is an object that gives one, else all of it."""
    text, _ = _decoded(data)
    found, _ = _parsed(text)
    given = [found[key] for key in _REASONS if isinstance(found.get(key), str)] if isinstance(found, _Object) else []
    return _line(next((one for one in given if one.strip()), text), LONGEST_REASON)


def _decoded(data: bytes) -> tuple[str, list[str]]:
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), ["it is not UTF-8"]


def _parsed(text: str) -> tuple[Any, list[str]]:
    """An object, a text, or something else that says nothing; JSON between fences is JSON too."""
    fenced = _FENCED.match(text)
    inner = fenced[1] if fenced else text
    try:
        found = json.loads(inner, object_pairs_hook=_paired, parse_int=_number)
    except (ValueError, RecursionError):
        begins = inner.lstrip()[:1]
        return (None if begins == "{" else text), []
    return found, ["it stands between fences"] if fenced else []


def _number(digits: str) -> int | str:
    """A number; one that is longer than any of ours stays a text."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _paired(pairs: Sequence[tuple[str, Any]]) -> _Object:
    """An object of JSON; of a key that it gives twice the last one counts, as everywhere."""
    found = _Object(pairs)
    if len(found) < len(pairs):
        found.twice = tuple({key for key, value in pairs if _differ(value, found[key])})
    return found


def _differ(one: object, other: object) -> bool:
    try:
        return one is not other and one != other
    except RecursionError:
        return True


def _of_object(found: _Object, oddities: list[str], stage: Stage, req_number: str) -> Said:
    """What an object says: by its status and its decision, unless it is of another request."""
    words = [*_words(found.get("status")), *_decisions(found, stage)]
    result = _agreed(words)
    if stage.kind == DECIDES and not _DECIDED.intersection(words):
        oddities.append("it decides nothing")
    for key in sorted({*_IDS, *_DECISIONS, "status"} & set(found.twice)):
        result = Result.UNCLEAR
        oddities.append(f"it gives {key} twice, with different values")
    if "status" not in found:
        oddities.append("it has no status")
    oddities += _of_agent(found.get("agent"), stage)
    ids = [(key, found[key]) for key in _IDS if key in found]
    oddities += [f"its id is named {key}" for key, _ in ids if key != "req_number"]
    if not ids:
        oddities.append("it names no request")
    for other in (value for _, value in ids if value != req_number):
        if isinstance(other, str) and other.strip().upper() == req_number.upper():
            oddities.append("its id is written otherwise")
            continue
        result = Result.UNCLEAR
        oddities.append(f"it says that it is of {_shown(other)}")
    if isinstance(found.get("summary"), dict):
        oddities.append("its summary is an object")
    return Said(result=result, status=words[-1] if words else "", summary=_summary_of(found), oddities=tuple(oddities))


def _of_text(text: str, oddities: list[str], stage: Stage) -> Said:
    """What Markdown says: by its first line of status or decision; without one that it is there, and so done."""
    lines = {found[1].lower(): found[2] for found in reversed(list(_LINE.finditer(text[:100_000])))}
    words = [word for key in ("status", "decision", "verdict") if key in lines for word in _words(lines[key])]
    result = _agreed(words) if words else _without_words(stage)
    return Said(result=result, status=words[-1] if words else "", summary=_summary(text), oddities=tuple(oddities))


def _without_words(stage: Stage) -> Result:
    """Of a document that says nothing of itself: the work is delivered, but nothing is decided."""
    return Result.UNCLEAR if stage.kind == DECIDES else Result.DONE


def _decisions(found: Mapping[str, Any], stage: Stage) -> Iterator[str]:
    """The decisions that stand in it; elsewhere than in a critique the word may mean something else."""
    for place in (found, *(found[key] for key in _WITHIN if isinstance(found.get(key), dict))):
        for key in _DECISIONS:
            yield from (word for word in _words(place.get(key)) if stage.kind == DECIDES or word in _DECIDED)


def _words(value: object) -> Iterable[str]:
    """A status as the table has it: `Phase 1: complete` is PHASE_1_COMPLETE; nothing where there is none."""
    if value is None:
        return ()
    text = value if isinstance(value, str) else type(value).__name__
    return ("_".join(re.findall(r"[A-Z0-9]+", text[:_LONGEST_WORD].upper())) or "NONE",)


def _agreed(words: Sequence[str]) -> Result:
    """What all the words come to: done is what all of them say; none, or two different bad things, are unclear."""
    found = {Result.DONE if _PHASE.fullmatch(word) else _RESULTS.get(word, Result.UNCLEAR) for word in words}
    bad = found - {Result.DONE} or found
    return bad.pop() if len(bad) == 1 else Result.UNCLEAR


def _of_agent(agent: object, stage: Stage) -> list[str]:
    """What is odd of the agent that it names."""
    if agent == stage.agent:
        return []
    return [f"it says that it is {_shown(agent)}'s"] if agent is not None else ["it names no agent"]


def _summary_of(found: Mapping[str, Any]) -> str:
    """The first words of what it says of itself: of an object the plain values."""
    summary = found.get("summary", found.get("deliverable", ""))
    if isinstance(summary, dict):
        plain = {key: value for key, value in summary.items() if isinstance(value, str | int | float | bool)}
        return _summary("; ".join(f"{key}: {value}" for key, value in redacted(plain).items()))
    return _summary(summary if isinstance(summary, str) else "")


def _summary(text: str) -> str:
    return _line(text, LONGEST_SUMMARY)


def _line(text: str, longest: int) -> str:
    """One line without secrets, of bounded length. It is cut before a word: half a secret is told by no form."""
    line = without_secrets(_UNFIT.sub(" ", text[: longest + _BEYOND]).strip())
    if len(line) <= longest and len(text) <= longest + _BEYOND:
        return line
    whole, _, _ = line[: longest - 1].rpartition(" ")
    return f"{whole or line[:_SHORT_WORD]}…"


def _shown(value: object) -> str:
    """What stands there, short."""
    text = value if isinstance(value, str) else type(value).__name__
    return repr(_summary(text[:_LONGEST_SHOWN]))
