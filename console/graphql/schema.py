"""The schema, and one request carried out against it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import GraphQLError, OperationType
from strawberry.types import ExecutionContext

from console.graphql import documents, limits
from console.graphql.context import Context
from console.graphql.mutation import Mutation
from console.graphql.problem import Code, problem, told
from console.graphql.query import Query

QUERY_WITHIN_S, MUTATION_WITHIN_S = 5.0, 12.0


class _Schema(strawberry.Schema):
    """Without strawberry's own log, which keeps every wrong query with a traceback; `told` logs what is ours."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: they are told to whoever asked."""


schema = _Schema(query=Query, mutation=Mutation, extensions=[documents.Documents])


async def answered(
    query: str, variables: Mapping[str, Any], *, context: Context, introspection: bool
) -> tuple[bool, dict[str, Any]]:
    """Whether the request was carried out, and the answer as the asker reads it.

    Args:
        query: its text.
        variables: their values.
        context: of the request.
        introspection: whether the schema is told.
    """
    request_id = context.desk.request_id
    try:
        limits.refuse_values(query)
        limits.refuse_values(variables)
        kind = limits.refuse(documents.known(query).node, variables, introspection=introspection)
        within = MUTATION_WITHIN_S if kind is OperationType.MUTATION else QUERY_WITHIN_S
        async with asyncio.timeout(within):
            result = await schema.execute(query, dict(variables), context)
    except GraphQLError as error:
        return False, {"data": None, "errors": [told(error, request_id=request_id)]}
    except TimeoutError:
        slow = problem(Code.TOO_SLOW, f"it took longer than {within:g} s, and was given up")
        return True, {"data": None, "errors": [told(slow, request_id=request_id)]}
    errors = [told(one, request_id=request_id) for one in result.errors or ()]
    executed = result.data is not None or any("path" in one for one in errors)
    return executed, {"data": result.data, **({"errors": errors} if errors else {})}
