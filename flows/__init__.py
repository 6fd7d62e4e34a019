"""Prefect flows: one mechanism, one file, one flow."""
