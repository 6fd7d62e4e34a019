"""Wires the NATS subject on which other systems' alerts come in. Bootstrap calls it."""

import json
import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial

from selfheal.clients.nats_subject import NatsSubject
from selfheal.model.errors import SelfhealError, Transient
from selfheal.policy.intake import ALERTMANAGER, alerts_in
from selfheal.settings.estate import Settings
from selfheal.store.intake import Intake

_log = logging.getLogger(__name__)


def listening(settings: Settings, intake: Intake) -> AbstractContextManager[None]:
    """Takes alerts from the subject while the block lasts; nothing where the settings name no broker."""
    nats = settings.intake.nats
    if not nats.url:
        return nullcontext()
    subject = NatsSubject(
        url=nats.url,
        credentials=nats.credentials,
        subject=nats.subject,
        queue=nats.queue,
        handle=partial(answered, settings, intake),
    )
    return subject.listening()


def answered(settings: Settings, intake: Intake, body: bytes) -> bytes:
    """What became of a message, for who asks; it is answered once its alerts are kept."""
    wanted = settings.intake
    subject, name = wanted.nats.subject, wanted.nats.webhook or ALERTMANAGER
    try:
        alerts = alerts_in(body, wanted.webhook(name), wanted.naming(settings.catalogue()))
        taken = intake.take(name, alerts, sent_by=f"nats {subject}")
    except SelfhealError as error:
        _log.warning("a message on %s is not kept: %s", subject, error)
        again = isinstance(error, Transient)
        return json.dumps({"error": "the database is away" if again else error.message, "again": again}).encode()
    except Exception:  # noqa: BLE001 - the subscriber goes on to the next message
        _log.exception("a message on %s broke", subject)
        return json.dumps({"error": "this should not have happened", "again": False}).encode()
    return json.dumps(asdict(taken)).encode()
