"""What the comparison of the workflows' stores has seen, and where they disagree."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, String, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from selfheal.store.tables.columns import NEW_ID, metadata, moment

workflow_comparisons = Table(
    "workflow_comparisons",
    metadata,
    Column("mechanism", String(50), primary_key=True),
    Column("compared_at", DateTime(timezone=True), nullable=False),
    Column("file_sha256", String(64)),
    Column("requests", Integer, nullable=False),
    Column("untold", Integer, nullable=False),
    Column("why", String(500), nullable=False, server_default=""),
    Column("orphans", BigInteger),
    moment("orphans_at"),
    Column("moved", Integer, nullable=False, server_default="0"),
    Column("held", String(500), nullable=False, server_default=""),
)

workflow_sightings = Table(
    "workflow_sightings",
    metadata,
    Column("req_number", String(100), primary_key=True),
    Column("title", String(300), nullable=False, server_default=""),
    Column("status", String(100)),
    Column("priority", String(100), nullable=False, server_default=""),
    Column("owner", String(100), nullable=False, server_default=""),
    Column("line", Integer),
    Column("stages", JSONB(none_as_null=True)),
    moment("changed_at", required=True),
)

workflow_disagreements = Table(
    "workflow_disagreements",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("req_number", String(100), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("run", String(200), nullable=False, server_default=""),
    Column("file", String(500), nullable=False, server_default=""),
    Column("state", String(500), nullable=False, server_default=""),
    Column("evidence", String(500), nullable=False, server_default=""),
    Column("person", Boolean, nullable=False),
    Column("note", String(500), nullable=False, server_default=""),
    moment("first_seen", required=True),
    moment("last_seen", required=True),
    moment("settled_at"),
)
