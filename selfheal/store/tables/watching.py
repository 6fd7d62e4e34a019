"""How components are, what that comes to in 5 minutes, who watches, and which of our own mechanisms run.

`health_history` has no key: nobody asks for a row by one.
"""

from sqlalchemy import Column, DateTime, Double, Integer, Interval, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

health_history = Table(
    "health_history",
    metadata,
    Column("id", Uuid, nullable=False, server_default=NEW_ID),
    Column("component", String(50), nullable=False),
    Column("status", String(20), nullable=False),
    Column("response_time", Integer),
    Column("error", Text),
    Column("metadata", JSONB, key="details", nullable=False, server_default="{}"),
    moment("checked_at", required=True),
    Column("metric", String(50), nullable=False, server_default="response_time_ms"),
    Column("value", Double),
)

health_rollup = Table(
    "health_rollup",
    metadata,
    Column("component", String(50), primary_key=True),
    Column("metric", String(50), primary_key=True),
    Column("bucket", DateTime(timezone=True), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("min", Double),
    Column("max", Double),
    Column("sum", Double, nullable=False),
    Column("sum_squares", Double, nullable=False),
    Column("operational", Integer, nullable=False),
    Column("degraded", Integer, nullable=False),
    Column("down", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
)

watch_epoch = Table(
    "watch_epoch",
    metadata,
    Column("mechanism", String(50), primary_key=True),
    Column("run_id", Uuid, nullable=False),
    Column("holder", JSONB, nullable=False),
    moment("began_at", required=True),
    moment("beat_at", required=True),
    moment("retired_at"),
)

mechanisms = Table(
    "mechanisms",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("every", Interval),
    moment("since", required=True),
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
