"""What an agent says when it gives a workflow up, and what is done about it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """Why one workflow was escalated.

    Attributes:
        req_number: which.
        text: what was said.
        said_at: when; None: nobody knows.
    """

    req_number: str
    text: str
    said_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class EscalationRule:
    """What is done about an escalation whose words match.

    Attributes:
        pattern: RE2, in any case of letters, anywhere in the text.
        component: what is healed; empty: nothing, it is blocked.
        action: by which action; empty: by the component's ladder.
        although_healthy: the component is healed although it looks well: its health does not show what is wrong.
        block: why a person looks instead of any healing; empty: the component is healed.
    """

    pattern: str
    component: str = ""
    action: str = ""
    although_healthy: bool = False
    block: str = ""
