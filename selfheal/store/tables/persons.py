"""Persons: tokens, logins, deeds."""

from sqlalchemy import Column, DateTime, ForeignKey, String, Table, Uuid
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

person_tokens = Table(
    "person_tokens",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("name", String(100), nullable=False),
    Column("role", String(10), nullable=False),
    Column("tenant_id", Uuid),
    Column("hash", BYTEA, nullable=False, unique=True),
    Column("issued_by", String(100), nullable=False),
    moment("created_at", required=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    moment("revoked_at"),
    Column("revoked_by", String(100)),
    Column("revoked_why", String(500)),
    moment("last_used_at"),
)

person_sessions = Table(
    "person_sessions",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("token_id", Uuid, ForeignKey("person_tokens.id"), nullable=False),
    Column("hash", BYTEA, nullable=False, unique=True),
    moment("began_at", required=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    moment("ended_at"),
)

person_deeds = Table(
    "person_deeds",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    moment("at", required=True),
    Column("name", String(100), nullable=False),
    Column("role", String(10), nullable=False),
    Column("tenant_id", Uuid),
    Column("token_id", Uuid),
    Column("door", String(10), nullable=False),
    Column("deed", String(30), nullable=False),
    Column("subject", String(300), nullable=False, server_default=""),
    Column("details", JSONB, nullable=False, server_default="{}"),
    Column("outcome", String(10), nullable=False),
    Column("request_id", String(100), nullable=False, server_default=""),
)
