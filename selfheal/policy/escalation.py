"""Which rule fits an escalation. The words are a stranger's, so the patterns run in linear time (RE2)."""

from collections.abc import Sequence
from typing import Any

import re2

from selfheal.model.escalation import EscalationRule

LONGEST_TEXT = 64 * 1024
"""Of an escalation: what is behind is not looked at."""


def compiled(pattern: str) -> Any:
    """The pattern, ready to search with.

    Raises:
        ValueError: it is none; says why.
    """
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.dot_nl = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        raise ValueError(f"is no pattern: {said.decode() if isinstance(said, bytes) else said}") from None


def rule_of(text: str, rules: Sequence[EscalationRule]) -> EscalationRule | None:
    """The first rule that fits, of those that block before those that heal; None: none does.

    A text that fits both is blocked: whoever has to look must not find it healed away.
    """
    beginning = text[:LONGEST_TEXT]
    fitting = [rule for rule in rules if compiled(rule.pattern).search(beginning)]
    return next((rule for rule in fitting if rule.block), fitting[0] if fitting else None)
