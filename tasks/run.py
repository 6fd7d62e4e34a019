"""Which flow run this is, as far as the domain cares: an id that is written down with what it carries out."""

from uuid import UUID

from prefect.runtime import flow_run


def this_run() -> UUID | None:
    """The flow run around the caller, from inside its tasks too; None outside of any."""
    return None if flow_run.id is None else UUID(str(flow_run.id))
