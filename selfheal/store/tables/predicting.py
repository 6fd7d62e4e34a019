"""What was foretold, and what became of it."""

from sqlalchemy import Column, Double, String, Table, Uuid

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
