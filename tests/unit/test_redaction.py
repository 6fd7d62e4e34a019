"""What looks like a secret is taken out, and ordinary text stays as it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import PLANTED, SETTINGS, TEXTS, Planted, found_in, log_text

from selfheal.policy.redaction import MASK, is_telling, redacted, without_secrets

HOSTILE = (
    *(
        "a",
        "-",
        '"',
        "\\",
        "token=",
        "://",
        "://a:",
        "a,b=",
        "eyJ",
        "-eyJ",
        "sk-",
        "<a",
        "password: ",
        "//a@",
        "a.b-c_",
    ),
    *("Authorization: ", "-----BEGIN PRIVATE KEY-----", "bearer ", "cookie:", "--password ", 'secret=\\"', "a@b:c//"),
)
KNOWN = [one.secret for one in SETTINGS]


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.kind)
@pytest.mark.parametrize("around", ["{}", "before {}", "{}\nafter", "\t[worker] {} (again)"])
def test_each_kind_is_told_by_its_form(one: Planted, around: str) -> None:
    """In the midst of a text, at its start and at its end; nothing of it is left, and the mask is there."""
    text = around.format(one.text)
    assert found_in(text) != []
    assert found_in(without_secrets(text)) == []
    assert MASK in without_secrets(text)


@pytest.mark.parametrize("one", PLANTED, ids=lambda one: one.kind)
def test_what_is_known_is_taken_out_wherever_it_stands(one: Planted) -> None:
    """Bare, in an address, in a sentence, as a part of JSON."""
    for text in (one.secret, f"it said {one.secret}.", f"https://x/?q={one.secret}"):
        assert found_in(without_secrets(text, [one.secret])) == []


def test_a_whole_log_keeps_its_ordinary_lines() -> None:
    """Twenty secrets between them are gone, and every other line is as it was."""
    kept = without_secrets(log_text(), KNOWN)
    assert found_in(kept) == []
    assert [line for line in kept.splitlines() if line.startswith("line ")] == [f"line {n}" for n in range(len(TEXTS))]
    assert kept.endswith("the last line")


@pytest.mark.parametrize(
    "text",
    [
        "a token bucket of 5 tokens refills every 10 s",
        "max_tokens=512, tokens: 17",
        "the secretary: Bob wrote it",
        "01a20624-2a5f-79b9-8eac-0a7d3b1aab00",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "/etc/passwd: no such file or directory",
        "open /run/secrets/db_password_file failed",
        "PWD=/home/ada/work",
        "unexpected token: expected one of the others",
        "basic understanding of authentication",
        "Basic authentication is required",
        "a bearer of news",
        "http://127.0.0.1:4000/health answers 503",
        "http://host:8080/users/@me",
        "mail to ada@example.org and ben@example.org",
        "see //depot/main and https://example.org/@ada/posts",
        "supervisor/demo/backend",
        "restart-service on web: still sick, exit code 137",
        "password=null token: none secret=''",
        "if token == expected then retry",
        "the option --token is required",
        "authorization: required by the policy of the estate",
        "sk-learn and skipping-a-very-long-dashed-word-here",
        "2026-11-28T19:09:33.123+00:00 ERROR key=value user=ada",
        "CREATE ROLE ada; GRANT SELECT ON tokens TO ada",
        "passing 12 of 14 passes",
        "cookie: is too old",
        "the compass: north; key: 4; monkey: 5",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """What only resembles a secret is not touched, with secrets of the settings or without."""
    assert without_secrets(text) == text
    assert without_secrets(text, KNOWN) == text
    assert redacted({"message": text}) == {"message": text}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (
            {"Env": ["PATH=/bin", "DB_PASSWORD=a b c", "AWS_SECRET_ACCESS_KEY=x/y"]},
            {"Env": ["PATH=/bin", "DB_PASSWORD=***", "AWS_SECRET_ACCESS_KEY=***"]},
        ),
        (
            {"Cmd": ["tool", "--api-key", "abc", "--verbose"]},
            {"Cmd": ["tool", "--api-key", "***", "--verbose"]},
        ),
        ({"Cmd": ["tool", "--password", "--verbose"]}, None),
        ({"apiKey": "abc", "keys": ["abc"], "n": 5}, {"apiKey": "***", "keys": ["abc"], "n": 5}),
        (
            {"credentials": {"user": "ada", "tries": 3, "none": None, "on": True}},
            {"credentials": {"user": "***", "tries": "***", "none": None, "on": True}},
        ),
        (
            {"environment": [{"name": "MYSQL_PWD", "value": "abc"}, {"name": "HOME", "value": "/"}]},
            {"environment": [{"name": "MYSQL_PWD", "value": "***"}, {"name": "HOME", "value": "/"}]},
        ),
        ({"pin_code": 1234, "password": 1234}, {"pin_code": 1234, "password": "***"}),
        (
            {"SECRET_KEY_BASE": "abc", "password2": "abc"},
            {"SECRET_KEY_BASE": "***", "password2": "***"},
        ),
        ({"a": [["x", ("y", {"token": ["t"]})]]}, {"a": [["x", ["y", {"token": ["***"]}]]]}),
        ({"fingerprint": "abc", "target_key": "k", "dedup_key": "k", "max_tokens": 5, "password_file": "/x"}, None),
        ([1, 2.5, None, True, ""], None),
    ],
    ids=str,
)
def test_json_is_told_by_its_names(value: Any, kept: Any) -> None:
    """Environments, command lines, fields: what a telling name announces goes as a whole, the rest stays."""
    assert redacted(value) == (value if kept is None else kept)


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "PGPASSWORD",
        "apiKey",
        "X-Auth-Token",
        "client_secret",
        "MYSQL_PWD",
        "routing_key",
        "token",
        "passphrase",
        "auth_string",
    ],
)
def test_names_that_tell(name: str) -> None:
    """In every way of writing them."""
    assert is_telling(name)
    assert is_telling(name.upper())
    assert f"{name}=abc" not in without_secrets(f"{name}=abcd1234")


@pytest.mark.parametrize(
    "name",
    ["PWD", "OLDPWD", "max_tokens", "secretary", "TOKEN_BUCKET_SIZE", "monkey", "target_key", "PATH", "x" * 1000],
)
def test_names_that_tell_nothing(name: str) -> None:
    """Such values are kept."""
    assert not is_telling(name)


@given(st.text())
def test_twice_is_as_once(text: str) -> None:
    """What was taken out stays out, and nothing more goes."""
    once = without_secrets(text, KNOWN)
    assert without_secrets(once, KNOWN) == once


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.kind)
def test_twice_is_as_once_of_secrets(one: Planted) -> None:
    """The same where there was something to take out."""
    once = without_secrets(one.text)
    assert without_secrets(once) == once


def test_a_short_known_secret_goes_where_it_stands_alone() -> None:
    """`demo` as a password does not take the first half of every demonstration."""
    assert without_secrets("the demo of demonstrations: demo", ["demo"]) == "the *** of demonstrations: ***"


def test_the_end_of_a_key_is_one_too() -> None:
    """A log's tail may begin in the midst of a private key."""
    tail = "wggSjplantedPEM01\nMIIEplantedPEM02\n-----END RSA PRIVATE KEY-----\nready"
    assert without_secrets(tail) == f"{MASK}\nready"


@pytest.mark.parametrize(
    "text",
    [
        *(one * (200_000 // len(one)) for one in HOSTILE),
        "QUJD\n" * 40_000 + "-----END PRIVATE KEY-----",
        'password=\\"' + "\\" * 200_000,
    ],
    ids=lambda one: one[:16],
)
@pytest.mark.timeout(60)
def test_a_hostile_text_comes_to_its_end(text: str) -> None:
    """200 kB of what the patterns begin with: one that went over it again and again would take minutes."""
    assert without_secrets(text, KNOWN) != ""


def test_what_is_redacted_is_still_json() -> None:
    """The text of a JSON document stays one."""
    document = json.dumps({"user": "ada", "password": 'a "quoted" b', "n": 3})
    assert json.loads(without_secrets(document)) == {"user": "ada", "password": MASK, "n": 3}
