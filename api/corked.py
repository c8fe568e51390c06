"""Head and body of an answer leave in one write.

uvicorn writes them one after the other, and uvloop makes a system call of each, which
wakes a client that then has to wait for the rest.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Corked:
    """A transport that holds back what is written until the next write.

    That goes along; without one, it leaves before the event loop does anything else.
    """

    def __init__(self, transport: asyncio.Transport, loop: Any) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._later: asyncio.Handle | None = None
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        if self._later is None:
            self._held = data
            self._later = self._loop.call_soon(self._uncork)
        else:
            self._held += data
            self._later.cancel()
            self._uncork()

    def close(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._uncork()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _uncork(self) -> None:
        held, self._held, self._later = self._held, b"", None
        self._transport.write(held)
