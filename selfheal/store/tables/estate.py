"""What befalls the estate: its errors."""

from sqlalchemy import Column, Integer, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

system_errors = Table(
    "system_errors",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("tenant_id", Uuid),
    Column("severity", String(20), nullable=False),
    Column("status", String(20), nullable=False, server_default="OPEN"),
    Column("message", Text, nullable=False),
    Column("stack_trace", Text),
    Column("component", String(100)),
    moment("first_occurred", required=True),
    moment("last_occurred", required=True),
    Column("occurrence_count", Integer, nullable=False, server_default="1"),
    Column("assigned_to", String(100)),
    Column("resolved_by", String(100)),
    moment("resolved_at"),
    Column("resolution_notes", Text),
    Column("metadata", JSONB, key="details", server_default="{}"),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    Column("signature", String(64)),
)
