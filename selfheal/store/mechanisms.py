"""`mechanisms`: which of our own are to run, and how often; read with what really ran."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from selfheal.model.trigger import Trigger
from selfheal.model.turn import Mechanism
from selfheal.store.engine import transaction
from selfheal.store.runs import MechanismRuns
from selfheal.store.tables import alerts, mechanisms
from selfheal.store.text import clean

_PREFIX = "mechanism/"
_OPEN = select(alerts.c.dedup_key).where(alerts.c.resolved_at.is_(None), alerts.c.dedup_key.startswith(_PREFIX))
_TELL = text("SELECT tell(:key, :late, :severity, :message, :details)").bindparams(bindparam("details", type_=JSONB))


class Mechanisms:
    """Our own mechanisms.

    Args:
        engine: the database, as healing_user; to read, as whoever.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runs = MechanismRuns(engine)

    def schedule(self, every: Mapping[str, timedelta], *, since: datetime) -> None:
        """Say which schedules begin mechanisms, how often, and from when on somebody is there to run them."""
        table = mechanisms
        with transaction(self._engine) as connection:
            others = update(table).where(table.c.name.not_in(list(every)), table.c.every.is_not(None))
            connection.execute(others.values(every=None))
            for name, one in every.items():
                values = {"every": one, "since": since}
                statement = upsert(table).values(name=name, **values)
                connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

    def all(self) -> Sequence[Mechanism]:
        """Those that a schedule begins, by name, with what really ran of each."""
        wanted = select(mechanisms).where(mechanisms.c.every.is_not(None)).order_by(mechanisms.c.name)
        with transaction(self._engine) as connection:
            rows = connection.execute(wanted).all()
        turns = self._runs.latest([row.name for row in rows])
        return [Mechanism(turn=turns[row.name], every=row.every, since=row.since) for row in rows]

    def tell_late(self, name: str, trigger: Trigger) -> bool:
        """Tell a person, once; whether that was now."""
        told = {
            "trigger_type": trigger.type.value,
            "source": trigger.source.value,
            "priority": trigger.priority.value,
            "component": trigger.component,
            "mechanism": name,
        }
        return self._tell(name, trigger.reason, told, late=True)

    def tell_well(self, name: str) -> bool:
        """Tell that it runs again, where somebody was told that it is late; whether that was now."""
        return self._tell(name, f"the mechanism {name} runs again", {"mechanism": name}, late=False)

    def leave(self, expected: Collection[str]) -> None:
        """See `ports.OwnMechanisms.leave`."""
        with transaction(self._engine) as connection:
            keys = connection.scalars(_OPEN).all()
        for name in (key.removeprefix(_PREFIX) for key in keys):
            if name not in expected:
                self._tell(name, f"the mechanism {name} is to run no more", {"mechanism": name}, late=False)

    def _tell(self, name: str, message: str, details: Mapping[str, str], *, late: bool) -> bool:
        asked = {"key": f"{_PREFIX}{name}", "late": late, "severity": "WARNING" if late else "INFO"}
        asked |= {"message": clean(message), "details": clean(dict(details))}
        with transaction(self._engine) as connection:
            return bool(connection.scalar(_TELL, asked))
