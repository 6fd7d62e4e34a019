"""What agents have delivered, and what was pruned of it."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Integer, LargeBinary, String, Table, Text

from selfheal.store.tables.columns import metadata, moment

deliverables = Table(
    "deliverables",
    metadata,
    Column("stream", String(100), primary_key=True),
    Column("stream_created", DateTime(timezone=True), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("req_number", String(100), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("subject", String(300), nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("result", String(20), nullable=False),
    Column("status", String(60), nullable=False),
    Column("summary", String(500), nullable=False),
    Column("oddities", ARRAY(Text), nullable=False, server_default="{}"),
    Column("size", Integer, nullable=False),
    moment("projected_at", required=True),
)

pruned_deliverables = Table(
    "pruned_deliverables",
    metadata,
    Column("stream", String(100), primary_key=True),
    Column("stream_created", DateTime(timezone=True), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", String(300), nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("data", LargeBinary, nullable=False),
    moment("kept_at", required=True),
    moment("gone_at"),
    moment("restored_at"),
)
