"""What was foretold, and what became of it."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, Integer, LargeBinary, String, Table, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

predictions = Table(
    "predictions",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("rule", String(50), nullable=False),
    Column("component", String(100), nullable=False),
    Column("metric", String(50), nullable=False),
    Column("value", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("well_below", Double),
    moment("raised_at", required=True),
    moment("breach_at"),
    moment("low_at"),
    moment("high_at"),
    Column("why", String(500), nullable=False),
    moment("ended_at"),
    moment("breached_at"),
    Column("outcome", String(20)),
    moment("settled_at"),
)

breaches = Table(
    "breaches",
    metadata,
    Column("component", String(100), primary_key=True),
    Column("metric", String(50), primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("threshold", Double, nullable=False),
)

forecast_state = Table(
    "forecast_state",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("serial", BigInteger, nullable=False),
    Column("saved_at", DateTime(timezone=True), nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("untold", JSONB, nullable=False, server_default=text("'[]'")),
)

forecast_ring = Table(
    "forecast_ring",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("raw", LargeBinary, nullable=False),
    Column("smooth", LargeBinary, nullable=False),
)
