"""What stands between a client and a server, and can be shut; TCP as it is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"


class Gate:
    """Open at first. While `answers` is set, what the server says goes on.

    It is no longer once a request has begun with `holds`, if that is not empty. Whoever
    comes while it is shut is answered with `says`, if that is not empty.
    """

    holds = says = b""

    def __init__(self, target: int) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._passing: set[socket.socket] = set()
        self._listening = socket.create_server((HOST, 0))
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._listening.getsockname()[1]}"

    def shut(self) -> None:
        """Whoever passes is cut off, and so is whoever comes."""
        self._open.clear()
        for passing in list(self._passing):
            with suppress(OSError):
                passing.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.answers.set()
        self.shut()
        self._listening.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self._open.is_set():
                    server = socket.create_connection((HOST, self._target))
                    self._start(client, server)
                    self._start(server, client, may_pass=self.answers)
                else:
                    self._turn_away(client)

    def _turn_away(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.says:
                client.recv(65_536)
                client.sendall(self.says)

    def _start(
        self,
        source: socket.socket,
        to: socket.socket,
        may_pass: threading.Event | None = None,
    ) -> None:
        self._passing |= {source, to}
        arguments = (source, to, may_pass)
        threading.Thread(target=self._pass, args=arguments, daemon=True).start()

    def _pass(
        self,
        source: socket.socket,
        to: socket.socket,
        may_pass: threading.Event | None,
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if may_pass is None and self.holds and data.startswith(self.holds):
                    self.answers.clear()
                if may_pass is not None:
                    may_pass.wait()
                to.sendall(data)
        for end in source, to:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate_to(port: int) -> Iterator[Gate]:
    gate = Gate(port)
    try:
        yield gate
    finally:
        gate.close()
