"""What comparisons have seen: the last sighting of each request, and where the stores disagree, since when.

Written by the mechanisms that compare, read by the web server, which asks neither the file nor the broker.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from selfheal.model.deliverable import Evidence, Orphans, StageEvidence
from selfheal.model.disagreement import Compared, Disagreement, Kind, Settled, Settler, Stores
from selfheal.model.pipeline import Pipeline
from selfheal.policy.disagreement_rules import RULES
from selfheal.policy.disagreements import is_over, of_orphans
from selfheal.store.engine import transaction
from selfheal.store.tables import alert_outbox, workflow_comparisons, workflow_disagreements
from selfheal.store.text import identifier, shorten

_FORGET = text("SELECT forget_disagreements(:older)")
_LAST, _FOUND = workflow_comparisons.c, workflow_disagreements.c
_NAMED = 10
_KEY = ("req_number", "kind", "run")
_SIGHT = text(
    """INSERT INTO workflow_sightings AS s (req_number, title, status, priority, owner, line, stages)
       SELECT r.req_number, r.title, r.status, r.priority, r.owner, r.line, r.stages
       FROM jsonb_to_recordset(CAST(:rows AS jsonb))
            AS r (req_number text, title text, status text, priority text, owner text, line int, stages jsonb)
       ON CONFLICT (req_number) DO UPDATE
       SET title = excluded.title, status = excluded.status, priority = excluded.priority, owner = excluded.owner,
           line = excluded.line, stages = coalesce(excluded.stages, s.stages),
           changed_at = CASE WHEN (s.title, s.status, s.priority, s.owner) IS DISTINCT FROM
                                  (excluded.title, excluded.status, excluded.priority, excluded.owner)
                             THEN now() ELSE s.changed_at END
       WHERE (s.title, s.status, s.priority, s.owner, s.line, s.stages) IS DISTINCT FROM
             (excluded.title, excluded.status, excluded.priority, excluded.owner, excluded.line,
              coalesce(excluded.stages, s.stages))"""
)
_STAGES = text(
    """UPDATE workflow_sightings s SET stages = r.stages
       FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (req_number text, stages jsonb)
       WHERE s.req_number = r.req_number AND s.stages IS DISTINCT FROM r.stages"""
)
_GONE = text(
    """UPDATE workflow_sightings SET status = NULL, line = NULL, changed_at = now()
       WHERE status IS NOT NULL AND NOT req_number = ANY (:names)"""
)
_OPEN = text(
    """INSERT INTO workflow_disagreements AS d (req_number, kind, run, file, state, evidence, person, note)
       SELECT r.req_number, r.kind, r.run, r.file, r.state, r.evidence, r.person, r.note
       FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (req_number text, kind text, run text, file text, state text,
                                                           evidence text, person boolean, note text)
       ON CONFLICT (req_number, kind, run) WHERE settled_at IS NULL DO UPDATE
       SET file = excluded.file, state = excluded.state, evidence = excluded.evidence, note = excluded.note,
           last_seen = now()
       RETURNING req_number, kind, run, xmax = 0 AS new"""
)


class Disagreements:
    """The store of comparisons.

    Args:
        engine: the database, as healing_user.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, stores: Stores, compared: Compared, settled: Settled, *, mechanism: str) -> Sequence[Disagreement]:
        """Write one comparison down, as a whole or not at all; gives the disagreements that were not known before.

        What was known and was looked for and not found is settled. What is new and a person's, and a storm that has
        just begun, is told in the same transaction.
        """
        stages = {name: _stages(one) for name, one in stores.evidence.items()}
        with transaction(self._engine) as connection:
            _see(connection, stores, compared, stages)
            new = _open(connection, compared.disagreements, settled)
            _close(connection, stores, compared, settled)
            before = connection.scalar(select(_LAST.held).where(_LAST.mechanism == mechanism))
            _note(connection, stores, compared, settled, mechanism)
            _tell(connection, new, settled, before or "")
        return new

    def record_orphans(self, orphans: Orphans, *, now: datetime, pipeline: Pipeline) -> Sequence[Disagreement]:
        """Write down what another mechanism has counted; gives those that were not known before, told as in `record`.

        What was counted last, by whichever mechanism, is what every comparison shows; a part of it is not.
        """
        stores = Stores(pipeline=pipeline, reading=None, orphans=orphans, now=now)
        found = Compared(disagreements=tuple(of_orphans(orphans)), could_not_tell={"": "only orphans were counted"})
        counted = {"orphans": orphans.count, "orphans_at": func.now()}
        with transaction(self._engine) as connection:
            new = _open(connection, found.disagreements, Settled())
            _close(connection, stores, found, Settled())
            if not orphans.could_not_tell:
                connection.execute(update(workflow_comparisons).values(counted))
            _tell(connection, new, Settled(), "")
        return new

    def forget(self, older: timedelta) -> int:
        """Drop what was settled, and requests that were seen nowhere any more, longer ago; how many those were."""
        with transaction(self._engine) as connection:
            return int(connection.scalar(_FORGET, {"older": older}) or 0)


def _see(
    connection: Connection, stores: Stores, compared: Compared, stages: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """The requests as the file and JetStream have them; a file that is not to be believed changes nothing of that."""
    reading = stores.reading
    if reading is None or any(one.kind is Kind.FILE_SHRANK for one in compared.disagreements):
        asked = [{"req_number": identifier(name, 100), "stages": one} for name, one in stages.items()]
        connection.execute(_STAGES, {"rows": json.dumps(asked)})
        return
    found = {
        identifier(one.id, 100): {
            "title": shorten(one.title, 300),
            "status": shorten(one.status, 100),
            "priority": shorten(one.priority, 100),
            "owner": shorten(one.owner, 100),
            "line": one.line,
        }
        for one in reading.entries
    }
    unknown = {identifier(name, 100): _NO_ENTRY for name in stores.workflows}
    seen = {**unknown, **found}
    rows: list[dict[str, Any]] = [{"req_number": name, **one, "stages": stages.get(name)} for name, one in seen.items()]
    connection.execute(_SIGHT, {"rows": json.dumps(rows)})
    connection.execute(_GONE, {"names": list(found)})


_NO_ENTRY: Mapping[str, Any] = {"title": "", "status": None, "priority": "", "owner": "", "line": None}


def _stages(evidence: Evidence) -> list[dict[str, Any]]:
    """The evidence as the pages tell it."""
    return [_stage(one) for one in evidence.stages]


def _stage(one: StageEvidence) -> dict[str, Any]:
    said = one.deliverable
    known: dict[str, Any] = {
        "stage": one.stage,
        "presence": one.presence.value,
        "why": one.why and shorten(one.why, 300),
    }
    if said is not None:
        known |= {
            "result": said.result.value,
            "status": said.status and shorten(said.status, 100),
            "summary": said.summary and shorten(said.summary, 500),
            "published_at": said.published_at.isoformat(),
            "sequence": said.sequence,
            "oddities": [shorten(word, 200) for word in said.oddities[:10]],
        }
    return known


def _open(connection: Connection, found: Sequence[Disagreement], settled: Settled) -> Sequence[Disagreement]:
    """Those that are there now; gives the new ones."""
    rows = {_key(one): one for one in found}
    if not rows:
        return ()
    values = [
        {
            **dict(zip(_KEY, key, strict=True)),
            "file": shorten(one.file, 500),
            "state": shorten(one.state, 500),
            "evidence": shorten(one.evidence, 500),
            "person": RULES[one.kind].settler is Settler.PERSON,
            "note": shorten(settled.held.get(one.req_number, settled.storm if one.move is not None else ""), 500),
        }
        for key, one in rows.items()
    ]
    written = connection.execute(_OPEN, {"rows": json.dumps(values)})
    return [rows[row.req_number, row.kind, row.run] for row in written if row.new]


def _close(connection: Connection, stores: Stores, compared: Compared, settled: Settled) -> None:
    """Those that are settled: looked for and not found, or moved just now."""
    still = {_key(one) for one in compared.disagreements if one.move is None or one.req_number not in settled.moved}
    moved = {_key(one) for one in compared.disagreements} - still
    statement = select(_FOUND.id, *(_FOUND[name] for name in _KEY)).where(_FOUND.settled_at.is_(None))

    def over(row: Row[Any]) -> bool:
        key = (row.req_number, row.kind, row.run)
        return key in moved or (key not in still and is_over(Kind(row.kind), row.req_number, stores, compared))

    ids = [row.id for row in connection.execute(statement) if over(row)]
    if ids:
        connection.execute(update(workflow_disagreements).where(_FOUND.id.in_(ids)).values(settled_at=func.now()))


def _note(connection: Connection, stores: Stores, compared: Compared, settled: Settled, mechanism: str) -> None:
    """When and how it was compared last."""
    untold, reading = compared.could_not_tell, stores.reading
    known = set(stores.workflows) | ({one.id for one in reading.entries} if reading is not None else set())
    held = settled.storm or next((f"{name}: {why}" for name, why in sorted(settled.held.items())), "")
    values: dict[str, Any] = {
        "compared_at": func.now(),
        "file_sha256": None if reading is None else reading.sha256,
        "requests": len(known),
        "untold": len(known) if "" in untold else len(untold),
        "why": shorten(next((f"{name}: {why}" if name else why for name, why in sorted(untold.items())), ""), 500),
        "moved": len(settled.moved),
        "held": shorten(held, 500),
    }
    if stores.orphans is not None and not stores.orphans.could_not_tell:
        values |= {"orphans": stores.orphans.count, "orphans_at": func.now()}
    statement = upsert(workflow_comparisons).values(mechanism=mechanism, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["mechanism"], set_=values))


def _tell(connection: Connection, new: Collection[Disagreement], settled: Settled, held_before: str) -> None:
    """Alerts of what is new, for whoever is on duty."""
    for message in _told(new, settled, held_before):
        told = {"severity": "WARNING", "dedup_key": "workflows/disagreements"}
        connection.execute(insert(alert_outbox).values(**told, message=shorten(message, 2000)))


def _told(new: Collection[Disagreement], settled: Settled, held_before: str) -> Iterator[str]:
    """What people are told of: only what is new."""
    persons = [one for one in new if RULES[one.kind].settler is Settler.PERSON]
    if persons:
        named = ", ".join(f"{one.req_number or 'the request file'} ({one.kind})" for one in persons[:_NAMED])
        more = f" and {len(persons) - _NAMED} more" if len(persons) > _NAMED else ""
        yield f"the stores of workflows disagree, and only a person settles it: {named}{more}"
    if settled.storm and settled.storm != held_before:
        yield settled.storm


def _key(one: Disagreement) -> tuple[str, str, str]:
    return identifier(one.req_number, 100), one.kind.value, identifier(one.run, 200)
