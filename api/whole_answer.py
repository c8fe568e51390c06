"""An answer whose body is all there, sent by hand."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import Send

JSON = (b"content-type", b"application/json")


async def send_whole(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> None:
    """The two messages of ASGI's. Without a length among `headers` it is told."""
    if not any(name == b"content-length" for name, _ in headers):
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
