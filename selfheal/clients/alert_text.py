"""Messages as the channels write them: as long as each takes, and one line where one line is asked for."""

import json
from dataclasses import replace

from selfheal.model.alert import Message, MessageKind

WORDS = {
    MessageKind.ALERT: "",
    MessageKind.SUMMARY: "more of them",
    MessageKind.REMINDER: "reminder",
    MessageKind.ACKNOWLEDGED: "taken",
    MessageKind.RESOLVED: "over",
    MessageKind.TEST: "test",
}


def bounded(message: Message, *, most: int) -> Message:
    """The same with its details cut where they would be longer than `most` bytes of JSON."""
    written = json.dumps(dict(message.details), ensure_ascii=False, default=str)
    if len(written.encode("utf-8", "replace")) <= most:
        return message
    return replace(message, details={"cut": written.encode("utf-8", "replace")[: most // 2].decode("utf-8", "ignore")})


def title(message: Message, *, most: int) -> str:
    """Severity, kind and the sentence, on one line."""
    kind = WORDS[message.kind]
    severity = f"{message.severity}, {kind}" if kind else message.severity.value
    return cut(f"[{severity}] {' '.join(message.message.split())}", most)


def cut(text: str, most: int) -> str:
    """At most `most` characters; a cut is marked."""
    return text if len(text) <= most else text[: most - 1] + "…"
