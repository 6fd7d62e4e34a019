"""`selfheal token`, and the record that every command leaves of what it changed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from embedded_fixtures import Embedded
from sqlalchemy import Engine
from test_dry_runs import DECISIONS, WINDOW, decided  # noqa: F401 - pytest finds fixtures by import

from console import cli
from console.pause import operator
from deployments import stackfile
from selfheal.model.identity import Door, Outcome, Role
from selfheal.policy.identity import Deed
from selfheal.store.deeds import Deeds
from selfheal.store.tokens import Tokens

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(
    empty: Engine, embedded_postgres: Embedded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """The command on the session's data folder, in which this process says that a stack runs."""
    folder = embedded_postgres.folder
    stack = stackfile.current(urls=embedded_postgres.servers.urls(), ports=folder.ports, parts=())
    stackfile.write(folder.stack_file, stack)
    monkeypatch.setenv("SELFHEAL_DATA", str(folder.path))
    monkeypatch.delenv("SELFHEAL_DATABASE_URL", raising=False)
    monkeypatch.delenv("SELFHEAL_CONFIG", raising=False)

    def command(*words: str) -> tuple[int, Any]:
        code = cli.main([*words, "-o", "json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    yield command
    stackfile.remove(folder.stack_file)


def test_a_token_is_issued_used_and_revoked(run: Run, empty: Engine, api_engine: Engine) -> None:
    """Its secret is told once and works; the list shows all but that; both deeds are recorded; revoked it is nobody."""
    code, told = run("token", "issue", "ada", "--role", "operator", "--lasts", "30 d")
    assert code == 0
    found = Tokens(api_engine).find(told["secret"])
    assert found is not None
    assert (found.name, found.role, str(found.token)) == ("ada", Role.OPERATOR, told["token"])
    assert told["tokens"] == [{name: told[name] for name in told["tokens"][0]}], "the same under the same names"
    _, listed = run("token")
    assert told["secret"] not in json.dumps(listed)
    assert [(one["name"], one["state"], one["issued_by"]) for one in listed["tokens"]] == [
        ("ada", "LIVING", operator())
    ]
    code, _ = run("token", "revoke", told["token"], "--why", "she left")
    assert code == 0
    assert Tokens(api_engine).find(told["secret"]) is None
    code, wrong = run("token", "revoke", told["token"], "--why", "again")
    assert (code, "no living token" in wrong) == (2, True)
    lines = Deeds(empty).newest(limit=9)
    assert [(one.deed, one.outcome, one.door, one.name) for one in lines] == [
        (Deed.REVOKE_TOKEN, Outcome.FAILED, Door.CLI, operator()),
        (Deed.REVOKE_TOKEN, Outcome.DONE, Door.CLI, operator()),
        (Deed.ISSUE_TOKEN, Outcome.DONE, Door.CLI, operator()),
    ]
    assert told["secret"] not in str(lines)


def test_a_dry_run_makes_no_token_and_tells_no_secret(run: Run, empty: Engine) -> None:
    """What it would be is shown, without what would open anything."""
    code, told = run("token", "issue", "ada", "--role", "viewer", "--dry-run")
    assert (code, told["secret"], told["tokens"][0]["name"]) == (0, "-", "ada")
    assert run("token")[1]["tokens"] == []
    assert list(Deeds(empty).newest(limit=9)) == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["token", "issue", "ada"], 2, "whose token, with which role?"),
        (["token", "issue", "--role", "viewer"], 2, "whose token, with which role?"),
        (["token", "issue", "Ada", "--role", "viewer"], 1, "is no name of a person"),
        (["token", "issue", "ada", "--role", "owner"], 2, "owner"),
        (["token", "issue", "ada", "--role", "viewer", "--lasts", "400 d"], 2, "at most 366 d"),
        (["token", "issue", "ada", "--role", "viewer", "--lasts", "soon"], 2, "--lasts 'soon' is no duration"),
        (["token", "issue", "ada", "--role", "viewer", "--tenant", "acme"], 2, "acme"),
        (["token", "revoke", "x", "--why", "y"], 2, "is no token's id"),
        (["token", "revoke", "01a20624-2a5f-79b9-8eac-0a7d3b1aab00"], 2, "--why is empty"),
        (["token", "list", "ada"], 2, "list takes no name"),
        (["token", "list", "--role", "viewer"], 2, "list takes no --role"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_what_makes_no_token_says_why(run: Run, words: list[str], code: int, message: str) -> None:
    """In a line, with the exit code of wrong usage or of a refusal; and none is made."""
    got, told = run(*words)
    assert (got, message in told) == (code, True), told
    assert run("token")[1]["tokens"] == []


@pytest.mark.parametrize("words", DECISIONS, ids=" ".join)
def test_every_command_that_decides_is_recorded(
    decided: Engine,  # noqa: F811 - the fixture, not the import
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    """Who, what and why, once; with the operating system's user as the person."""
    if WINDOW in words:
        words = ["maintenance", "plan", "--why", "disks"]
    assert cli.main(words) == 0
    (line,) = Deeds(decided).newest(limit=9)
    assert (line.name, line.role, line.door, line.outcome) == (operator(), Role.ADMIN, Door.CLI, Outcome.DONE)
    assert line.details["why"] == words[words.index("--why") + 1]


def test_a_heal_is_recorded_with_its_end(
    decided: Engine,  # noqa: F811 - the same
    capsys: pytest.CaptureFixture[str],
) -> None:
    """While healing is paused: refused by admission, and written down as what the person asked for."""
    assert cli.main(["heal", "web", "--why", "slow since noon"]) == 1
    (line,) = Deeds(decided).newest(limit=9)
    assert (line.deed, line.subject, line.outcome, line.details["why"]) == (
        Deed.HEAL,
        "web",
        Outcome.DONE,
        "slow since noon",
    )
    assert line.details["state"] == "Paused"
