"""Where NATS is, as an installation says it: one server, or several of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

NATS, WEB = frozenset({"nats", "tls"}), frozenset({"ws", "wss"})
SHAPE = "must look like nats://host:4222, or several of those with commas between"


def nats_servers_from(text: str) -> list[str]:
    """`nats://token@one:4222,nats://token@two:4222`, or `one`, as nats-py takes it.

    `ValueError` says what is wrong, and nothing of the text: a token may be in it.
    """
    servers = [part.strip() for part in text.split(",")]
    schemes = {_split(server).scheme for server in servers}
    if not schemes <= NATS and not schemes <= WEB:
        raise ValueError("has servers of NATS with and without WebSocket")
    return servers


def credentials_in(servers: Sequence[str]) -> Mapping[str, Any]:
    """As nats-py takes them for any server, if all of `servers` have the same.

    It hears of the others of a cluster, and not how to log in there. Nor does it know
    that `%2F` in a URL is a slash.
    """
    found = {(_split(server).username, _split(server).password) for server in servers}
    [(name, password), *others] = found
    if name is None or others:
        return {}
    if password is None:
        return {"token": unquote(name)}
    return {"user": unquote(name), "password": unquote(password)}


def secrets_in(servers: Sequence[str]) -> Sequence[str]:
    """Tokens, names and passwords, as written and as meant; the longest first."""
    written = {*_secrets_in(servers)}
    return sorted(written | {*map(unquote, written)}, key=len, reverse=True)


def _secrets_in(servers: Sequence[str]) -> Iterator[str]:
    for server in servers:
        userinfo, _, _ = _split(server).netloc.rpartition("@")
        yield from filter(None, [userinfo, *userinfo.split(":", 1)])


def _split(server: str) -> SplitResult:
    scheme, found, _ = server.partition("://")
    if found and scheme not in NATS | WEB:
        raise ValueError(SHAPE)
    try:
        parts = urlsplit(server if found else f"nats://{server}")
        port = parts.port
    except ValueError:
        raise ValueError(SHAPE) from None
    is_placed = parts.hostname not in {None, "none"} and port != 0
    if not is_placed or any(c.isspace() for c in server) or _goes_on(parts):
        raise ValueError(SHAPE)
    return parts


def _goes_on(parts: SplitResult) -> bool:
    """Behind the port, where only WebSocket has anything."""
    has_path = parts.path not in {"", "/"} and parts.scheme in NATS
    return has_path or bool(parts.query or parts.fragment)
