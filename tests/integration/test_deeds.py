"""What people did, written down with the deed itself: neither is there without the other."""

from datetime import timedelta

import pytest
from person_fixtures import ACME, OTHER, Issue
from sqlalchemy import Engine

from selfheal.model.breaker import BreakerDeed
from selfheal.model.errors import NotAllowed, Permanent
from selfheal.model.identity import Door, Identity, Outcome, Role
from selfheal.model.maintenance import Scope
from selfheal.policy.identity import Deed
from selfheal.store.breakers import Breakers
from selfheal.store.deeds import Deeds
from selfheal.store.engine import rehearsing, seen_by
from selfheal.store.maintenance import Maintenance
from selfheal.store.pauses import Pauses

ROOT = Identity(name="root", role=Role.ADMIN)


def test_a_deed_and_its_record_are_one(issued: Issue, api_engine: Engine) -> None:
    """Who, as what, by which token, through which door, what of what, what came of it, and the request."""
    _, ada = issued("ada", Role.OPERATOR)
    deeds = Deeds(api_engine)
    with seen_by(api_engine, ada):
        with deeds.recorded(
            ada, Door.API, Deed.PAUSE, subject="estate", details={"why": "move"}, request_id="r-1"
        ) as told:
            told["until"] = str(Pauses(api_engine).pause(who="ada", why="move").until)
        (line,) = deeds.newest(limit=9)
        assert Pauses(api_engine).current() is not None
    assert (line.name, line.role, line.tenant, line.token) == ("ada", Role.OPERATOR, None, ada.token)
    assert (line.door, line.deed, line.subject, line.request_id) == (Door.API, "PAUSE", "estate", "r-1")
    assert (line.outcome, line.details) == (Outcome.DONE, {"why": "move", "until": "None"})


def test_who_must_not_is_refused_and_recorded(issued: Issue, api_engine: Engine) -> None:
    """A viewer who pauses: nothing is done, and the attempt is written down with what they were told."""
    _, ada = issued("ada", Role.VIEWER)
    deeds = Deeds(api_engine)
    with seen_by(api_engine, ada):
        with (
            pytest.raises(NotAllowed, match="PAUSE needs the role operator; yours is viewer"),
            deeds.recorded(ada, Door.DASHBOARD, Deed.PAUSE),
        ):
            Pauses(api_engine).pause(who="ada", why="no")
        (line,) = deeds.newest(limit=9)
        assert Pauses(api_engine).current() is None
    assert (line.outcome, line.deed) == (Outcome.REFUSED, "PAUSE")
    assert "yours is viewer" in line.details["message"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(Permanent("broken"), "FAILED"), (NotAllowed("too late"), "REFUSED"), (ValueError("x"), "FAILED")],
)
def test_what_ends_badly_is_undone_and_recorded(empty: Engine, error: Exception, outcome: str) -> None:
    """Half a deed is none: what was written before the error is gone, its record stays."""
    deeds = Deeds(empty)

    def half() -> None:
        with deeds.recorded(ROOT, Door.CLI, Deed.PAUSE):
            Pauses(empty).pause(who="root", why="half")
            raise error

    with pytest.raises(type(error)):
        half()
    assert Pauses(empty).current() is None
    (line,) = deeds.newest(limit=9)
    assert line.outcome == outcome


def test_a_dry_run_leaves_no_record(empty: Engine) -> None:
    """Neither the deed nor its record is there afterwards, refused ones included."""
    deeds = Deeds(empty)
    with rehearsing(empty):
        with deeds.recorded(ROOT, Door.CLI, Deed.PAUSE):
            Pauses(empty).pause(who="root", why="dry")
        assert [one.deed for one in deeds.newest(limit=9)] == ["PAUSE"]
    assert list(deeds.newest(limit=9)) == []
    assert Pauses(empty).current() is None


def test_nobody_stands_behind_anothers_door(empty: Engine, api_engine: Engine) -> None:
    """The dispatcher writes what came by the command line, the web server what came by itself."""
    for engine, door in ((empty, Door.API), (api_engine, Door.CLI)):
        with pytest.raises(NotAllowed, match="row-level security"):
            Deeds(engine).record(ROOT, door, Deed.PAUSE, outcome=Outcome.DONE)


def test_a_tenant_sees_its_own_deeds(issued: Issue, api_engine: Engine, empty: Engine) -> None:
    """A tenant's token those of the tenant, one without tenant the infrastructure's, an admin all."""
    people = [
        issued("ada", Role.VIEWER, ACME)[1],
        issued("ben", Role.VIEWER, OTHER)[1],
        issued("cyd")[1],
        issued("dan", Role.ADMIN)[1],
    ]
    deeds = Deeds(api_engine)
    for one in people:
        with seen_by(api_engine, one):
            deeds.record(one, Door.API, Deed.HEAL, outcome=Outcome.REFUSED)
    seen = {}
    for one in people:
        with seen_by(api_engine, one):
            seen[one.name] = {line.name for line in deeds.newest(limit=9)}
    assert seen == {"ada": {"ada"}, "ben": {"ben"}, "cyd": {"cyd", "dan"}, "dan": {"ada", "ben", "cyd", "dan"}}


def test_they_are_read_in_pages(empty: Engine) -> None:
    """The newest first, each once, of one person where that is asked."""
    deeds = Deeds(empty)
    for number in range(5):
        deeds.record(ROOT, Door.CLI, Deed.HEAL, outcome=Outcome.DONE, subject=str(number))
    first = deeds.newest(limit=3)
    rest = deeds.newest(limit=3, before=first[-1])
    assert [one.subject for one in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    assert list(deeds.newest(limit=3, name="eve")) == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_the_web_servers_rights_are_enough_for_what_people_decide(
    issued: Issue, api_engine: Engine, role: Role
) -> None:
    """Pause and resume, maintenance, every word about a breaker: as the web server, for operators and admins."""
    _, ada = issued("ada", role)
    pauses, windows, breakers = Pauses(api_engine), Maintenance(api_engine), Breakers(api_engine)
    with seen_by(api_engine, ada):
        pauses.pause(who="ada", why="one", duration=timedelta(hours=1))
        assert pauses.resume(who="ada", why="over") is not None
        assert ada.expires_at is not None
        begins = ada.expires_at - timedelta(days=1)
        planned = windows.plan(
            scope=Scope.ESTATE, name="", begins_at=begins, ends_at=ada.expires_at, zone="UTC", who="ada", why="disks"
        )
        assert windows.end(planned.id, who="ada", why="done")
        for deed in BreakerDeed:
            breakers.decide("heal:restart-service", deed, who="ada", why="mine")
        assert breakers.state("heal:restart-service").override is None
