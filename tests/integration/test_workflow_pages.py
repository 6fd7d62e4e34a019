"""The pages of workflows over a real database: what they tell, to whom, and without asking file or broker."""

from collections.abc import Callable

import httpx
import pytest
from admission_desk import Desk
from dashboard_fixtures import CLAIMED, GONE, ZOMBIE, Dashboard, workflows
from person_fixtures import ACME
from sqlalchemy import event

from selfheal.model.disagreement import Kind
from selfheal.model.identity import Role

MOST_STATEMENTS = 26
"""Each is preceded by one that says whose rows it sees."""
EVIL = '"><script>alert(1)</script>'


def text(client: httpx.Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.text[:500])
    return answer.text


@pytest.mark.usefixtures("happened")
def test_the_page_tells_where_stores_disagree(dashboard: Dashboard) -> None:
    """Level, counts, each disagreement with what the stores say and who settles it, and every rule."""
    page = text(dashboard.client(Role.VIEWER), "/workflows")
    for words in (
        "Workflows: degraded",
        "1 blocked, 2 running; 3 disagreements, 2 of them a person's; 12 deliverables without a request",
        "file: NEW, line 3; state: running at 0 cynthia; JetStream: nothing delivered",
        "<strong>workflow-persistence</strong>: Nobody works on it",
        "<strong>a person</strong>: See which stages are absent",
        f'role="rowheader">{GONE}</th>',
        "JetStream: 12 deliverables",
        "库存 levels",
        *Kind,
    ):
        assert words in page, words


@pytest.mark.usefixtures("happened")
def test_one_workflow_tells_its_stages_and_its_story(dashboard: Dashboard) -> None:
    """Each stage with its evidence and why nobody can tell, then what happened, the newest first."""
    client = dashboard.client(Role.VIEWER)
    page = text(client, f"/workflows/{CLAIMED}")
    for words in (
        "not taken in",
        "The file says COMPLETE, line 40",
        "6 berry",
        "rejected",
        "COMPLETE_WITHOUT_EVIDENCE",
    ):
        assert words in page, words
    held = text(client, "/workflows/REQ-HELD")
    assert "could not tell" in held
    assert "the broker does not answer" in held
    assert "it stands here" in held


def test_a_broker_that_is_down_is_told(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """Of how many nobody could tell, why, and that nothing of them is moved."""
    workflows(desk(), untold=True)
    page = text(dashboard.client(Role.VIEWER), "/workflows")
    assert "Of 2 nobody could tell what was delivered" in page
    assert f"{'REQ-HELD'}: the broker does not answer" in page
    assert f'/workflows/{ZOMBIE}"' in page


def test_the_list_is_filtered_and_paged(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """By state, word, name and disagreement; 1,000 workflows come in pages, with as many statements as one."""
    one = desk()
    workflows(one)
    one.do(
        "INSERT INTO workflow_sightings (req_number, title, status, stages, changed_at)"
        " SELECT 'REQ-MANY-' || n, 'x', 'NEW', '[]', now() - n * interval '1 s' - interval '1 day'"
        " FROM generate_series(1, 1000) n"
    )
    client = dashboard.client(Role.VIEWER)
    assert ZOMBIE in text(client, "/workflows?status=running&word=new&text=item&disagreeing=1")
    assert "No workflow is like that" in text(client, "/workflows?status=failed")
    assert client.get("/workflows?status=asleep").status_code == 422
    statements: list[str] = []
    event.listen(dashboard.services.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    page = text(client, "/workflows")
    assert page.count("REQ-MANY-") == 2 * (50 - 4)
    assert "Older" in page
    assert len(statements) <= MOST_STATEMENTS, statements


@pytest.mark.parametrize("name", ["REQ-NONE", "x" * 300, "%00", "..%2f..%2fetc"])
@pytest.mark.usefixtures("happened")
def test_what_is_not_there_is_not_found(dashboard: Dashboard, name: str) -> None:
    """A name that nobody knows, whatever it is, is told in words."""
    answer = dashboard.client(Role.VIEWER).get(f"/workflows/{name}")
    assert answer.status_code in {404, 422}


@pytest.mark.usefixtures("happened")
def test_a_tenants_person_sees_no_workflow(dashboard: Dashboard) -> None:
    """The estate's own rows are not shown to a tenant's token, neither in the list nor by name."""
    client = dashboard.client(Role.ADMIN, ACME)
    page = text(client, "/workflows")
    assert "REQ-" not in page.replace("REQ-...", "")
    assert "whoever has a token without a tenant" in page
    assert client.get(f"/workflows/{ZOMBIE}").status_code == 404


def test_a_title_is_no_markup(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """What people and agents write is text on the page."""
    workflows(desk(), title=EVIL)
    client = dashboard.client(Role.VIEWER)
    for address in ("/workflows", f"/workflows/{ZOMBIE}"):
        page = text(client, address)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
