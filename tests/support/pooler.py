"""What is between Berth and PostgreSQL, and drops what a connection asks for."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"
PORT = 5432


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """The URL of one, before the PostgreSQL at the Unix socket of `url`."""
    parts = urlsplit(url)
    [folder] = parse_qs(parts.query)["host"]
    with socket.create_server((HOST, 0)) as listening:
        Thread(target=_serve, args=(listening, folder), daemon=True).start()
        port = listening.getsockname()[1]
        yield f"postgresql://postgres@{HOST}:{port}{parts.path}?sslmode=disable"


def _serve(listening: socket.socket, folder: str) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{folder}/.s.PGSQL.{PORT}")
            server.sendall(_without_options(client))
            for source, to in ((client, server), (server, client)):
                Thread(target=_pass, args=(source, to), daemon=True).start()


def _without_options(client: socket.socket) -> bytes:
    """The message that begins a session: its length, a version, names and values."""
    [length] = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
    body = client.recv(length - 4, socket.MSG_WAITALL)
    words = body[4:].rstrip(b"\0").split(b"\0")
    asked = zip(words[::2], words[1::2], strict=True)
    kept = [b"%s\0%s\0" % (name, value) for name, value in asked if name != b"options"]
    told = body[:4] + b"".join(kept) + b"\0"
    return struct.pack("!I", len(told) + 4) + told


def _pass(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError), source, to:
        while data := source.recv(65_536):
            to.sendall(data)
