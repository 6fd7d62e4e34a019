"""People answer on the command line: known by a token, told what happened and what to do next."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from approval_desk import Counter
from embedded_fixtures import Embedded
from person_fixtures import Issue

from console import cli
from deployments.embedded import roles
from selfheal.model.approval import ApprovalDetail
from selfheal.model.identity import Role
from selfheal.policy.asking import unproven
from selfheal.store.deeds import Deeds


@pytest.fixture
def at_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, embedded_postgres: Embedded, database_url: str
) -> Iterator[pytest.MonkeyPatch]:
    """A command line that finds the test's database, no settings file and no token."""
    monkeypatch.setenv("SELFHEAL_DATABASE_URL", database_url)
    monkeypatch.setenv("SELFHEAL_API_DATABASE_URL", embedded_postgres.url(roles.API))
    monkeypatch.setenv("SELFHEAL_DATA", str(tmp_path))
    for name in ("SELFHEAL_CONFIG", "SELFHEAL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(at_the_terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`selfheal approvals WORDS`, perhaps with a token: the exit code, the JSON of the answer, and stderr."""

    def approvals(*words: str, token: str = "") -> tuple[int, dict[str, Any], str]:
        if token:
            at_the_terminal.setenv("SELFHEAL_TOKEN", token)
        code = cli.main(["approvals", *words, "-o", "json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else {}, said.err

    return approvals


def carried_out(counter: Counter) -> None:
    """What a watcher does: it takes what was approved to its end."""
    while not (due := counter.due()):
        pass
    counter.end(counter.admit(due[0]))


def test_one_can_read_all_of_a_question(run: Run, counter: Counter) -> None:
    """The list names it; show adds fingerprint, parameters, evidence and the plan, to anybody who may read."""
    asked = counter.ask(who="ada")
    _, listed, _ = run()
    (row,) = listed["approvals"]
    assert (row["approval"], row["state"], row["asked_by"]) == (str(asked.id), "OPEN", "ada")
    code, shown, _ = run("show", str(asked.id))
    assert (code, shown["fingerprint"], shown["asked_by"], shown["touches"]) == (0, asked.fingerprint, "ada", "it")
    assert [one["what"] for one in shown["preview"]] == ["restart it"]
    assert [one["name"] for one in shown["evidence"]] == ["log"]


def test_a_name_that_nothing_proves_is_shown_as_that(run: Run, counter: Counter) -> None:
    """Whoever answers reads that the asker's name is only somebody's word; of a proven one nothing is said."""
    asked, proven = counter.ask(who=unproven("marcus")), counter.ask("frontend", who="ada")
    _, shown, _ = run("show", str(asked.id))
    assert (shown["asked_by"], shown["proof"].partition(":")[0]) == ("marcus (through Prefect)", "none")
    assert "proof" not in run("show", str(proven.id))[1]


def test_an_approver_sees_how_it_ended(run: Run, counter: Counter, issued: Issue) -> None:
    """The command waits for the heal, says that it is healed, and the deed is written down by that person."""
    asked = counter.ask()
    secret, grace = issued("grace", Role.APPROVER)
    watcher = threading.Thread(target=carried_out, args=(counter,))
    watcher.start()
    code, told, err = run("approve", str(asked.id), "--why", "seen", token=secret)
    watcher.join()
    assert (code, told["state"], told["decided_by"], told["outcome"], told["message"]) == (
        0, "USED", "grace", "SUCCESS", "healed",
    )  # fmt: skip
    assert "its heal begins within seconds" in err
    (deed,) = Deeds(counter.engine).newest(limit=9)
    assert (deed.name, deed.deed, deed.subject, deed.outcome, deed.door, deed.token) == (
        "grace", "APPROVE", str(asked.id), "DONE", "cli", grace.token,
    )  # fmt: skip


def test_a_heal_that_does_not_begin_in_time_is_told_of(run: Run, counter: Counter, issued: Issue) -> None:
    """The answer stands, the command says until when it is tried, and why it has not begun."""
    asked = counter.ask()
    secret, _ = issued("grace", Role.APPROVER)
    code, told, _ = run("approve", str(asked.id), "--why", "seen", "--timeout", "0.1", token=secret)
    assert (code, told["state"]) == (1, "APPROVED")
    assert "no watcher has taken it yet" in told["next"]
    assert counter.state(asked) == "APPROVED"


def test_without_waiting_the_answer_is_all(run: Run, counter: Counter, issued: Issue) -> None:
    """--no-wait ends well as soon as the answer is written."""
    asked = counter.ask()
    code, told, _ = run(
        "approve", str(asked.id), "--why", "seen", "--no-wait", "--fingerprint", asked.fingerprint,
        token=issued("grace", Role.APPROVER)[0],
    )  # fmt: skip
    assert (code, told["state"]) == (0, "APPROVED")


def test_denying_says_whose_it_is_now(run: Run, counter: Counter, issued: Issue) -> None:
    """And ends well: a person has decided."""
    asked = counter.ask()
    code, told, _ = run("deny", str(asked.id), "--why", "disk first", token=issued("grace", Role.APPROVER)[0])
    assert (code, told["state"], told["decision_why"]) == (0, "DENIED", "disk first")
    assert "stays a person's" in told["next"]


def test_a_dry_run_answers_nothing(run: Run, counter: Counter, issued: Issue) -> None:
    """It asks all that the real one asks, and neither the answer nor its deed is there afterwards."""
    asked = counter.ask()
    secret, _ = issued("grace", Role.APPROVER)
    code, told, _ = run("approve", str(asked.id), "--why", "seen", "--dry-run", token=secret)
    assert (code, told["state"], counter.state(asked)) == (0, "APPROVED", "OPEN")
    assert Deeds(counter.engine).newest(limit=9) == []
    assert counter.one("SELECT count(*) FROM raised_triggers") == 0


@pytest.mark.parametrize(
    ("words", "name", "role", "said"),
    [
        (["approve", "{id}", "--why", "x"], "ada", Role.APPROVER, "SELF_APPROVAL: ada asked for this"),
        (
            ["approve", "{id}", "--why", "x"],
            "grace",
            Role.OPERATOR,
            "APPROVE needs the role approver; yours is operator",
        ),
        (["deny", "{id}", "--why", "x"], "grace", Role.VIEWER, "DENY needs the role approver; yours is viewer"),
        (["approve", "{id}", "--why", "x", "--fingerprint", "f" * 64], "grace", Role.APPROVER, "CHANGED: "),
        (["approve", "{other}", "--why", "x"], "grace", Role.APPROVER, "UNKNOWN: there is no approval"),
    ],
)
def test_what_is_refused_is_said_and_written_down(  # noqa: PLR0917 - the table's columns
    run: Run, counter: Counter, issued: Issue, words: list[str], name: str, role: Role, said: str
) -> None:
    """By name, with exit code 1, and the question stays open."""
    asked = counter.ask(who="ada")
    secret, _ = issued(name, role)
    filled = [word.format(id=asked.id, other=asked.fault_id) for word in words]
    code, told, err = run(*filled, token=secret)
    assert (code, told) == (1, {})
    assert said in err
    (deed,) = Deeds(counter.engine).newest(limit=9)
    assert (deed.name, deed.outcome) == (name, "REFUSED")
    assert counter.state(asked) == "OPEN"


def test_nobody_answers_without_a_token(run: Run, counter: Counter) -> None:
    """The refusal tells how to get one; an unknown one is refused too."""
    asked = counter.ask()
    code, _, err = run("approve", str(asked.id), "--why", "x")
    assert (code, "selfheal token issue" in err, "SELFHEAL_TOKEN" in err) == (1, True, True)
    code, _, err = run("approve", str(asked.id), "--why", "x", token="sh_" + "x" * 40)
    assert (code, "unknown, expired or revoked" in err) == (1, True)
    assert counter.state(asked) == "OPEN"


def test_a_token_file_is_ones_own(run: Run, counter: Counter, issued: Issue, tmp_path: Path) -> None:
    """One that others may read is refused, with what to do; a private one is as good as the variable."""
    asked: ApprovalDetail = counter.ask()
    file = tmp_path / "token"
    file.write_text(issued("grace", Role.APPROVER)[0] + "\n")
    os.chmod(file, 0o644)  # noqa: PTH101 - as a person does it
    words = ("deny", str(asked.id), "--why", "x", "--token-file", str(file))
    code, _, err = run(*words)
    assert (code, f"chmod 600 {file}" in err) == (1, True)
    file.chmod(0o600)
    assert run(*words)[0] == 0
    assert counter.state(asked) == "DENIED"
