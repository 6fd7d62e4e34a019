"""Prefect tasks: the retryable steps that flows are made of."""
