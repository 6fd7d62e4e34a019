"""The estate's own work: its workflows, how they changed, how they were started and put back on track."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Integer, String, Table, Text, Uuid
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
    Column("priority", String(2), nullable=False, server_default=""),
    Column("file_status", String(20), nullable=False, server_default=""),
    moment("under_way_since"),
    Column("last_stage", Integer),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("held_why", String(500)),
    moment("held_until"),
)

workflow_state_history = Table(
    "workflow_state_history",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("req_number", String(100), ForeignKey("workflow_state.req_number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("from_status", String(20)),
    Column("to_status", String(20)),
    Column("from_stage", Integer),
    Column("to_stage", Integer),
    Column("from_file_status", String(20)),
    Column("file_status", String(20), nullable=False),
    Column("who", String(100), nullable=False),
    Column("by_person", Boolean, nullable=False),
    Column("why", String(500), nullable=False),
    moment("at", required=True),
)

workflow_starts = Table(
    "workflow_starts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("req_number", String(100), ForeignKey("workflow_state.req_number"), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("agent", String(50), nullable=False),
    Column("breaker", String(100), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("file_before", String(20), nullable=False),
    Column("state", String(10), nullable=False, server_default="CLAIMED"),
    moment("claimed_at", required=True),
    moment("published_at"),
    moment("recorded_at"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("error", String(500)),
    moment("ended_at"),
    Column("ending", String(20)),
    Column("reason", String(500)),
    moment("told_at"),
)
