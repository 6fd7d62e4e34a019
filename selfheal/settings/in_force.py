"""Whether the settings that a process was wired with are still those in force; watchers and the dispatch of heals ask.

`selfheal reload` replaces the file that runs read. The run that watches by the earlier one must begin no heal any more:
its ladders and its allow-list are not what a person has just said.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from selfheal.model.errors import SelfhealError
from selfheal.settings.file import interpret, text_of

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class InForce:
    """One file as it was read; not frozen: it remembers which text it found right, and what it said.

    Attributes:
        path: of the file.
        text: what stood in it.
    """

    path: Path
    text: str
    _right: str = field(default="", init=False)
    _complaint: str = field(default="", init=False)

    def overtaken(self) -> bool:
        """Whether other settings stand there now, and right ones; what is wrong is said once and overtakes nothing."""
        try:
            text = text_of(self.path)
            if text not in {self.text, self._right}:
                interpret(text, path=self.path)
                self._right = text
        except SelfhealError as error:
            if error.message != self._complaint:
                self._complaint = error.message
                _log.warning("the settings in force stay: %s", error)
            return False
        self._complaint = ""
        return text != self.text
