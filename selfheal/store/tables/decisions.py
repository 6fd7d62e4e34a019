"""What people decide about healing, and what waits for their word."""

from sqlalchemy import Column, DateTime, ForeignKey, Integer, Interval, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

pauses = Table(
    "pauses",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("paused_by", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    moment("since", required=True),
    moment("until"),
    moment("ended_at"),
    Column("ended_by", String(100)),
    Column("ended_why", String(500)),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("scope", String(10), nullable=False),
    Column("name", String(50), nullable=False, server_default=""),
    Column("begins_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("zone", String(50), nullable=False),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    Column("ended_by", String(100)),
    Column("ended_why", String(500)),
)

storms = Table(
    "storms",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("estate_group", String(50), nullable=False),
    moment("began_at", required=True),
    Column("quiet_at", DateTime(timezone=True), nullable=False),
    Column("sick", Integer, nullable=False),
    moment("go_at"),
    Column("go_by", String(100)),
    Column("go_why", String(500)),
    moment("ended_at"),
)

action_modes = Table(
    "action_modes",
    metadata,
    Column("action", String(50), primary_key=True),
    Column("mode", String(10), nullable=False),
    moment("since", required=True),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
)

mode_changes = Table(
    "mode_changes",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("action", String(50), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("from_mode", String(10), nullable=False),
    Column("to_mode", String(10), nullable=False),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    moment("at", required=True),
)

shadow_plans = Table(
    "shadow_plans",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("fault_id", Uuid, ForeignKey("faults.id"), nullable=False),
    Column("action", String(50), nullable=False),
    Column("action_type", String(50), nullable=False),
    Column("component", String(100), nullable=False),
    Column("target_key", String(200), nullable=False),
    Column("trigger_id", Uuid, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("within", Interval, nullable=False),
    moment("planned_at", required=True),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("action", String(50), nullable=False),
    Column("action_type", String(50), nullable=False),
    Column("component", String(100), nullable=False),
    Column("target_key", String(200), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("fault_id", Uuid, ForeignKey("faults.id"), nullable=False),
    Column("trigger_id", Uuid, nullable=False),
    Column("trigger_type", String(50), nullable=False),
    Column("source", String(30), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("asked_by", String(100), nullable=False),
    Column("why", Text, nullable=False),
    Column("preview", JSONB, nullable=False),
    Column("blast_radius", String(500), nullable=False),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    moment("asked_at", required=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("decision", String(11)),
    moment("decided_at"),
    Column("decided_by", String(100)),
    Column("decided_token", Uuid),
    Column("decided_via", String(10)),
    Column("decision_why", String(500)),
    moment("use_by"),
    moment("used_at"),
    Column("attempt_id", Uuid),
    moment("closed_at"),
    Column("closing", String(10)),
)
