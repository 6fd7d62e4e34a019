"""What the web server decides without asking anybody: names, origins, rates, headers, and how much a query asks for."""

import tomllib

import pytest
from graphql import GraphQLError, GraphQLList, GraphQLNonNull, GraphQLObjectType, OperationType
from hypothesis import given
from hypothesis import strategies as st

from console.graphql import limits
from console.graphql.limits import (
    ALIASES,
    DEPTH,
    GUESSED,
    LIST_ARGUMENTS,
    OBJECTS,
    TOKENS,
    parsed,
    refuse,
    refuse_values,
)
from console.graphql.schema import schema
from console.web.buckets import MOST, Buckets
from console.web.headers import with_ours
from console.web.hosts import Hosts, refuse_open_door
from console.web.refusal import refusal_of
from console.web.request_id import request_id
from selfheal.model.errors import NotAllowed, Permanent, Transient
from selfheal.settings.advice import advice
from selfheal.settings.changes import differences
from selfheal.settings.file import gathered, interpret, parse
from selfheal.settings.written import as_file, without_secrets

LOCAL = Hosts(host="127.0.0.1", public_url="")
PUBLIC = Hosts(host="10.0.0.7", public_url="https://selfheal.example/")
WILD = Hosts(host="0.0.0.0", public_url="https://selfheal.example")  # noqa: S104 - a setting that is judged


@pytest.mark.parametrize(
    ("hosts", "header", "ours"),
    [
        (LOCAL, "127.0.0.1:4280", True),
        (LOCAL, "localhost", True),
        (LOCAL, "[::1]:4280", True),
        (LOCAL, "LOCALHOST:4280", True),
        (LOCAL, "10.0.0.7", False),
        (LOCAL, "selfheal.example", False),
        (LOCAL, "localhost.evil.example", False),
        (LOCAL, "evil@localhost", False),
        (LOCAL, "localhost/evil", False),
        (LOCAL, "localhost:0", False),
        (LOCAL, "localhost:x", False),
        (LOCAL, "[::1", False),
        (LOCAL, "", False),
        (PUBLIC, "selfheal.example", True),
        (PUBLIC, "10.0.0.7:4280", True),
        (PUBLIC, "10.0.0.8:4280", False),
        (WILD, "10.0.0.8:4280", True),
        (WILD, "[fd00::1]:4280", True),
        (WILD, "evil.example", False),
    ],
)
def test_hosts(hosts: Hosts, header: str, ours: bool) -> None:  # noqa: FBT001 - the expectation
    """We answer to the names that we have, and under a wildcard to every address, which can be nobody's page."""
    assert hosts.ours(header) is ours


@pytest.mark.parametrize(
    ("origin", "site", "ours"),
    [
        (None, None, True),
        (None, "none", True),
        ("http://localhost:4280", "same-origin", True),
        ("https://selfheal.example", None, True),
        ("http://selfheal.example", None, False),
        ("https://selfheal.example:444", None, False),
        ("http://localhost:4281", None, False),
        ("null", None, False),
        ("http://localhost:4280", "cross-site", False),
        (None, "same-site", False),
    ],
)
def test_origins(origin: str | None, site: str | None, ours: bool) -> None:  # noqa: FBT001 - the expectation
    """What changes something comes from the page's own origin, or from no page at all."""
    assert PUBLIC.same_origin(host="localhost:4280", origin=origin, site=site) is ours


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "selfheal.example"])  # noqa: S104 - settings that are judged
def test_the_door_stands_open_on_loopback_only(host: str) -> None:
    """Without login nothing but loopback is listened on; there it is."""
    with pytest.raises(Permanent, match="loopback"):
        refuse_open_door(host)
    for loopback in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        refuse_open_door(loopback)


def test_a_bucket_gives_what_flows_in() -> None:
    """So many at once, then one as often as they flow in; each key for itself; looking takes nothing."""
    now = [0.0]
    buckets = Buckets(lambda: 60, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.empty("a") == pytest.approx(1.0)
    assert buckets.take("b") == buckets.empty("b") == 0.0
    now[0] = 2.5
    assert [buckets.take("a") for _ in range(3)][:2] == [0.0, 0.0]
    assert buckets.empty("a") > 0


def test_buckets_are_bounded() -> None:
    """Whoever comes with ever new addresses makes the oldest be forgotten, and no memory grow."""
    buckets = Buckets(lambda: 1, clock=lambda: 0.0)
    for number in range(MOST + 5):
        buckets.take(str(number))
    assert buckets.empty("0") == 0.0
    assert buckets.empty(str(MOST)) > 0


def test_headers_of_ours_replace_those_of_a_route() -> None:
    """No route can weaken the policy; only how long it is kept is its own to say; HSTS where it is https."""
    theirs = [(b"Content-Security-Policy", b"default-src *"), (b"content-type", b"text/css")]
    found = dict(with_ours(theirs, https=False, request_id="abcdefgh"))
    assert found[b"content-security-policy"].startswith(b"default-src 'none'")
    assert (found[b"cache-control"], found[b"x-request-id"]) == (b"no-store", b"abcdefgh")
    assert b"strict-transport-security" not in found
    kept = dict(with_ours([(b"cache-control", b"max-age=9")], https=True, request_id="abcdefgh"))
    assert kept[b"cache-control"] == b"max-age=9"
    assert b"strict-transport-security" in kept


def test_what_the_database_says_is_not_told() -> None:
    """A refusal is told in its own words; what is away or broken only as that."""
    assert refusal_of(Transient("10.1.2.3 refused")).message.startswith("the database, or another server")
    assert refusal_of(NotAllowed("it is not yours", hint="ask")).message == "it is not yours"
    assert (refusal_of(Permanent("relation x")).code, refusal_of(Permanent("x")).status) == ("BROKEN", 500)


@given(st.text() | st.none())
def test_a_request_id_is_always_a_plain_word(wanted: str | None) -> None:
    """Whatever is sent, what we use is 8 to 64 letters, digits, `_` and `-`."""
    kept = request_id(wanted)
    assert kept.isascii()
    assert 8 <= len(kept) <= 64
    assert all(one.isalnum() or one in "-_" for one in kept)


def refused(query: str, variables: dict[str, object] | None = None, *, introspection: bool = False) -> str:
    """The code of the limit that it breaks; empty: none."""
    try:
        refuse(parsed(query), variables or {}, introspection=introspection)
    except GraphQLError as error:
        return str((error.extensions or {}).get("code", "WRONG_QUERY"))
    return ""


def nested(levels: int) -> str:
    return "{" + "a{" * levels + "b" + "}" * levels + "}"


def test_depth_holds() -> None:
    """As deep as the limit and no deeper, through fragments and inline fragments too; absurd depth breaks nothing."""
    assert refused(nested(DEPTH)) == ""
    assert refused(nested(DEPTH + 1)) == "TOO_DEEP"
    assert refused("{a{...F}} fragment F on T " + nested(DEPTH)) == "TOO_DEEP"
    assert refused("{a{... on T{" + nested(DEPTH)[1:-1] + "}}}") == "TOO_DEEP"
    assert refused(nested(320)) == "TOO_DEEP"


def test_tokens_and_aliases_hold() -> None:
    """Their number is bounded, those in fragments counted for each time that they are spread."""
    assert refused("{" + " a" * (TOKENS - 5) + "}") == ""
    assert refused("{" + " a" * TOKENS + "}") == "TOO_MANY_TOKENS"
    assert refused("{" + "".join(f" x{n}: a" for n in range(ALIASES)) + "}") == ""
    assert refused("{" + "".join(f" x{n}: a" for n in range(ALIASES + 1)) + "}") == "TOO_MANY_ALIASES"
    assert refused("{" + "...F " * 9 + "} fragment F on T {x: a y: b}") == "TOO_MANY_ALIASES"


def test_fragments_that_double_are_measured_at_once() -> None:
    """Seventy fragments that each spread the next one twice are refused without being walked 2 ** 70 times."""
    chain = " ".join(f"fragment F{n} on T {{...F{n + 1} ...F{n + 1}}}" for n in range(70))
    assert refused("{...F0} " + chain + " fragment F70 on T {x: a}") == "TOO_MANY_ALIASES"
    assert refused("{...F0} " + chain + " fragment F70 on T {faults(first: 200){a}}") == "TOO_MUCH"
    assert refused("{...A} fragment A on T {...B} fragment B on T {...A a}") == ""  # a circle: validation's to refuse


def test_one_operation_is_one_request() -> None:
    """Several operations, none, or a subscription are refused."""
    for wrong in ("{a} {b}", "query A{a} mutation B{b}", "fragment F on T {a}", "subscription {a}"):
        assert refused(wrong) == "ONE_OPERATION"


def test_the_size_of_the_answer_is_bounded() -> None:
    """Lists within lists multiply; a length counts as argument, as variable, and as a variable's default."""
    deep = "nodes{attempts{fault{attempts{fault{attempts{id}}}}}}"
    assert refused(f"{{faults(first: 10){{{deep}}}}}") == ""
    assert refused(f"{{faults(first: 200){{{deep}}}}}") == "TOO_MUCH"
    assert refused(f"query($n: Int){{faults(first: $n){{{deep}}}}}", {"n": 200}) == "TOO_MUCH"
    assert refused(f"query($n: Int = 200){{faults(first: $n){{{deep}}}}}") == "TOO_MUCH"
    assert refused(f"query($n: Int = 200){{faults(first: $n){{{deep}}}}}", {"n": 2}) == ""
    assert refused(f"{{faults(first: {'9' * 400}){{{deep}}}}}") == "TOO_MUCH"
    assert OBJECTS < 10**5


def test_introspection_is_off_unless_it_is_on() -> None:
    """`__schema` and `__type` are refused, in fragments too; `__typename` is a field like others."""
    for asked in (
        "{__schema{types{name}}}",
        '{__type(name: "A"){name}}',
        "{...F} fragment F on Query {__schema{types{name}}}",
    ):
        assert refused(asked) == "INTROSPECTION_OFF"
        assert refused(asked, introspection=True) == ""
    assert refused("{__typename a{__typename}}") == ""


@pytest.mark.parametrize("value", ["a\0b", ["\ud800"], {"a": {"b": ["\udfff x"]}}, {"k\0": 1}])
def test_text_that_no_database_takes_is_refused(value: object) -> None:
    """A NUL or half of a surrogate pair is refused wherever it hides; the same written in the query."""
    with pytest.raises(GraphQLError):
        refuse_values(value)
    assert refused('{a(b: "x\\u0000y")}') == "WRONG_INPUT"
    refuse_values({"a": ["\U0001f600", 1, None, True, 1.5]})


def test_every_list_of_the_schema_has_a_length() -> None:
    """A list that nobody bounds counts as its guessed length: a new one in the schema must be in the table."""
    known = {"edges", "nodes"} | GUESSED.keys()
    for kind in schema._schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if not isinstance(inner, GraphQLList):
                continue
            row = inner.of_type.of_type if isinstance(inner.of_type, GraphQLNonNull) else inner.of_type
            assert not isinstance(row, GraphQLObjectType) or name in known or set(field.args) & set(LIST_ARGUMENTS), (
                name
            )


def test_a_mutation_is_known_as_one() -> None:
    """It may take longer than a query."""
    assert refuse(parsed("mutation {a}"), {}, introspection=False) is OperationType.MUTATION
    assert limits.LONGEST_LIST == 200


def test_settings_are_written_without_their_secrets() -> None:
    """What the web server gets is the same settings, read back, but for every secret, from file and environment."""
    text = """
    estate = "test"
    [healing]
    allow = ["a.b"]
    [supervisors.main]
    url = "http://127.0.0.1:9001"
    username = "ops"
    password = "file-secret"
    [components."a.b"]
    probe = "process"
    supervisor = "main"
    program = "x"
    critical = true
    ladder = ["restart-service"]
    """
    environment = {"SELFHEAL_POSTGRES__HEALER_PASSWORD": "env-secret", "SELFHEAL_POSTGRES__URL": "postgresql://db/x"}
    environment |= {"SELFHEAL_WEB__SESSION": "2 h"}
    whole = interpret(text, path=None, environment=environment)
    values = gathered(text, path=None, environment=environment)
    written = as_file(without_secrets(values, whole))
    assert "secret" not in written
    again = interpret(written, path=None, environment={})
    assert again.components == whole.components
    assert (again.web.session, again.postgres.url) == (whole.web.session, "postgresql://db/x")


@pytest.mark.parametrize(
    ("web", "warned"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),  # noqa: S104 - a setting that is judged
        ({"host": "10.0.0.7", "public_url": "http://selfheal.example"}, True),
        ({"host": "10.0.0.7", "public_url": "https://selfheal.example"}, False),
        ({"host": "10.0.0.7", "enabled": False}, False),
    ],
)
def test_tokens_in_the_clear_are_warned_of(web: dict[str, object], warned: bool) -> None:  # noqa: FBT001
    """`config check` warns where people would send their tokens over the network for everybody to read."""
    found = [one.setting for one in advice(parse({"web": web}, source="the test"))]
    assert ("web.public_url" in found) is warned


def test_what_waits_for_a_restart() -> None:
    """Where it listens counts after a restart of the stack; all else of the web server at once."""
    new = {"port": 5000, "host": "localhost", "public_url": "https://x", "enabled": False, "session": "1 h"}
    new |= {"introspection": True, "query_page": True, "requests_a_minute": 99, "logins_a_minute": 9}
    found = differences(parse({}, source="the test"), parse({"web": new}, source="the test"))
    waiting = {one.setting for one in found if one.needs_restart}
    assert waiting == {"web.port", "web.host", "web.public_url", "web.enabled"}


TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(st.booleans() | st.integers() | TEXT, lambda one: st.lists(one) | st.dictionaries(TEXT, one))


@given(VALUES)
def test_written_values_are_read_back(value: object) -> None:
    """Whatever text, numbers, lists and tables there are, TOML's reader gives the same."""
    assert tomllib.loads(as_file({"a": value})) == {"a": value}
