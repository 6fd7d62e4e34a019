"""Alembic environment; the versions are written as SQL."""
