"""What other systems have told us."""

from sqlalchemy import BigInteger, Column, String, Table, Uuid

from selfheal.store.tables.columns import NEW_ID, metadata, moment

intake_alerts = Table(
    "intake_alerts",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("webhook", String(50), nullable=False),
    Column("key", String(64), nullable=False),
    Column("component", String(100), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("state", String(10), nullable=False, server_default="OPEN"),
    Column("refusal", String(200), nullable=False, server_default=""),
    Column("sent_by", String(100), nullable=False),
    Column("deliveries", BigInteger, nullable=False, server_default="1"),
    moment("first_at", required=True),
    moment("last_at", required=True),
    moment("ended_at"),
    Column("trigger_id", Uuid),
)
