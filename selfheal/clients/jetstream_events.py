"""Publishes the events that start stages, and reads why agents escalate; both by way of JetStream.

The mechanisms of workflows call this. Every call connects anew, so that any number of threads may call.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from nats.errors import NoRespondersError

from selfheal.clients.jetstream_api import ApiError, JetStreamApi
from selfheal.clients.jetstream_broker import JetStreamBroker
from selfheal.clients.jetstream_look import Wanted, look
from selfheal.model.deliverable import Escalation, Presence
from selfheal.model.errors import Permanent, SelfhealError, Transient
from selfheal.model.pipeline import Pipeline, Stage
from selfheal.model.stream import StreamLook
from selfheal.model.workflow import Workflow
from selfheal.policy.catalogue import is_request
from selfheal.policy.deliverables import reason
from selfheal.policy.evidence import lost


class JetStreamEvents:
    """Fulfils `ports.StageEvents`.

    Args:
        pipeline: the stages.
        events: where events are published, with `stage.started.ID` behind it.
        url: of the broker.
        credentials: user and password, or None.
        timeout: a call to the broker that takes longer has failed.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        events: str,
        *,
        url: str,
        credentials: tuple[str, str] | None,
        timeout: timedelta,
    ) -> None:
        self._pipeline = pipeline
        self._events = events
        self._broker = JetStreamBroker(url, credentials, timeout)

    def publish(self, workflow: Workflow, *, message_id: UUID) -> None:
        """Publish, unless the stream holds a message of that id: the broker itself remembers ids for 2 minutes only.

        Raises:
            Transient: nobody can tell whether it is stored; ask again with the same id.
            Permanent: no stream keeps the subject, or it does not take this, or the workflow has no such stage.
        """
        stage = self._stage(workflow)
        if not is_request(workflow.req_number):
            raise Permanent(f"{workflow.req_number[:100]!r} is no id of a request: it cannot stand in a subject")
        subject = f"{self._events}.stage.started.{workflow.req_number}"
        data = _event(workflow, stage, message_id)
        self._broker.ask(lambda api: _stored(api, subject, data, str(message_id)))

    def _stage(self, workflow: Workflow) -> Stage:
        for stage in self._pipeline.stages:
            if stage.index == workflow.current_stage:
                return stage
        raise Permanent(
            f"{workflow.req_number} stands at stage {workflow.current_stage}, which the pipeline does not have",
            hint="see workflows.stages in the settings",
        )


class JetStreamEscalations:
    """Fulfils `ports.Escalations`.

    Args:
        escalations: their subject, with the request's id behind it.
        url: of the broker.
        credentials: user and password, or None.
        timeout: a call to the broker that takes longer has failed.
    """

    def __init__(self, escalations: str, *, url: str, credentials: tuple[str, str] | None, timeout: timedelta) -> None:
        self._escalations = escalations
        self._broker = JetStreamBroker(url, credentials, timeout)

    def newest(self, req_number: str, *, since: datetime | None) -> Escalation:
        """The newest word of an agent on this request."""
        untold = Escalation(req_number=req_number, presence=Presence.COULD_NOT_TELL)
        if not is_request(req_number):
            return replace(untold, why="it is no id of a request")
        subject = f"{self._escalations}.{req_number}"
        try:
            found = self._broker.ask(lambda api: _look(api, subject, req_number, since))
        except SelfhealError as error:
            return replace(untold, why=str(error))
        except Exception as error:  # noqa: BLE001 - an answer that makes no sense tells nothing, and stops nobody
            return replace(untold, why=f"asking the broker broke: {type(error).__name__}: {error}")
        if subject in found.newest:
            message = found.newest[subject]
            return replace(untold, presence=Presence.PRESENT, text=reason(message.data), published_at=message.stored_at)
        why = found.why or lost(found, req_number, since)
        return replace(untold, why=why) if why else replace(untold, presence=Presence.ABSENT)


def _event(workflow: Workflow, stage: Stage, message_id: UUID) -> bytes:
    """What the agent is told."""
    return json.dumps(
        {
            "event": "stage.started",
            "message_id": str(message_id),
            "req_number": workflow.req_number,
            "title": workflow.title,
            "priority": workflow.priority,
            "stage": stage.index,
            "agent": stage.agent,
            "kind": stage.kind,
            "deliver_to": f"{stage.subject}.{workflow.req_number}",
            "at": datetime.now(UTC).isoformat(),
        }
    ).encode()


async def _stored(api: JetStreamApi, subject: str, data: bytes, message_id: str) -> None:
    """Store it once, however often it is asked for."""
    name = await api.stream_of(subject)
    if not name:
        raise _unkept(subject)
    stream, _ = await api.info(name)
    async for message in api.all_of(stream, subject):
        if message.message_id == message_id or message_id.encode() in message.data:
            return
    try:
        await api.store(name, subject, data, message_id=message_id)
    except NoRespondersError:
        raise _unkept(subject) from None
    except ApiError as error:
        if error.passes:
            raise Transient(error.message, hint="try again with the same id") from error
        raise


def _unkept(subject: str) -> Permanent:
    return Permanent(
        f"no stream of the broker keeps {subject}: what is published there is lost",
        hint="make a stream that covers it, or set workflows.events to a subject that one covers",
    )


async def _look(api: JetStreamApi, subject: str, req_number: str, since: datetime | None) -> StreamLook:
    name = await api.stream_of(subject)
    if not name:
        return StreamLook(why=f"no stream keeps {subject}")
    wanted = [Wanted(req_number=req_number, subjects=(subject,))]
    return await look(api, name, wanted, {req_number: since}, lambda _stream, _created: {})
