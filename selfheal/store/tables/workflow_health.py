"""How the estate's workflows are as a whole."""

from sqlalchemy import Column, String, Table
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import metadata, moment

workflow_health = Table(
    "workflow_health",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("level", String(10), nullable=False),
    moment("found_at", required=True),
    Column("details", JSONB, nullable=False),
)
