"""The acceptance cases of flow runs, the same for Prefect's process worker and for ours, on one real server.

What is seen of each is in `worker_table`. The runs of the stock worker cost one or two interpreters each, so its cases
are run with `--campaign`; ours are run always, except those in `LONG`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_fixtures import Embedded
from prefect_fixtures import Server
from worker_blows import CASES
from worker_cases import TOGETHER, Seen
from worker_lab import Lab
from worker_table import TABLE, page

from deployments.embedded import roles

PROCESS, PREFORK = "process", "prefork"
LONG = {
    *("twenty-at-once", "cancel-while-running-async", "kill-child-while-pending", "stop-worker-sigint"),
    *(
        "pool-limit",
        "deployment-limit",
        "terminate-child",
        "cancel-while-scheduled",
        "file-entrypoint",
        "timeout-async",
    ),
}
"""Cases of ours that take long, and of which the suite without `--campaign` has a like."""
PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "prefork-worker.md"


@pytest.fixture(scope="module", params=[PREFORK, PROCESS])
def lab(
    request: pytest.FixtureRequest,
    embedded_postgres: Embedded,
    prefect_server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lab]:
    """A worker of the kind."""
    kind: str = request.param
    if kind == PROCESS:
        request.getfixturevalue("campaign")
    lab = Lab(kind, tmp_path_factory.mktemp(kind), prefect_server)
    lab.services["postgres"] = embedded_postgres.dsn(roles.HEALER)
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def begun(lab: Lab, request: pytest.FixtureRequest) -> dict[str, Seen]:
    """Those of this session's cases whose runs may be under way beside each other."""
    ours = (item for item in request.session.items if item.path == request.path)
    items = (item for item in ours if isinstance(item, pytest.Function) and hasattr(item, "callspec"))
    chosen = {item.callspec.params["name"] for item in items if item.callspec.params["lab"] == lab.kind}
    if not request.config.getoption("--campaign"):
        chosen -= LONG
    return {name: begin(lab) for name, begin in CASES.items() if name in TOGETHER & chosen}


@pytest.fixture
def services(lab: Lab, name: str, request: pytest.FixtureRequest) -> None:
    """The servers that the flow of this case asks."""
    if name.startswith("nats"):
        broker = request.getfixturevalue("broker_process")
        lab.services["nats"] = dict(zip(("user", "password"), broker.login, strict=True), url=broker.url)
    if name.startswith("docker"):
        lab.services["docker"] = request.getfixturevalue("docker_engine").url


@pytest.mark.parametrize("name", CASES)
@pytest.mark.timeout(400)
def test_a_worker_behaves_as_the_table_says(
    name: str, lab: Lab, begun: dict[str, Seen], services: None, request: pytest.FixtureRequest
) -> None:
    """What is seen of the case is what the table says of this worker."""
    if name in LONG:
        request.getfixturevalue("campaign")
    expected = TABLE[name].of(lab.kind)
    if not expected:
        pytest.skip(f"there is no such thing as {name} under the {lab.kind} worker")
    seen = begun.get(name) or CASES[name](lab)
    assert seen() == expected


def test_every_case_is_in_the_table() -> None:
    """No case is left out, in whichever order they are run."""
    assert list(TABLE) == list(CASES)


def test_the_documents_show_the_table() -> None:
    """docs/decisions/prefork-worker.md holds the table as it is compared here."""
    assert page() in PAGE.read_text(encoding="utf-8")
