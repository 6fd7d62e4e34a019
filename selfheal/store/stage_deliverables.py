"""`stage_deliverables`: what each stage has delivered, by its index, as the client's column keeps it.

The store lets nothing in that is not as this JSON Schema has it. Never removed: what a stream has lost since is here.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from selfheal.model.deliverable import Result
from selfheal.model.errors import Permanent
from selfheal.store.text import clean, shorten

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "stage_deliverables",
    "description": "What each stage of a workflow has delivered, by the stage's index.",
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {
        "^(0|[1-9][0-9]{0,2})$": {
            "type": "object",
            "additionalProperties": False,
            "required": ["result", "subject", "sequence", "published_at"],
            "properties": {
                "result": {"enum": [one.value for one in Result]},
                "status": {"type": "string", "maxLength": 100},
                "summary": {"type": "string", "maxLength": 500},
                "subject": {"type": "string", "minLength": 1, "maxLength": 500},
                "sequence": {"type": "integer", "minimum": 0},
                "published_at": {"type": "string", "format": "date-time"},
            },
        }
    },
}


def _is_time(value: object) -> bool:
    """An ISO time with its zone; the library itself would need another package for that."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


_FORMATS = FormatChecker(formats=())
_FORMATS.checks("date-time", raises=ValueError)(_is_time)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(SCHEMA, format_checker=_FORMATS)


def checked(deliverables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, fit to be stored.

    Raises:
        Permanent: it is not as the schema has it; says where.
    """
    kept = clean(dict(deliverables))
    wrong = next(iter(sorted(_validator().iter_errors(kept), key=lambda one: one.json_path)), None)
    if wrong is not None:
        raise Permanent(
            f"stage_deliverables is not as its schema has it at {wrong.json_path}: {shorten(wrong.message, 200)}",
            hint="each stage's index has result, subject, sequence and published_at",
        )
    return dict(kept)
