"""How a handler says when it has started: a datagram with the machine's own clock."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic_ns

PATIENCE_SECONDS = 60
CALM_SECONDS = 0.01


def tell_start(address: str) -> None:
    """To whoever listens at this path; all processes of a machine share the clock."""
    now = str(monotonic_ns()).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
        teller.sendto(now, address)


class Starts:
    """What the handlers say, one after the other."""

    def __init__(self, listener: socket.socket, address: str) -> None:
        self.address = address
        self._listener = listener

    def next_ns(self) -> int:
        """`TimeoutError` if nothing starts."""
        return int(self._listener.recv(64))


@contextmanager
def starts(folder: Path) -> Iterator[Starts]:
    address = folder / "starts"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(PATIENCE_SECONDS)
        yield Starts(listener, str(address))
