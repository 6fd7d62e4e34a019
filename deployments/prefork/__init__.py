"""A Prefect worker whose flow runs are forked from a process that has imported everything already."""
