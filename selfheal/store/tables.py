"""The tables as SQLAlchemy knows them; the migrations make them, a test holds the two together."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Integer,
    Interval,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

_NEW_ID = text("uuid_generate_v7()")
_NOW = func.now()


def _moment(name: str, *, required: bool = False) -> Column[datetime]:
    """A time with zone; a required one defaults to the database's now."""
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=_NOW if required else None)


faults = Table(
    "faults",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("target_key", String(200), nullable=False),
    Column("component", String(100), nullable=False),
    Column("estate_group", String(50), nullable=False, server_default=""),
    Column("trigger_type", String(50), nullable=False),
    _moment("detected_at", required=True),
    _moment("verified_at"),
    _moment("closed_at"),
    Column("resolution", String(20)),
    Column("ladder_step", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("priority", String(10), nullable=False, server_default="MEDIUM"),
    _moment("start_from", required=True),
    _moment("start_missed_at"),
    Column("needs_person", Text),
)

healing_actions = Table(
    "healing_actions",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("tenant_id", Uuid),
    Column("trigger_type", String(50), nullable=False),
    Column("action_type", String(50), nullable=False),
    Column("target_component", String(100), nullable=False),
    Column("status", String(20), nullable=False),
    Column("success", Boolean),
    Column("execution_time_ms", Integer),
    Column("error_message", Text),
    Column("metadata", JSONB, key="details", server_default="{}"),
    _moment("created_at", required=True),
    _moment("completed_at"),
    Column("target_key", String(200), nullable=False),
    Column("estate_group", String(50), nullable=False, server_default=""),
    Column("fault_id", Uuid, ForeignKey("faults.id")),
    Column("trigger_id", Uuid, unique=True),
    Column("action_name", String(50), nullable=False),
    Column("priority", String(10), nullable=False, server_default="MEDIUM"),
    Column("breaker_generation", Integer),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("runs", Integer, nullable=False, server_default="0"),
    _moment("lease_until"),
    Column("holder", JSONB),
    Column("phase", String(20)),
    _moment("act_started_at"),
    _moment("act_ended_at"),
    _moment("act_deadline"),
    Column("pre_observation", JSONB),
    Column("plan", JSONB),
    Column("verification", String(20)),
    Column("rollback_outcome", String(20)),
    Column("interrupted", Boolean, nullable=False, server_default="false"),
    Column("mode", String(10)),
    Column("manual_cost", Numeric(10, 2), nullable=False, server_default="0"),
    Column("failure_cost", Numeric(10, 2), nullable=False, server_default="0"),
)

healing_triggers = Table(
    "healing_triggers",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("decision", String(30), nullable=False),
    Column("reason", Text, nullable=False),
    Column("trigger_type", String(50), nullable=False),
    Column("component", String(100), nullable=False),
    Column("target_key", String(200), nullable=False),
    Column("action_type", String(50), nullable=False),
    Column("source", String(30), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("attempt_id", Uuid),
    Column("fault_id", Uuid, ForeignKey("faults.id")),
    _moment("retry_at"),
    Column("occurrences", Integer, nullable=False, server_default="1"),
    _moment("first_at", required=True),
    _moment("last_at", required=True),
    Column("failure_cost", Numeric(10, 2), nullable=False, server_default="0"),
)

trigger_answers = Table(
    "trigger_answers",
    metadata,
    Column("trigger_id", Uuid, primary_key=True),
    Column("decision_id", Uuid, ForeignKey("healing_triggers.id")),
    _moment("answered_at", required=True),
)

health_history = Table(
    "health_history",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("component", String(50), nullable=False),
    Column("status", String(20), nullable=False),
    Column("response_time", Integer),
    Column("error", Text),
    Column("metadata", JSONB, key="details", nullable=False, server_default="{}"),
    Column("checked_at", DateTime(timezone=True), primary_key=True, server_default=_NOW),
    Column("metric", String(50)),
    Column("value", Double),
)

watch_epoch = Table(
    "watch_epoch",
    metadata,
    Column("mechanism", String(50), primary_key=True),
    Column("run_id", Uuid, nullable=False),
    Column("holder", JSONB, nullable=False),
    _moment("began_at", required=True),
    _moment("beat_at", required=True),
)

mechanism_runs = Table(
    "mechanism_runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("mechanism", String(50), nullable=False),
    Column("holder", JSONB, nullable=False),
    _moment("began_at", required=True),
    _moment("ended_at"),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
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
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("estate_group", String(50), nullable=False),
    _moment("began_at", required=True),
    Column("quiet_at", DateTime(timezone=True), nullable=False),
    Column("sick", Integer, nullable=False),
    _moment("go_at"),
    Column("go_by", String(100)),
    Column("go_why", String(500)),
    _moment("ended_at"),
)

alert_outbox = Table(
    "alert_outbox",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("severity", String(10), nullable=False),
    Column("dedup_key", String(200), nullable=False),
    Column("message", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default="{}"),
    _moment("created_at", required=True),
    _moment("next_try_at", required=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    _moment("sent_at"),
    Column("error", Text),
)

circuit_breaker_state = Table(
    "circuit_breaker_state",
    metadata,
    Column("component", String(100), primary_key=True),
    Column("state", String(20), nullable=False, server_default="CLOSED"),
    Column("failure_rate", Double, nullable=False, server_default="0"),
    _moment("opened_at"),
    _moment("updated_at", required=True),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("level", Integer, nullable=False, server_default="0"),
    Column("mode", String(20), nullable=False, server_default="AUTOMATIC"),
    Column("override", JSONB(none_as_null=True)),
    Column("results", ARRAY(Boolean), nullable=False, server_default="{}"),
    _moment("open_until"),
    Column("permits", JSONB, nullable=False, server_default="{}"),
    Column("successes", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("prevented", BigInteger, nullable=False, server_default="0"),
)

circuit_breaker_results = Table(
    "circuit_breaker_results",
    metadata,
    Column("component", String(100), ForeignKey("circuit_breaker_state.component"), primary_key=True),
    Column("place", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("success", Boolean),
    Column("permit", Uuid),
    Column("note", String(500), nullable=False, server_default=""),
    Column("event", JSONB, nullable=False),
    Column("limits", JSONB, nullable=False),
    Column("state", String(20), nullable=False),
    Column("generation", Integer, nullable=False),
)

raised_triggers = Table(
    "raised_triggers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("breaker", String(100), ForeignKey("circuit_breaker_state.component"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("component", String(100), nullable=False),
    Column("action", String(50), nullable=False, server_default=""),
    Column("reason", String(500), nullable=False),
    _moment("raised_at", required=True),
    _moment("next_try_at", required=True),
)

action_modes = Table(
    "action_modes",
    metadata,
    Column("action", String(50), primary_key=True),
    Column("mode", String(10), nullable=False),
    _moment("since", required=True),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
)

mode_changes = Table(
    "mode_changes",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("action", String(50), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("from_mode", String(10), nullable=False),
    Column("to_mode", String(10), nullable=False),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    _moment("at", required=True),
)

shadow_plans = Table(
    "shadow_plans",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("fault_id", Uuid, ForeignKey("faults.id"), nullable=False),
    Column("action", String(50), nullable=False),
    Column("action_type", String(50), nullable=False),
    Column("component", String(100), nullable=False),
    Column("target_key", String(200), nullable=False),
    Column("trigger_id", Uuid, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("within", Interval, nullable=False),
    _moment("planned_at", required=True),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("action", String(50), nullable=False),
    Column("action_type", String(50), nullable=False),
    Column("component", String(100), nullable=False),
    Column("target_key", String(200), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("fault_id", Uuid, ForeignKey("faults.id"), nullable=False),
    Column("trigger_id", Uuid, nullable=False),
    Column("trigger_type", String(50), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("asked_by", String(100), nullable=False),
    Column("why", Text, nullable=False),
    Column("preview", JSONB, nullable=False),
    Column("blast_radius", String(500), nullable=False),
    _moment("asked_at", required=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    _moment("closed_at"),
    Column("closing", String(10)),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID),
    Column("paused_by", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    _moment("since", required=True),
    _moment("until"),
    _moment("ended_at"),
    Column("ended_by", String(100)),
    Column("ended_why", String(500)),
)
