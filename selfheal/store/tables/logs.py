"""What log-monitor has read and counted."""

from sqlalchemy import BigInteger, Column, DateTime, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

log_positions = Table(
    "log_positions",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("component", String(50), nullable=False),
    Column("place", Text, nullable=False),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("position", JSONB(none_as_null=True)),
    Column("lines", BigInteger, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("cut", BigInteger, nullable=False, server_default="0"),
    Column("behind", BigInteger, nullable=False, server_default="0"),
    Column("trouble", Text),
    moment("began_at", required=True),
    moment("read_at", required=True),
)

log_gaps = Table(
    "log_gaps",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("source", String(50), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    moment("found_at", required=True),
)

log_counts = Table(
    "log_counts",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("pattern", String(50), primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("hits", BigInteger, nullable=False),
    Column("raised", BigInteger, nullable=False, server_default="0"),
)

log_told = Table(
    "log_told",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("pattern", String(50), primary_key=True),
    Column("signature", String(64), primary_key=True),
    moment("told_at", required=True),
)

log_triggers = Table(
    "log_triggers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", String(50), nullable=False),
    Column("pattern", String(50), nullable=False),
    Column("component", String(50), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("reason", String(500), nullable=False),
    moment("raised_at", required=True),
    Column("next_try_at", DateTime(timezone=True), nullable=False),
)
