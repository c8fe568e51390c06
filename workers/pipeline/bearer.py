"""Whose name a pipeline acts in: BERTH_TOKEN, or a token of GitHub Actions' own.

GitHub issues one to each job that has `permissions: id-token: write`, good for some
minutes, and again whenever it is asked: so a job that deploys for an hour stores none.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from http.client import TOO_MANY_REQUESTS

import httpx2
import msgspec

from workers.pipeline.clock import now
from workers.pipeline.server import Bearer, PipelineError, Unreachable

TOKEN, AUDIENCE = "BERTH_TOKEN", "BERTH_AUDIENCE"
REQUEST_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - its name
ANSWER_SECONDS_MAX = 10


class NoToken(PipelineError):
    """Nothing says in whose name it would be."""


class _Issued(msgspec.Struct):
    value: str


class _Claims(msgspec.Struct):
    iat: float
    exp: float


def bearer_from(environment: Mapping[str, str]) -> Bearer:
    """`NoToken` if nothing there says who this is."""
    if token := environment.get(TOKEN, "").strip():
        return Kept(token)
    if url := environment.get(REQUEST_URL):
        if not (audience := environment.get(AUDIENCE)):
            raise NoToken(
                f"{AUDIENCE} is not set: what the server's BERTH_OIDC calls `audience`"
            )
        return OfGitHub(url, environment.get(REQUEST_TOKEN, ""), audience)
    raise NoToken(
        f"{TOKEN} is not set; on GitHub, `permissions: id-token: write` and {AUDIENCE}"
        " do as well"
    )


class Kept:
    """A token that lasts. `NoToken` if it can be none."""

    def __init__(self, token: str) -> None:
        if not (token.isascii() and token.isprintable()):
            raise NoToken(f"{TOKEN} is no token: it has characters that none has")
        self._token = token

    async def __call__(self) -> str:
        return self._token


class OfGitHub:
    """Asked for when it is needed, and kept for half of the time that it is good."""

    def __init__(self, url: str, token: str, audience: str) -> None:
        self._url = httpx2.URL(url).copy_merge_params({"audience": audience})
        self._headers = {"Authorization": f"Bearer {token}"}
        self._issued = ""
        self._until = 0.0

    async def __call__(self) -> str:
        """`httpx2.TransportError` if GitHub cannot be reached, for another try."""
        if now() >= self._until:
            self._issued = await self._ask()
            self._until = now() + _life_seconds(self._issued) / 2
        return self._issued

    async def _ask(self) -> str:
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS_MAX) as http:
            answer = await http.get(self._url, headers=self._headers)
        if answer.is_server_error or answer.status_code == TOO_MANY_REQUESTS:
            raise httpx2.ReadError(f"GitHub answered {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=_Issued).value
        except msgspec.DecodeError:
            raise Unreachable(
                f"GitHub answered {answer.status_code}, and told no token"
            ) from None


def _life_seconds(token: str) -> float:
    """From its issue on; 0 if it does not say."""
    with suppress(ValueError, IndexError):
        part = token.split(".")[1]
        claims = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        told = msgspec.json.decode(claims, type=_Claims)
        return told.exp - told.iat
    return 0
