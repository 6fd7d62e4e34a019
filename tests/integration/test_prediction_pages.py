"""The pages of predictions: what they show, to whom, and as text whatever stands in a row."""

import json
import re
from collections.abc import Callable

import pytest
from admission_desk import Desk
from dashboard_fixtures import Dashboard
from foretold import Foretold, H, foretell, foretold
from person_fixtures import ACME
from sqlalchemy import text as sql
from test_dashboard import EVIL, Page, ok, rows

from selfheal.model.identity import Role


@pytest.fixture
def told(desk: Callable[..., Desk]) -> Foretold:
    """A few days of predictions."""
    return foretold(desk())


def test_the_list_begins_with_what_is_urgent(dashboard: Dashboard, told: Foretold) -> None:
    """What stands by urgency, the track record with its interval, then all of them, filtered by the address."""
    client = dashboard.client(Role.VIEWER)
    text = ok(client, "/predictions")
    standing, everything = text.split("Track record of 30 days")
    assert re.findall(r'href="/predictions/([0-9a-f-]{36})"', standing) == [str(told.stands), str(told.refused)]
    assert len(re.findall(r'href="/predictions/[0-9a-f-]{36}"', everything)) == 5
    assert "1 of 2 right, 50% (9% to 91%)" in text
    assert "1 h 48 min" in text
    everybody = {"backend", "broker"}  # what stands is shown whatever is filtered
    for query, found in {
        "component=agents": {"agents"},
        "rule=RESPONSE_RISING": {"broker"},
        "outcome=hit": {"frontend"},
        "open=yes": {"backend", "broker"},
        "open=no": {"agents", "frontend", "host:here"},
        "outcome=EARLY": set(),
    }.items():
        record = {"all", "a limit will be reached", "answers become slower"}
        assert rows(client, f"/predictions?{query}") - record == found | everybody, query
    assert "<option selected>yes</option>" in ok(client, "/predictions?open=yes")


def test_one_shows_its_picture_and_what_was_done(dashboard: Dashboard, told: Foretold) -> None:
    """The chart with its words, its numbers as a table; the heal with its fault, the refusal, or nothing."""
    client = dashboard.client(Role.VIEWER)
    text = ok(client, f"/predictions/{told.stands}")
    page = Page(text)
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))
    assert text.count('class="forecast" role="img"') == 2
    for words in ("in mode observe what is foretold is only shown", "limit 95 %", "memory_percent will reach 95 %"):
        assert words in text
    assert len(re.findall(r'<tr><th scope="row">', text)) >= 24
    prevented = ok(client, f"/predictions/{told.prevented}")
    assert "restart-service: success; healed" in prevented
    assert re.search(r'<a href="/faults/[0-9a-f-]+">The heal and its fault</a>', prevented)
    assert "refused, not allowed: the test wants it sick" in ok(client, f"/predictions/{told.refused}")
    assert "breach-mark" in ok(client, f"/predictions/{told.hit}")


def test_the_list_tells_what_too_little_is_known_of(
    dashboard: Dashboard, told: Foretold, desk: Callable[..., Desk]
) -> None:
    """As the newest run found it; markup in a name is text."""
    row = json.dumps([{"component": EVIL, "metric": "memory_percent", "why": "too short to tell: 2 h of 3"}])
    with desk().engine.begin() as connection:
        connection.execute(
            sql("INSERT INTO forecast_state (serial, saved_at, head, untold) VALUES (1, now(), '', :row)"),
            {"row": row},
        )
    shown = ok(dashboard.client(Role.VIEWER), "/predictions")
    assert "too short to tell: 2 h of 3" in shown
    assert "<script>" not in shown


def test_nothing_measured_is_no_picture_of_nothing(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """Of a workflow there is no series: the limit and the alarm are drawn all the same, and the words say so."""
    one = foretell(desk().engine, "REQ-STOCK-42", metric="stuck_minutes", rule="STUCK_SOON", value=46, threshold=60)
    text = ok(dashboard.client(Role.VIEWER), f"/predictions/{one}")
    assert "Nothing was measured of stuck_minutes of REQ-STOCK-42 in this time" in text
    assert "limit 60 min" in text


def test_what_comes_from_outside_is_text(dashboard: Dashboard, desk: Callable[..., Desk]) -> None:
    """Markup in a component, metric or reason is shown as text, in the picture too."""
    one = foretell(desk().engine, EVIL, metric=EVIL[:50], why=EVIL, ago=H)
    client = dashboard.client(Role.VIEWER)
    for address in ("/", "/predictions", f"/predictions/{one}"):
        text = ok(client, address)
        assert "<script>" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text


def test_the_overview_tells_what_comes_next(dashboard: Dashboard, told: Foretold) -> None:
    """How many stand, the most urgent with the way to its page, and how often they were right."""
    text = ok(dashboard.client(Role.VIEWER), "/")
    tile = text.split("<h2>Foretold</h2>")[1].split("</li>")[0]
    assert '<p class="figure">2</p>' in tile
    assert f'href="/predictions/{told.stands}"' in tile
    assert "1 of 2 right in 30 days" in tile


def test_a_tenant_is_told_that_they_are_the_estates(dashboard: Dashboard, told: Foretold) -> None:
    """No row, no figure, and 404 for one by its id."""
    client = dashboard.client(Role.VIEWER, ACME)
    text = ok(client, "/predictions")
    assert "a tenant's token sees none" in text
    assert "backend" not in text
    assert "Foretold" not in ok(client, "/")
    assert client.get(f"/predictions/{told.stands}").status_code == 404
