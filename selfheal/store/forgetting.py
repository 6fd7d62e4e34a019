"""Forgets in batches, so that no statement takes long and nobody waits long for a row. The stores call it."""

from datetime import timedelta

from sqlalchemy import Engine, TextClause

from selfheal.store.engine import transaction

MOST_BATCHES = 400
"""In one call; what is left then is for the next one, an hour later."""


def in_batches(engine: Engine, statement: TextClause, older: timedelta) -> int:
    """How many rows are gone: the statement is called, each time in a transaction of its own, until it drops none.

    Args:
        engine: the database, as healing_user.
        statement: gives how many rows it dropped; `:older` is how old they were.
        older: that.

    Raises:
        Transient: the database cannot be asked; what was dropped before is gone.
    """
    gone = 0
    for _ in range(MOST_BATCHES):
        with transaction(engine) as connection:
            more = int(connection.scalar(statement, {"older": older}) or 0)
        gone += more
        if not more:
            break
    return gone
