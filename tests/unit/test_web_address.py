"""Where links to our own pages lead."""

from uuid import UUID

import pytest

from selfheal.model.web_address import WebAddress, page_of
from selfheal.settings.web import Web

ONE = UUID(int=1)


def test_pages_have_an_address_only_where_there_is_a_web_server() -> None:
    """Below its base, or none at all: a link to nowhere is worse than no link."""
    assert WebAddress(base="http://127.0.0.1:4280").fault(ONE) == f"http://127.0.0.1:4280/faults/{ONE}"
    assert WebAddress(base="http://127.0.0.1:4280").approval(ONE) == f"http://127.0.0.1:4280/approvals/{ONE}"
    assert WebAddress().fault(ONE) == WebAddress().approval(ONE) == ""


@pytest.mark.parametrize(
    ("key", "page"),
    [
        (f"fault/{ONE}", f"faults/{ONE}"),
        (f"approval/{ONE}", f"approvals/{ONE}"),
        ("fault/web", "faults"),  # a group: several of them
        ("fault/../../logout", "faults"),
        ("breaker/heal:restart-service", "breakers"),
        ("workflows/disagreements", "workflows"),
        ("prediction/web/memory_percent/BREACH_FORETOLD", "predictions"),
        ("log/backend/fatal/x?y#z", "alerts"),
        ("", "alerts"),
    ],
)
def test_what_is_told_leads_to_the_page_that_tells_more(key: str, page: str) -> None:
    """To one fault or question where the key names it, to the list where it does not, and never out of our pages."""
    assert page_of(key) == page
    assert WebAddress(base="https://selfheal.example").about(key) == f"https://selfheal.example/{page}"
    assert WebAddress().about(key) == ""


def test_the_address_is_the_public_one_or_that_of_the_port() -> None:
    """What people are told wins; without it the port on loopback, if the web server runs at all."""
    assert Web().address(4321) == "http://127.0.0.1:4321"
    assert Web(public_url="https://selfheal.example/").address(4321) == "https://selfheal.example"
    assert Web(public_url="https://selfheal.example", enabled=False).address(1) == "https://selfheal.example"
    assert Web(enabled=False).address(4321) == ""
