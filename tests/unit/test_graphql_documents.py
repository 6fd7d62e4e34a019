"""Equal queries are parsed and validated once; what is refused is refused each time; not more is kept than may be."""

import asyncio
from collections.abc import Iterator

import pytest
import strawberry
from graphql import GraphQLError

from console.graphql import documents
from console.graphql.limits import TOKENS


@strawberry.type
class Query:
    """Of the test."""

    word: str = "yes"


schema = strawberry.Schema(Query, extensions=[documents.Documents])


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    documents.known.cache_clear()
    yield
    documents.known.cache_clear()


def asked(query: str) -> tuple[object, list[str]]:
    """The data, and the errors."""
    result = asyncio.run(schema.execute(query, root_value=Query()))
    return result.data, [one.message for one in result.errors or ()]


def test_a_query_is_parsed_and_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time neither is done, and the answer is the same."""
    first = asked("{ word }")
    assert first == ({"word": "yes"}, [])
    assert documents.known("{ word }").valid
    monkeypatch.setattr(documents, "parsed", _never)
    monkeypatch.setattr("strawberry.schema.schema.validate_document", _never)
    assert asked("{ word }") == first


def test_what_is_not_of_the_schema_is_told_each_time() -> None:
    """A query that is not valid does not become so by being asked again."""
    first = asked("{ nothing }")
    assert first[1]
    assert not documents.known("{ nothing }").valid
    assert asked("{ nothing }") == first


@pytest.mark.parametrize("query", ["{", "{" + " word" * TOKENS + "}", '{ word(x: "a\\u0000b") }'])
def test_what_is_refused_is_not_kept(query: str) -> None:
    """No query, one that is too long, one with text that no database takes."""
    for _ in range(2):
        with pytest.raises(GraphQLError):
            documents.known(query)
    assert documents.known.cache_info().currsize == 0


def test_only_so_many_are_kept() -> None:
    """Whoever asks ever new queries does not fill the memory."""
    for number in range(2 * documents.KEPT):
        documents.known(f"{{ a{number}: word }}")
    assert documents.known.cache_info().currsize == documents.KEPT


def _never(*_: object) -> None:
    raise AssertionError("it was done again")
