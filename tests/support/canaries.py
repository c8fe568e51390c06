"""Secrets that must turn up nowhere, and every place where they are looked for."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import nats
import psycopg
from nats.aio.msg import Msg
from psycopg import sql

from tests.support.flushed import flushed

CONNECT_SECONDS_MAX = 10
LAST = "eavesdropper.stops"
TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
"""


def forms(secret: str) -> dict[str, bytes]:
    """How `secret` may be written, also within something longer; by what it is."""
    plain = secret.encode()
    written = {
        "plain": plain,
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "URL-encoded": quote(secret, safe="").encode(),
        "all URL-encoded": "".join(f"%{byte:02X}" for byte in plain).encode(),
    }
    for before in range(3):
        # Of what stands before it depends which bits make up a character; and at both
        # ends, characters also have bits of the neighbours.
        start, end = -(-before * 4 // 3), (before + len(plain)) * 4 // 3
        for name, encode in (
            ("base64", base64.b64encode),
            ("base64url", base64.urlsafe_b64encode),
        ):
            text = encode(b"\0" * before + plain)[start:end]
            written[f"{name} at {before}"] = text
            # A dump shows bytes in hexadecimal.
            written[f"{name} at {before} in hex"] = text.hex().encode()
    return written


@dataclass
class Canaries:
    """What to look for; `found` says where it was, never what it is."""

    secrets: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, secret: str) -> str:
        assert len(secret) >= 16, "short enough to be found by chance"
        self.secrets[name] = secret
        return secret

    def found(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        known = [
            (f"{name}, {form}", needle)
            for name, secret in self.secrets.items()
            for form, needle in forms(secret).items()
        ]
        return [
            f"{place}: {what}"
            for place, content in places
            for what, needle in known
            if needle in content
        ]


def tables(url: str) -> Iterator[tuple[str, bytes]]:
    """Every table as text."""
    with psycopg.connect(url) as connection:
        for schema, table in connection.execute(TABLES).fetchall():
            query = sql.SQL("COPY (TABLE {}) TO STDOUT").format(
                sql.Identifier(schema, table)
            )
            with connection.cursor().copy(query) as copy:
                yield f"table {table}", b"".join(bytes(block) for block in copy)


def data_files(url: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the server in `folder`, its log and what was in memory too."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".s.PGSQL"):
            yield f"file {path.relative_to(folder)}", path.read_bytes()


def logs(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("*.log")):
        yield f"log {path.name}", path.read_bytes()


class Eavesdropper:
    """Hears everything that anybody publishes on NATS, for the length of a `with`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ready: Future[None] = Future()
        self._stop = threading.Event()
        self._has_heard_all = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))
        self.heard: list[tuple[str, bytes]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(CONNECT_SECONDS_MAX)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    async def _listen(self) -> None:
        client = await nats.connect(self._url)
        await client.subscribe(">", cb=self._hear)
        await flushed(client)
        self._ready.set_result(None)
        await asyncio.to_thread(self._stop.wait)
        # What was published before this is heard before this.
        await client.publish(LAST)
        await asyncio.wait_for(self._has_heard_all.wait(), CONNECT_SECONDS_MAX)
        await client.close()

    async def _hear(self, message: Msg) -> None:
        if message.subject == LAST:
            self._has_heard_all.set()
            return
        lines = [message.subject, *(f"{k}: {v}" for k, v in self._headers(message))]
        content = "\n".join(lines).encode() + message.data
        self.heard.append((f"NATS {message.subject}", content))

    @staticmethod
    def _headers(message: Msg) -> Iterable[tuple[str, str]]:
        return (message.headers or {}).items()
