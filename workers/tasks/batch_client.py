"""nats-py, and a way to publish many messages at once.

`publish` cleans, checks and encodes each header of each message anew, which costs more
than all else that is done for an event. Pinned with nats-py's minor version, since the
hook is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from nats.errors import ConnectionClosedError
from nats.protocol.command import hpub_cmd

from workers.nats_client import SteadyClient


class Refusal(Struct, frozen=True):
    """Why JetStream did not take it; `err_code` is one of its own numbers."""

    err_code: int = 0
    description: str = ""


class Stored(Struct, frozen=True):
    """JetStream's answer to a publication. `seq` is the place of the last message."""

    seq: int = 0
    error: Refusal | None = None


class BatchClient(SteadyClient):
    async def publish_all(
        self, messages: Iterable[tuple[str, Mapping[str, str], bytes]]
    ) -> None:
        """Each a subject, headers and data; in order, before all that comes later.

        Subjects and headers are taken as they are: nothing in them may be a caller's
        that could be a space or the end of a line. `ConnectionClosedError` if NATS is
        not connected: nothing waits for its return.
        """
        if not self.is_connected:
            raise ConnectionClosedError
        commands = [
            hpub_cmd(subject, "", _lines(headers), data)
            for subject, headers, data in messages
        ]
        await self._send_command(b"".join(commands))
        await self._flush_pending()


def _lines(headers: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    return f"NATS/1.0\r\n{''.join(lines)}\r\n".encode()
