"""How much one request may ask for, told from its text before anything is done.

Each fragment is measured once, however often it is spread: strawberry's own limiters walk it anew for each spread,
which a query of a thousand tokens can make take longer than the universe has left; and their errors have no codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    Visitor,
    parse,
    visit,
)

from console.graphql.problem import Code, problem

TOKENS, DEPTH, ALIASES, OBJECTS, LONGEST_LIST = 1000, 10, 15, 10_000, 200
LARGEST_INT = 2**31 - 1
"""GraphQL's own: what is larger would fail the whole answer."""
LIST_ARGUMENTS = ("limit", "first")
DEFAULT_LENGTH = 50
GUESSED = {
    **dict.fromkeys(
        ("healingActions", "workflowRecoveries", "faults", "approvals", "workflows", "rollups"), DEFAULT_LENGTH
    ),
    **dict.fromkeys(("workflowPages", "workflowDisagreements", "predictions", "heals"), DEFAULT_LENGTH),
    **dict.fromkeys(("logs", "logErrors", "logSuspicions", "logGaps"), DEFAULT_LENGTH),
    **dict.fromkeys(("predictionRecord",), 6),
    "series": 480,
    **dict.fromkeys(("hosts", "values", "patterns"), 10),
    **dict.fromkeys(("stages", "disagreements"), 10),
    **dict.fromkeys(("healingSuccessRates", "breakers", "mechanisms", "refusals", "questions"), 20),
    **dict.fromkeys(("health", "metrics", "timeline"), 50),
    "attempts": 5,
}
"""Objects in lists whose length nobody has given."""
_DIGITS = 10  # of a number that is no length any more


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a selection comes to.

    Attributes:
        depth: levels of fields that have fields.
        aliases: how many.
        objects: that it may make, estimated.
    """

    depth: int = 0
    aliases: int = 0
    objects: int = 0


def parsed(query: str) -> DocumentNode:
    """The query's document.

    Raises:
        GraphQLError: it is none, or too long, or holds text that no database takes.
    """
    try:
        document = parse(query, max_tokens=TOKENS)
    except GraphQLSyntaxError as error:
        if "tokens. Parsing aborted" in error.message:
            raise problem(Code.TOO_MANY_TOKENS, f"the query has more than {TOKENS} tokens") from None
        if "nested too deeply" in error.message:
            raise _too_deep() from None
        raise
    except RecursionError:
        raise _too_deep() from None
    _refuse_text(document)
    return document


def refuse(document: DocumentNode, variables: Mapping[str, Any], *, introspection: bool) -> OperationType:
    """Let pass what is within the limits, and tell which kind of operation it is.

    Raises:
        GraphQLError: with the code of the limit that it breaks.
    """
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is OperationType.SUBSCRIPTION:
        raise problem(Code.ONE_OPERATION, "a request is one query or one mutation")
    try:
        walk = _Walk(document, {**_defaults(operations[0]), **variables}, introspection=introspection)
        found = walk.measure(operations[0].selection_set)
    except RecursionError:
        raise _too_deep() from None
    if found.depth > DEPTH:
        raise _too_deep()
    if found.aliases > ALIASES:
        raise problem(Code.TOO_MANY_ALIASES, f"the query has more than {ALIASES} aliases")
    if found.objects > OBJECTS:
        raise problem(Code.TOO_MUCH, f"the answer might have {found.objects} objects; {OBJECTS} are the most")
    return operations[0].operation


def refuse_values(value: Any) -> None:
    """No variable may hold text that no database takes.

    Raises:
        GraphQLError: one does.
    """
    if isinstance(value, str) and not storable(value):
        raise problem(Code.WRONG_INPUT, "a variable holds a NUL or half a character")
    if isinstance(value, Mapping):
        for name, one in value.items():
            refuse_values(name)
            refuse_values(one)
    elif isinstance(value, list):
        for one in value:
            refuse_values(one)


def storable(text: str) -> bool:
    """Whether it can be stored: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _too_deep() -> GraphQLError:
    return problem(Code.TOO_DEEP, f"the query is nested deeper than {DEPTH} levels")


def _refuse_text(document: DocumentNode) -> None:
    """The same of the text within the query."""
    found: list[str] = []

    class _Texts(Visitor):
        def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
            if not storable(node.value):
                found.append(node.value)

    visit(document, _Texts())
    if found:
        raise problem(Code.WRONG_INPUT, "a text in the query holds a NUL or half a character")


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The whole numbers that variables have unless they are given."""
    return {
        one.variable.name.value: int(one.default_value.value)
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, IntValueNode)
    }


class _Walk:
    """Over one document."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any], *, introspection: bool) -> None:
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._variables = variables
        self._introspection = introspection
        self._known: dict[str, Measure] = {}

    def measure(self, selections: SelectionSetNode) -> Measure:
        """What a set of fields comes to."""
        found = [self._one(one) for one in selections.selections]
        return Measure(
            depth=max((one.depth for one in found), default=0),
            aliases=sum(one.aliases for one in found),
            objects=sum(one.objects for one in found),
        )

    def _one(self, node: SelectionNode) -> Measure:
        if isinstance(node, FieldNode):
            return self._field(node)
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value)
        return self.measure(node.selection_set) if isinstance(node, InlineFragmentNode) else Measure()

    def _fragment(self, name: str) -> Measure:
        """Once; one that spreads itself, or does not exist, is refused by validation afterwards."""
        if name not in self._known and name in self._fragments:
            self._known[name] = Measure()
            self._known[name] = self.measure(self._fragments[name].selection_set)
        return self._known.get(name, Measure())

    def _field(self, node: FieldNode) -> Measure:
        alias = int(node.alias is not None)
        if node.name.value in {"__schema", "__type"}:
            if not self._introspection:
                raise problem(Code.INTROSPECTION_OFF, "introspection is off; web.introspection turns it on")
            return Measure(aliases=alias)
        if node.selection_set is None:
            return Measure(aliases=alias)
        inner = self.measure(node.selection_set)
        return Measure(
            depth=inner.depth + 1,
            aliases=inner.aliases + alias,
            objects=self._length(node) * (1 + inner.objects),
        )

    def _length(self, node: FieldNode) -> int:
        """How many objects the field has at most. A connection stands for its rows, which are not counted again."""
        for argument in node.arguments or ():
            if argument.name.value in LIST_ARGUMENTS:
                return self._number(argument.value)
        return GUESSED.get(node.name.value, 1)

    def _number(self, value: ValueNode) -> int:
        """A length as it is given; of what is none, the longest: it is refused when it is read."""
        given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        if isinstance(value, IntValueNode):
            given = int(value.value) if len(value.value) < _DIGITS else LONGEST_LIST
        return min(max(given, 1), LONGEST_LIST) if isinstance(given, int) else LONGEST_LIST
