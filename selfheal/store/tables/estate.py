"""What befalls the estate's own work: its workflows and its errors."""

from sqlalchemy import Boolean, Column, DateTime, Integer, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, NOW, metadata, moment

workflow_recovery_history = Table(
    "workflow_recovery_history",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("req_number", String(100), nullable=False),
    Column("recovery_type", String(50), nullable=False),
    Column("stuck_duration_minutes", Integer),
    Column("last_completed_stage", Integer),
    Column("recovery_action", String(100), nullable=False),
    Column("success", Boolean, nullable=False),
    Column("error_message", Text),
    Column("recovered_at", DateTime(timezone=True), server_default=NOW),
)

workflow_state = Table(
    "workflow_state",
    metadata,
    Column("req_number", String(100), primary_key=True),
    Column("title", Text),
    Column("assigned_to", String(50)),
    Column("current_stage", Integer, server_default="0"),
    Column("status", String(20)),
    moment("started_at"),
    moment("completed_at"),
    Column("stage_deliverables", JSONB),
    moment("created_at"),
    moment("updated_at"),
)

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
