"""What watchers write: how components are, and who watches."""

from sqlalchemy import Column, DateTime, Double, Integer, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, NOW, metadata, moment

health_history = Table(
    "health_history",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("component", String(50), nullable=False),
    Column("status", String(20), nullable=False),
    Column("response_time", Integer),
    Column("error", Text),
    Column("metadata", JSONB, key="details", nullable=False, server_default="{}"),
    Column("checked_at", DateTime(timezone=True), primary_key=True, server_default=NOW),
    Column("metric", String(50)),
    Column("value", Double),
)

watch_epoch = Table(
    "watch_epoch",
    metadata,
    Column("mechanism", String(50), primary_key=True),
    Column("run_id", Uuid, nullable=False),
    Column("holder", JSONB, nullable=False),
    moment("began_at", required=True),
    moment("beat_at", required=True),
)

mechanism_runs = Table(
    "mechanism_runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("mechanism", String(50), nullable=False),
    Column("holder", JSONB, nullable=False),
    moment("began_at", required=True),
    moment("ended_at"),
    Column("error", Text),
)
