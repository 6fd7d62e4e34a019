"""Programs ask the same query again and again: its text is parsed and validated once, while it is among the last ones.

What is refused is not kept: it is refused anew each time, and none who asks nonsense pushes out what others ask.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import DocumentNode
from strawberry.extensions import SchemaExtension

from console.graphql.limits import parsed

KEPT = 64
"""Documents. One of the most tokens that are let in takes about half a megabyte."""


@dataclass
class Document:
    """What a text comes to.

    Attributes:
        node: its tree, which nothing changes.
        valid: whether it was found to be of our schema.
    """

    node: DocumentNode
    valid: bool = False


@functools.lru_cache(maxsize=KEPT)
def known(query: str) -> Document:
    """The document of this text; raises what `parsed` raises."""
    return Document(parsed(query))


class Documents(SchemaExtension):
    """Gives strawberry the document that is kept, and keeps that it was valid."""

    def on_parse(self) -> Iterator[None]:
        """Before strawberry would parse."""
        self.execution_context.graphql_document = self._document().node
        yield

    def on_validate(self) -> Iterator[None]:
        """Strawberry validates between the two halves, unless it is told that there are no errors."""
        document = self._document()
        if document.valid:
            self.execution_context.pre_execution_errors = []
        yield
        document.valid = not self.execution_context.pre_execution_errors

    def _document(self) -> Document:
        return known(self.execution_context.query or "")
