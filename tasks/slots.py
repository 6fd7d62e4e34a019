"""The visible dedup: one Prefect concurrency limit per component, held while its heal runs.

The truth is the unique index in Postgres. After ADMITTED a limit that is still taken (a slot leaked by a killed
holder returns after about a minute) is noted, never obeyed; so is a server that does not answer.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from prefect.concurrency.sync import concurrency

_log = logging.getLogger(__name__)
_LEASE_S = 60


def limit_name(component: str) -> str:
    """The limit's name in Prefect."""
    return f"heal-{component}"


@contextmanager
def visible_slot(component: str) -> Iterator[None]:
    """Hold the component's limit if it is to be had."""
    with ExitStack() as held:
        try:
            held.enter_context(
                concurrency(
                    limit_name(component),
                    occupy=1,
                    max_retries=0,
                    strict=True,
                    lease_duration=_LEASE_S,
                    raise_on_lease_renewal_failure=False,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever keeps us from the visible limit must not keep us from healing
            _log.info("the Prefect limit of %s is not held: %s", component, error)
        yield
