"""The actions: one file each, the same shape, listed in one table."""
