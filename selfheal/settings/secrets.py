"""The secrets that stand in settings: named to whoever makes a backup, hidden from every log."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr


def secrets(settings: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Name and value of each secret that is set; a value must never be shown.

    Args:
        settings: or a part of them.
        place: of the part.
    """
    if isinstance(settings, SecretStr) and settings.get_secret_value():
        yield place, settings.get_secret_value()
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from secrets(getattr(settings, name), f"{place}.{name}".removeprefix("."))
    elif isinstance(settings, Mapping):
        for name, one in settings.items():
            yield from secrets(one, f"{place}.{name}")
