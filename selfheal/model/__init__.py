"""Frozen values: what the rest of Selfheal talks about."""
