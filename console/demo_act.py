"""The demo's thread beside its stack: waits for the stack, tells the story, closes with the table."""

import time
from typing import TYPE_CHECKING

from console import demo_faults, stack
from console.database import Database, reading
from console.demo_story import Ended, Story
from console.demo_timeline import Timeline
from console.narrator import Narrator
from console.output import Format, show
from console.stack import Companion
from deployments.demo.scene import Scene
from deployments.running import Running
from selfheal.model.errors import SelfhealError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfheal.model.report import HistoryLine

READY_WITHIN_S = 300.0


class Act:
    """One performance.

    Args:
        running: the opened stack.
        scene: written, run by the stack.
        narrator: prints.
        keep_running: do not stop the stack afterwards.
        output: of the closing table.
    """

    def __init__(
        self, *, running: Running, scene: Scene, narrator: Narrator, keep_running: bool, output: Format
    ) -> None:
        self._running, self._scene, self._narrator = running, scene, narrator
        self._keep_running, self._output = keep_running, output
        self.good: bool | None = None
        """Whether each fault was healed once; None while the story is not over."""
        self.broke = False
        """Whether the story ended by an error of ours."""

    def play(self, companion: Companion) -> None:
        """From the start of the stack to the closing table; then the stack is stopped."""
        try:
            self._play(companion)
        except SelfhealError as error:
            self.broke = not companion.ended.is_set()
            if self.broke:
                self._narrator.say(f"the demo cannot go on: {error}", style="red")
        except Exception as error:  # ours: told in a line here, kept in full in the log
            self.broke = True
            self._narrator.say(f"the demo broke: {type(error).__name__}: {error}", style="red")
            raise
        finally:
            if self._keep_running and self.good is not None:
                for line in self._invitation():
                    self._narrator.plain(line)
            else:
                companion.supervisor.stop()

    def _invitation(self) -> "Sequence[str]":
        """What a person may try now, with commands as they are typed here."""
        place = f"--data {self._running.folder.path}"
        return (
            "\nEverything keeps running: break something yourself. Ctrl-C stops it all.",
            f"  what there is, and what is refused now   selfheal status {place}",
            f"  be asked before a service is restarted   selfheal actions mode restart-service approve --why x {place}",
            "  break one                                kill -9 of a program of the estate; the dashboard shows it",
            "  what was healed twice just now rests for ten minutes (COOLDOWN): take another one",
        )

    def _play(self, companion: Companion) -> None:
        if not companion.wait_ready(within_s=READY_WITHIN_S):
            return
        with reading(stack.database_url(self._running)) as database:
            timeline = Timeline(database, self._narrator)
            ended = Story(self._scene, timeline, self._narrator, companion.ended).tell()
            if companion.ended.is_set():
                return
            self._close(database, ended, timeline.lines)

    def _close(self, database: Database, ended: Ended, lines: "Sequence[HistoryLine]") -> None:
        """The closing table, the totals, and what is missing."""
        still_open = [fault.component for fault in database.faults.still_open()]
        missing = demo_faults.missing(ended.faults, lines, ended.starts, still_open)
        facts = demo_faults.totals(ended.faults, lines, ended.starts)
        facts["seconds_until_now"] = round(time.time() - self._narrator.begun, 1)
        if self._output == "json":
            facts["missing"] = "; ".join(missing)
        self._narrator.plain()
        show([demo_faults.table(ended.faults, lines)], output=self._output, facts=facts)
        for one in missing:
            self._narrator.plain(f"MISSING: {one}", style="red")
        self.good = not missing
