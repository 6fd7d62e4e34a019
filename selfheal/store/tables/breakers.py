"""Circuit breakers."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, ForeignKey, Identity, Integer, String, Table, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from selfheal.store.tables.columns import metadata, moment

circuit_breaker_state = Table(
    "circuit_breaker_state",
    metadata,
    Column("component", String(100), primary_key=True),
    Column("state", String(20), nullable=False, server_default="CLOSED"),
    Column("failure_rate", Double, nullable=False, server_default="0"),
    moment("opened_at"),
    moment("updated_at", required=True),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("level", Integer, nullable=False, server_default="0"),
    Column("mode", String(20), nullable=False, server_default="AUTOMATIC"),
    Column("override", JSONB(none_as_null=True)),
    Column("results", ARRAY(Boolean), nullable=False, server_default="{}"),
    moment("open_until"),
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
    Column("breaker", String(100), ForeignKey("circuit_breaker_state.component")),
    Column("generation", Integer),
    Column("approval", Uuid, ForeignKey("approvals.id"), unique=True),
    Column("component", String(100), nullable=False),
    Column("action", String(50), nullable=False, server_default=""),
    Column("reason", String(500), nullable=False),
    Column("trigger_type", String(50)),
    Column("source", String(30)),
    Column("priority", String(10)),
    moment("raised_at", required=True),
    moment("next_try_at", required=True),
)
