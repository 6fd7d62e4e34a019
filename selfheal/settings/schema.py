"""The settings as a JSON Schema (draft 2020-12), for editors and for the reference; `selfheal config schema` prints it.

It describes the TOML file. What one table names in another, and what an environment variable may hold, only the
settings themselves can check: `selfheal config check`.
"""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from selfheal.settings.estate import Settings
from selfheal.settings.values import in_words


class _Words(GenerateJsonSchema):
    """Pydantic's own, but durations read as people write them, and names that are none are refused."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return in_words(dft)
        return "" if isinstance(dft, SecretStr) else super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A table's default is that of each of its settings: it is not told twice."""
        found = super().default_schema(schema)
        if isinstance(found.get("default"), dict):
            found.pop("default")
        return found

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        return found | {"additionalProperties": False} if "patternProperties" in found else found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def schema() -> dict[str, Any]:
    """The schema of the whole file, as plain values."""
    return {"$schema": _Words.schema_dialect} | Settings.model_json_schema(schema_generator=_Words)
