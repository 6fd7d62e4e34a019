"""What people are told."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Identity, Integer, String, Table, Text, Uuid
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
    moment("routed_at"),
)

alert_episodes = Table(
    "alert_episodes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("alert_group", String(100), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("window_began", DateTime(timezone=True), nullable=False),
    Column("told", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("last_told_at", DateTime(timezone=True), nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("dedup_key", String(200), nullable=False),
    Column("alert_group", String(100), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("message", Text, nullable=False),
    Column("component", String(100), nullable=False, server_default=""),
    Column("episode_id", Uuid, ForeignKey("alert_episodes.id")),
    Column("held", Boolean, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    moment("acknowledged_at"),
    Column("acknowledged_by", String(100)),
    Column("acknowledged_why", String(500)),
    Column("acknowledgement_told", Boolean, nullable=False, server_default="false"),
    moment("resolved_at"),
)

alert_messages = Table(
    "alert_messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("alert_group", String(100), nullable=False),
    Column("dedup_key", String(200), nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("message", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default="{}"),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("place", BigInteger, Identity(), nullable=False),
    Column("message_id", Uuid, ForeignKey("alert_messages.id"), nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("channel", String(50), nullable=False),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("next_try_at", required=True),
    moment("since", required=True),
    moment("paused_until"),
    Column("error", Text),
    moment("created_at", required=True),
    moment("sent_at"),
    moment("failed_at"),
)

alert_silences = Table(
    "alert_silences",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("pattern", String(200), nullable=False),
    moment("since", required=True),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    moment("ended_at"),
    Column("ended_by", String(100)),
    Column("ended_why", String(500)),
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
