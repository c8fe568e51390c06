"""Answers that a browser keeps as a file."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from litestar.response import Stream
from litestar.response.base import ASGIResponse

CSV = "text/csv"


class Table(Stream):
    """A file to be kept, sent as it is made."""

    def __init__(self, pieces: AsyncIterator[bytes], name: str) -> None:
        super().__init__(pieces, headers=attachment(f"{name}.csv"))

    def to_asgi_response(self, *args: Any, **kwargs: Any) -> ASGIResponse:
        """Litestar's own has the media type of the handler, which is another."""
        return super().to_asgi_response(*args, **kwargs | {"media_type": CSV})


def attachment(name: str) -> dict[str, str]:
    """The header that names a file, with nothing in the name that means something."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return {"Content-Disposition": f'attachment; filename="{safe}"'}
