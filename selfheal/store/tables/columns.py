"""What the tables are made of: one set of them, keys that Postgres makes, and times with zone."""

from datetime import datetime

from sqlalchemy import Column, DateTime, MetaData, func, text

metadata = MetaData()

NEW_ID = text("uuid_generate_v7()")
NOW = func.now()


def moment(name: str, *, required: bool = False) -> Column[datetime]:
    """A time with zone; a required one defaults to the database's now."""
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=NOW if required else None)
