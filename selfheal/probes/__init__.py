"""The probes: one file each, the same shape, listed in one table."""
