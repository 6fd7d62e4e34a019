"""What we wrote into files of the estate."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, Uuid

from selfheal.store.tables.columns import NEW_ID, metadata, moment

file_changes = Table(
    "file_changes",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=NEW_ID),
    Column("path", Text, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("req_number", String(100), nullable=False, server_default=""),
    Column("line", Integer),
    Column("before", String(500), nullable=False, server_default=""),
    Column("after", String(500), nullable=False, server_default=""),
    Column("sha256_before", String(64), nullable=False, server_default=""),
    Column("sha256_after", String(64), nullable=False, server_default=""),
    Column("size_before", BigInteger, nullable=False, server_default="0"),
    Column("size_after", BigInteger, nullable=False, server_default="0"),
    Column("backup", Text, nullable=False, server_default=""),
    Column("who", String(100), nullable=False),
    Column("why", String(500), nullable=False),
    moment("at", required=True),
    Column("state", String(10), nullable=False, server_default="INTENDED"),
    Column("note", String(500), nullable=False, server_default=""),
    moment("settled_at"),
)
