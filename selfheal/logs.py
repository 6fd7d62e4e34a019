"""Our log lines: what every one of them knows besides its words, without secrets, and as JSON where that is wanted.

The owner of a process puts `Masked` and a formatter into its handlers (`selfheal up` in `console`, the worker and the
flow runs by Prefect's logging configuration); everybody else only logs.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from selfheal.policy import redaction

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_SHORTEST_SECRET = 4  # a shorter one would mask half of every line
_OF_PREFECT = ("flow_run_id", "flow_run_name", "task_run_id", "task_run_name")

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 - a mapping that nobody changes
_secrets: set[str] = set()


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Every line that is logged inside tells these besides: component, attempt, trigger."""
    token = _about.set({**_about.get(), **{name: str(value) for name, value in fields.items()}})
    try:
        yield
    finally:
        _about.reset(token)


def hide(values: Iterable[str]) -> None:
    """Never write these again in this process, into no log and no table: the secrets of the settings."""
    _secrets.update(value for value in values if len(value) >= _SHORTEST_SECRET)


def without_secrets(text: str) -> str:
    """The text without the secrets that are known, and without what looks like one."""
    return redaction.without_secrets(text, _secrets)


def redacted(value: Any) -> Any:
    """The same of a JSON value, in which names tell what is a secret."""
    return redaction.redacted(value, _secrets)


class Masked(logging.Filter):
    """Takes secrets out of a record before any handler sees it, out of its exception too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets it pass."""
        record.msg, record.args = without_secrets(record.getMessage()), None
        if record.exc_info or record.exc_text:  # another handler may have written it out before, with all that is in it
            told = record.exc_text or (logging.Formatter().formatException(record.exc_info) if record.exc_info else "")
            record.exc_text = without_secrets(told)
        if record.stack_info:
            record.stack_info = without_secrets(record.stack_info)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time in UTC, level, logger, message, process; what the line is about; the exception."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **_about.get(),
        }
        for name in _OF_PREFECT:
            if (value := getattr(record, name, None)) and "unknown" not in str(value):
                fields[name] = str(value)
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = record.stack_info
        return json.dumps(fields, default=str)
