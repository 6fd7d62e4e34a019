"""The errors of Selfheal: one root, and whether to try again decided where the knowledge is.

Everybody raises these; tasks retry `Transient` only, the command line prints `message` and `hint`, never a traceback.
"""


class SelfhealError(Exception):
    """An error that a person can act on.

    Args:
        message: what is wrong, in one sentence without a full stop.
        hint: what to do about it; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class Transient(SelfhealError):
    """The same call may go through later (a server away, a time-out): observing and recording retry it."""


class Busy(Transient):
    """The other side asks to be left alone for a while.

    Args:
        message: what it said.
        seconds: for how long.
    """

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Permanent(SelfhealError):
    """Trying again changes nothing: a wrong setting, a port in use, an answer that makes no sense."""


class TargetChanged(Permanent):
    """Since it was looked at the target became healthy, or was restarted, by somebody else: it was not touched."""


class Overrun(Transient):
    """What we had begun within a target does not come to its end in time, and may still be under way there."""


class Declined(Permanent):
    """An act that was not begun, on purpose: it would not help, or do harm. The next rung of the ladder may help."""


class ForAPerson(Declined):
    """The same, and nothing of ours mends it: a person must look now."""


class Undone(Permanent):
    """It was tried and failed, and the target itself took it back as a whole: nothing of it is left."""


class NotAllowed(SelfhealError):
    """We could, but must not: outside the allow-list, or a name that is none."""


class PlanNeeded(SelfhealError):
    """Admission must know what this action would do before it can answer: nothing was decided and nothing is recorded.

    Args:
        action: its name.
    """

    def __init__(self, action: str) -> None:
        super().__init__(f"it is not known what {action} would do")
        self.action = action


class StoodDown(SelfhealError):
    """Another holder has taken this attempt over (fence or lease lost): stop at once and touch nothing."""
