"""Which alerts a body holds, and which of our components each is about; for the web server and the NATS subscriber."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from selfheal.model.external_alert import ExternalAlert, Naming, Webhook
from selfheal.model.trigger import Priority
from selfheal.policy.json_body import Unreadable, at, line, parsed, text_at
from selfheal.policy.names import nearest

ALERTMANAGER = "alertmanager"
MOST_ALERTS = 1000
_PRIORITIES = {
    **dict.fromkeys(("critical", "crit", "fatal", "page", "emergency", "high", "error"), Priority.HIGH),
    **dict.fromkeys(("info", "information", "informational", "none", "low", "notice", "debug"), Priority.LOW),
}
_OVER = frozenset({"resolved", "ok", "up", "recovered", "closed", "normal", "inactive", "green", "healthy", "true"})


def alerts_in(body: bytes, webhook: Webhook | None, naming: Naming) -> Sequence[ExternalAlert]:
    """The alerts of one delivery, those of which nothing can come among them.

    Args:
        body: as it was sent.
        webhook: how it is read; None: as Alertmanager's, version 4.
        naming: how it names our components.

    Raises:
        Unreadable: it is none, or holds more than 1,000.
    """
    value = parsed(body)
    if webhook is None:
        return [_of_alertmanager(one, naming) for one in _listed(value, "alerts")]
    items = _listed(value, webhook.items) if webhook.items else [value]
    return [_of_webhook(one, webhook, naming) for one in items]


def _listed(value: Any, path: str) -> list[Any]:
    found = at(value, path)
    if not isinstance(found, list):
        raise Unreadable(f"the body has no list of alerts at {path!r}", hint="is it sent to the right address?")
    if len(found) > MOST_ALERTS:
        raise Unreadable(
            f"the body holds {len(found)} alerts; at most {MOST_ALERTS} are taken", hint="set max_alerts of its sender"
        )
    return found


def _of_alertmanager(one: Any, naming: Naming) -> ExternalAlert:
    labels, notes = at(one, "labels"), at(one, "annotations")
    label = _reader(labels)
    told = ": ".join(filter(None, [label("alertname"), _reader(notes)("summary") or _reader(notes)("description")]))
    known_by = text_at(one, "fingerprint") or json.dumps(labels, sort_keys=True)
    named = next(filter(None, map(label, naming.labels)), "")
    return _alert(
        naming,
        named=named,
        missing=f"it has no label {' or '.join(naming.labels)}",
        known_by=(known_by, text_at(one, "startsAt")),
        reason=told or "an alert of Alertmanager",
        severity=label("severity"),
        resolved=text_at(one, "status").lower() == "resolved",
        once=bool(text_at(one, "startsAt")),
    )


def _of_webhook(one: Any, webhook: Webhook, naming: Naming) -> ExternalAlert:
    named = text_at(one, webhook.component)
    over = at(one, webhook.resolved) if webhook.resolved else None
    return _alert(
        naming,
        named=named,
        missing=f"there is no name at {webhook.component!r}",
        known_by=(text_at(one, webhook.id) or named,),
        reason=text_at(one, webhook.reason) or "an alert",
        severity=text_at(one, webhook.severity),
        resolved=over is True or line(over).lower() in _OVER,
        once=False,
    )


def _alert(  # noqa: PLR0913 - what an alert is made of
    naming: Naming,
    *,
    named: str,
    missing: str,
    known_by: tuple[str, ...],
    reason: str,
    severity: str,
    resolved: bool,
    once: bool,
) -> ExternalAlert:
    """One alert, refused where it is about nothing of ours."""
    component = naming.aliases.get(named, named)
    refusal = ""
    if not named:
        refusal = missing
    elif component not in naming.components:
        refusal = f"no component is named {named[:60]!r}{nearest(component[:60], naming.components)}"
    return ExternalAlert(
        key=hashlib.sha256(json.dumps([*known_by, component]).encode()).hexdigest(),
        component=component[:100],
        reason=reason,
        priority=_PRIORITIES.get(severity.lower(), Priority.MEDIUM),
        resolved=resolved,
        once=once,
        refusal=refusal,
    )


def _reader(found: Any) -> Callable[[str], str]:
    """Reads what stands under a name, which may hold dots and slashes."""
    return lambda name: line(found.get(name)) if isinstance(found, dict) else ""
