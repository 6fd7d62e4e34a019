"""Tokens and logins: who is found by a secret, for how long, and what the database keeps of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from person_fixtures import ACME, OTHER, Issue
from sqlalchemy import Engine, text

from selfheal.model.errors import NotAllowed, Permanent
from selfheal.model.identity import Identity, Role
from selfheal.store.engine import seen_by
from selfheal.store.sessions import Sessions
from selfheal.store.tokens import PREFIX, Tokens

DAY = timedelta(days=1)
Do = Callable[[str], None]


@pytest.fixture
def do(owner_engine: Engine) -> Do:
    """Move what is written, as time would."""

    def run(sql: str) -> None:
        with owner_engine.begin() as connection:
            connection.execute(text(sql))

    return run


@pytest.fixture
def admin(issued: Issue) -> Identity:
    return issued("root", Role.ADMIN)[1]


# -- tokens


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("tenant", [None, ACME])
def test_a_secret_is_the_person(issued: Issue, role: Role, tenant: object) -> None:
    """Name, role, tenant and end come back with the secret that was told once."""
    secret, found = issued("ada", role, tenant)
    assert secret.startswith(PREFIX)
    assert len(secret) >= len(PREFIX) + 40
    assert (found.name, found.role, found.tenant) == ("ada", role, tenant)
    assert found.expires_at is not None
    assert abs(found.expires_at - datetime.now(UTC) - DAY) < timedelta(minutes=1)


def test_only_the_hash_is_kept(issued: Issue, owner_engine: Engine) -> None:
    """Nothing in the row is the secret, or a part of it."""
    secret, _ = issued("ada")
    with owner_engine.connect() as connection:
        kept = connection.scalar(text("SELECT t::text FROM person_tokens t"))
    assert kept is not None
    assert secret[len(PREFIX) :][:8] not in kept


@pytest.mark.parametrize("wrong", ["", "sh_", "sh_wrong", "x" * 43, "sh_" + "x" * 10_000, "sh_\x00", "sh_\ud800"])
def test_another_secret_is_nobody(api_engine: Engine, wrong: str) -> None:
    """None, whatever it is."""
    assert Tokens(api_engine).find(wrong) is None


def test_an_expired_token_is_nobody(issued: Issue, api_engine: Engine, do: Do) -> None:
    """By the database's clock."""
    secret, _ = issued("ada")
    do("UPDATE person_tokens SET created_at = created_at - interval '2 d', expires_at = expires_at - interval '2 d'")
    assert Tokens(api_engine).find(secret) is None


def test_a_revoked_token_is_nobody_for_ever(issued: Issue, api_engine: Engine, admin: Identity) -> None:
    """From that moment; it cannot be revoked twice, and the list says who and why."""
    secret, found = issued("ada")
    tokens = Tokens(api_engine)
    assert found.token is not None
    with seen_by(api_engine, admin):
        assert tokens.revoke(found.token, "root", "she left")
        assert not tokens.revoke(found.token, "eve", "again")
        kept = {one.id: one for one in tokens.all()}[found.token]
    assert tokens.find(secret) is None
    assert (kept.revoked_by, kept.revoked_why, kept.state(datetime.now(UTC))) == ("root", "she left", "REVOKED")


def test_use_is_noted_at_most_once_a_minute(issued: Issue, api_engine: Engine, admin: Identity, do: Do) -> None:
    """The first use writes, the next ones do not until a minute is over."""
    secret, found = issued("ada")
    tokens = Tokens(api_engine)

    def last_used() -> datetime | None:
        with seen_by(api_engine, admin):
            return {one.id: one.last_used_at for one in tokens.all()}[found.token]

    first = last_used()
    tokens.find(secret)
    assert first is not None
    assert last_used() == first
    do("UPDATE person_tokens SET last_used_at = last_used_at - interval '61 s'")
    tokens.find(secret)
    again = last_used()
    assert again is not None
    assert again >= first


@pytest.mark.parametrize("name", ["", "Ada", "-x", "a b", "a" * 64, "watcher", "selfheal", "ada\n", "ada;--"])
def test_who_cannot_be_told_from_others_gets_none(owner_engine: Engine, name: str) -> None:
    """A name that is none, or that is written down for what no person did."""
    with pytest.raises(Permanent):
        Tokens(owner_engine).issue(name, Role.VIEWER, None, DAY, "root")


def test_a_name_is_one_persons(issued: Issue, owner_engine: Engine, do: Do) -> None:
    """Two tokens of a name are one person's: of another tenant none is made while one lives."""
    issued("ada", Role.VIEWER, ACME)
    issued("ada", Role.OPERATOR, ACME)
    for tenant in (OTHER, None):
        with pytest.raises(NotAllowed, match="somebody else's"):
            Tokens(owner_engine).issue("ada", Role.VIEWER, tenant, DAY, "root")
    do("UPDATE person_tokens SET revoked_at = now(), revoked_by = 'root', revoked_why = 'she left'")
    issued("ada", Role.VIEWER, OTHER)


@pytest.mark.parametrize("whose", ["engine", "api_engine"])
def test_neither_dispatcher_nor_web_server_makes_a_token(
    request: pytest.FixtureRequest, empty: Engine, whose: str
) -> None:
    """Not even for an admin: only the migrator does, which is the command line's beside the data folder."""
    tokens = Tokens(request.getfixturevalue(whose))
    with pytest.raises(NotAllowed, match="does not allow it"):
        tokens.issue("eve", Role.ADMIN, None, DAY, "eve")


def test_the_dispatcher_finds_nobody(empty: Engine) -> None:
    """It serves no person: the function is not its to call, which is told as what it is."""
    with pytest.raises(NotAllowed, match="permission denied for function find_token"):
        Tokens(empty).find(PREFIX + "x" * 40)


@pytest.mark.parametrize("tenant", [None, ACME])
def test_only_an_admin_of_all_sees_and_revokes_tokens(issued: Issue, api_engine: Engine, tenant: object) -> None:
    """An approver does not; nor does the admin of a tenant."""
    _, found = issued("ada", Role.APPROVER if tenant is None else Role.ADMIN, tenant)
    assert found.token is not None
    with seen_by(api_engine, found):
        with pytest.raises(NotAllowed):
            Tokens(api_engine).all()
        with pytest.raises(NotAllowed):
            Tokens(api_engine).revoke(found.token, "ada", "why not")


# -- logins


def test_a_login_is_the_person_until_it_ends(issued: Issue, api_engine: Engine, do: Do) -> None:
    """Found by the cookie's secret with what forms must bring back; not after logging out; nothing of both is kept."""
    _, ada = issued("ada", Role.OPERATOR)
    sessions = Sessions(api_engine)
    session = sessions.begin(ada, timedelta(hours=12))
    found = sessions.find(session.secret)
    assert found is not None
    assert (found[0].name, found[0].role, found[0].token) == ("ada", Role.OPERATOR, ada.token)
    assert found[0].expires_at == session.expires_at
    assert found[1] == session.csrf
    sessions.end(session.secret)
    assert sessions.find(session.secret) is None
    assert session.secret not in repr(session)


def test_a_login_lives_no_longer_than_its_token(issued: Issue, api_engine: Engine) -> None:
    """A session that is to last longer ends with the token."""
    _, ada = issued("ada", lasts=timedelta(hours=1))
    assert Sessions(api_engine).begin(ada, timedelta(hours=12)).expires_at == ada.expires_at


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE person_tokens SET revoked_at = now(), revoked_by = 'root', revoked_why = 'she left'",
        "UPDATE person_tokens SET created_at = created_at - interval '2 d', expires_at = expires_at - interval '2 d'",
        "UPDATE person_sessions SET expires_at = now() - interval '1 s'",
    ],
)
def test_a_login_is_over_with_its_time_or_its_token(issued: Issue, api_engine: Engine, do: Do, end: str) -> None:
    """A revoked or expired token is no login either, at once."""
    _, ada = issued("ada")
    sessions = Sessions(api_engine)
    secret = sessions.begin(ada, timedelta(hours=12)).secret
    do(end)
    assert sessions.find(secret) is None
    if "tokens" in end:
        with pytest.raises(NotAllowed, match="expired or revoked"):
            sessions.begin(ada, DAY)


def test_who_has_no_token_has_no_login(api_engine: Engine) -> None:
    """The demo's person needs none and gets none."""
    with pytest.raises(NotAllowed):
        Sessions(api_engine).begin(Identity(name="demo", role=Role.ADMIN), DAY)


def test_logins_that_are_long_over_are_forgotten(
    issued: Issue, api_engine: Engine, owner_engine: Engine, do: Do
) -> None:
    """The next login takes away those that ended more than a day ago, and no others."""
    _, ada = issued("ada")
    sessions = Sessions(api_engine)
    for _ in range(2):
        sessions.begin(ada, DAY)
    do(
        "UPDATE person_sessions SET expires_at = now() - interval '25 h'"
        " WHERE id = (SELECT min(id::text)::uuid FROM person_sessions)"
    )
    sessions.begin(ada, DAY)
    with owner_engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM person_sessions")) == 2
