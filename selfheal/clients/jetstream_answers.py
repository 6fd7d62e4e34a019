"""What a broker's answers say: a stream as it stands, and its messages, as values. `jetstream_api` asks."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nats.aio.msg import Msg

from selfheal.model.stream import StoredMessage, StreamState
from selfheal.policy.evidence import ahead

_ZERO_YEAR = 1


def state_of(answer: Mapping[str, Any], *, sent: datetime, received: datetime) -> StreamState:
    """The stream that an answer describes; when, by our clock, it was asked for and came."""
    config, state = answer["config"], answer["state"]
    said = moment(answer.get("ts"))
    return StreamState(
        name=config["name"],
        created=moment(answer["created"]) or datetime.max.replace(tzinfo=UTC),
        subjects=tuple(config.get("subjects") or ()),
        first_seq=state["first_seq"],
        first_at=moment(state["first_ts"]) if state["messages"] else None,
        last_seq=state["last_seq"],
        last_at=moment(state["last_ts"]),
        messages=state["messages"],
        peculiar=_peculiar(config),
        direct=bool(config.get("allow_direct")) and config.get("num_replicas", 1) <= 1 and not config.get("mirror"),
        ahead=None if said is None else ahead(least=said - received, most=said - sent),
    )


def moment(text: str | None) -> datetime | None:
    """A time of the broker's, which has nanoseconds; None where it says none."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return None if at.year == _ZERO_YEAR else at.astimezone(UTC)


def _peculiar(config: Mapping[str, Any]) -> str:
    """Why the stream may lack what was published."""
    if config.get("mirror") or config.get("sources") or config.get("subject_transform"):
        return "is a copy of others"
    if config.get("retention", "limits") != "limits":
        return f"keeps messages only by its {config['retention']} policy"
    if config.get("storage", "file") != "file":
        return "is kept in memory, and forgets when the broker restarts"
    if config.get("sealed"):
        return "is sealed, and takes nothing more"
    if config.get("discard") == "new" and max(config.get("max_msgs", -1), config.get("max_bytes", -1)) > 0:
        return "refuses what is new when it is full"
    return ""


def of_headers(message: Msg) -> StoredMessage:
    """A message that a direct get gave: what it is stands in its headers."""
    headers = message.headers or {}
    return StoredMessage(
        stream=headers["Nats-Stream"],
        subject=headers["Nats-Subject"],
        sequence=int(headers["Nats-Sequence"]),
        stored_at=moment(headers["Nats-Time-Stamp"]) or datetime.min.replace(tzinfo=UTC),
        data=message.data,
        message_id=headers.get("Nats-Msg-Id", ""),
    )


def of_answer(stream: str, message: Mapping[str, Any]) -> StoredMessage:
    """A message that stands in an answer of the API."""
    headers = b64decode(message.get("hdrs") or "").decode("utf-8", "replace").splitlines()[1:]
    named = dict(line.partition(":")[::2] for line in headers)
    return StoredMessage(
        stream=stream,
        subject=message["subject"],
        sequence=message["seq"],
        stored_at=moment(message["time"]) or datetime.min.replace(tzinfo=UTC),
        data=b64decode(message.get("data") or ""),
        message_id=named.get("Nats-Msg-Id", "").strip(),
    )
