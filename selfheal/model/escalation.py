"""What is done about work that agents have given up, by the words with which they did."""

from dataclasses import dataclass


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
