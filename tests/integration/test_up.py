"""What `selfheal up` does itself, between its servers."""

from pathlib import Path

import pytest
from embedded_fixtures import opened

from deployments import up
from deployments.running import Running
from selfheal.model.errors import Transient
from selfheal.settings.estate import Settings


def test_an_application_that_takes_too_long_is_told_in_words(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine too busy to import Prefect in time it is tried again, and no command line is shown for a reason."""
    monkeypatch.setattr(up, "_APPLY_TIMEOUT_S", 0.01)
    with opened(scratch) as embedded:
        running = Running(
            settings=Settings(), folder=embedded.folder, servers=embedded.servers, environment={}, web=None
        )
        with pytest.raises(Transient, match=r"not applied to the Prefect server within 0\.01 s"):
            up._apply(running)
