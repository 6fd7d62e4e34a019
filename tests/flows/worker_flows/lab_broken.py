"""A module that cannot be imported, as after a mistaken edit."""

import there_is_no_such_module  # noqa: F401
from prefect import flow


@flow
def never() -> None:
    """Cannot be reached."""
