"""The figures of `/metrics` (migrations/versions/v0001_samples.sql), as whoever asks may see the rows."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from selfheal.model.sample import Sample
from selfheal.store.engine import transaction

_ALL = text("SELECT name, one, two, value FROM metric_samples")


class Samples:
    """Reads them.

    Args:
        engine: the database, as any role that may read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> Sequence[Sample]:
        """All of them, in one statement."""
        with transaction(self._engine) as connection:
            return [Sample(**row._asdict()) for row in connection.execute(_ALL)]
