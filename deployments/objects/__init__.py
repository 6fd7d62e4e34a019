"""Our objects on a Prefect server: what we want there, what is there, which of it is ours."""
