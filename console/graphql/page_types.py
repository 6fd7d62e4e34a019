"""What every list says that is read by pages."""

from collections.abc import Callable
from typing import TypeVar

import strawberry

from selfheal.model.page import Cursor, Page

T = TypeVar("T")


@strawberry.type
class PageInfo:
    """Whether the list goes on."""

    has_next_page: bool
    end_cursor: str | None

    @classmethod
    def of(cls, page: Page[T], place: Callable[[T], Cursor]) -> "PageInfo":
        """From the page, and the place of a row in its list."""
        end = str(place(page.items[-1])) if page.items else None
        return cls(has_next_page=page.older is not None, end_cursor=end)
