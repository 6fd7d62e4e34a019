"""What a restart would destroy, made fit to keep: clean, without secrets, at most 64 KiB.

The actions' `prepare` calls this. Secrets go before anything is cut, so that no half of one is left.
"""

import json
import re
from typing import Any

from selfheal import logs

LIMIT = 64 * 1024
LOG_LIMIT = 48 * 1024
INSPECT_LIMIT = 12 * 1024
_LONGEST_TEXT, _LONGEST_LIST = 500, 50

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def redacted(text: str) -> str:
    """`text` without secrets, and without what a database cannot hold."""
    return logs.without_secrets(_UNFIT.sub("", text))


def last_lines(text: str, *, size: int = LOG_LIMIT) -> str:
    """The end of a redacted log that takes at most `size` bytes as JSON, beginning with a whole line."""
    text = redacted(text)
    if _json_size(text) <= size:
        return text
    while _json_size(text) > size:
        fits = len(text) * size // _json_size(text)
        text = text[len(text) - fits :]
    _, newline, whole = text.partition("\n")
    return whole if newline else text


def _json_size(value: Any) -> int:
    return len(json.dumps(value))


def fitted(value: Any, *, size: int = INSPECT_LIMIT) -> Any:
    """An inspection, redacted and with its long texts cut, that takes at most `size` bytes as JSON."""
    kept = _cut(logs.redacted(value))
    return kept if _json_size(kept) <= size else {"cut": redacted(json.dumps(kept))[: size // 2]}


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key)[:_LONGEST_TEXT]: _cut(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(inner) for inner in value[:_LONGEST_LIST]]
    return redacted(value)[:_LONGEST_TEXT] if isinstance(value, str) else value
