"""How much of a list is told at once: as much as is asked for, up to the most."""

from __future__ import annotations

from litestar.params import QueryParameter


def page_limit(at_most: int, what: str = "How many to tell") -> QueryParameter:
    """The parameter `limit`. Whoever takes it cuts what is above `at_most` to it.

    So does GitHub with `per_page`: a client that asks for too much gets a page, too.
    """
    return QueryParameter(
        name="limit",
        ge=1,
        description=f"{what}: {at_most:,} at most, also if more are asked for",
    )
