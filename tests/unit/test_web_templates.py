"""The pages' templates: those of the sources that the server was started with."""

import pytest
from jinja2 import Environment

from console.dashboard import pages
from console.web import templates


@pytest.mark.parametrize(("environment", "name"), [(pages._pages, "overview.html"), (templates._pages, "login.html")])
def test_a_template_is_read_once(environment: Environment, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that are swapped beneath a running server break none of its pages."""
    first = environment.get_template(name)
    monkeypatch.setattr(first, "_uptodate", lambda: False)
    assert environment.get_template(name) is first
