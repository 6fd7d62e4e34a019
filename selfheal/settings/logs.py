"""How our own log lines look."""

from typing import Literal

from selfheal.settings.values import Section


class Logging(Section):
    """The lines of `selfheal up`, the worker and the flow runs; the servers write their own logs their own way."""

    format: Literal["text", "json"] = "text"
    """`json`: one object a line, for a collector of logs."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is written."""
