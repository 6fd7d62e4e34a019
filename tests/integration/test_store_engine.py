"""The database connection when the server misbehaves: every call ends, in our words."""

import pytest
from sqlalchemy import Engine, text

from benchmarks.freezing import freeze, thaw
from selfheal.model.errors import Permanent, Transient
from selfheal.store import engine as module
from selfheal.store.engine import open_engine, transaction


def test_a_frozen_backend_is_left_by_our_own_clock(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that is stopped keeps none of its time-outs: the call ends all the same, and the next one works."""
    monkeypatch.setattr(module, "_PATIENCE_S", 1.0)
    mine = open_engine(database_url, pool_size=1)
    stopped: list[int] = []

    def freeze_and_ask() -> None:
        with transaction(mine) as connection:
            stopped.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            freeze(stopped[0])
            connection.execute(text("SELECT 1"))

    try:
        with pytest.raises(Transient, match="no answer within 1 s"):
            freeze_and_ask()
        with transaction(mine) as connection:
            assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() not in stopped
    finally:
        for backend in stopped:
            thaw(backend)
        mine.dispose()


@pytest.mark.parametrize("url", ["garbage", "", "postgresql://h:port/x"])
def test_what_is_no_url_is_refused_in_our_words(url: str) -> None:
    """A variable that is no address of a Postgres is named, and nothing of it is shown."""
    with pytest.raises(Permanent, match="SELFHEAL_DATABASE_URL is no URL of a Postgres"):
        open_engine(url)


def test_what_is_in_use_when_its_engine_is_let_go_of_is_closed_when_it_comes_back(database_url: str) -> None:
    """A thread that is a moment late leaves no connection behind for the collector to find."""
    mine = open_engine(database_url, pool_size=1)
    with mine.connect() as late:
        used = late.connection.dbapi_connection
        mine.dispose()
        late.execute(text("SELECT 1"))
    assert used is not None
    assert used.closed  # type: ignore[attr-defined] # psycopg's
    mine.dispose()
