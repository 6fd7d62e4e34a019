"""The steps of recovery: looking is retried, and what was done is written down."""
