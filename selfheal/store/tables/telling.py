"""What people are told."""

from sqlalchemy import Column, Integer, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

alert_outbox = Table(
    "alert_outbox",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("kind", String(10), nullable=False, server_default="RAISED"),
    Column("severity", String(10), nullable=False),
    Column("dedup_key", String(200), nullable=False),
    Column("message", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default="{}"),
    moment("created_at", required=True),
    moment("next_try_at", required=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("sent_at"),
    Column("error", Text),
)

devops_alert_history = Table(
    "devops_alert_history",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("tenant_id", Uuid),
    Column("severity", String(20), nullable=False),
    Column("message", Text, nullable=False),
    Column("source", String(100)),
    Column("metadata", JSONB, key="details", server_default="{}"),
    Column("delivery_status", String(20), nullable=False),
    Column("delivery_channels", ARRAY(Text), nullable=False, server_default="{}"),
    Column("delivery_error", Text),
    moment("alert_timestamp", required=True),
    moment("created_at", required=True),
)
