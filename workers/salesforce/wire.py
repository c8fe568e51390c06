"""One request to an org, bounded in time, size and tries.

The time is bounded in total, by whoever asks (`within`), and for connecting. What is
tried again: 429, 503, and a connection that did not come about or broke. Redirects are
not followed, no cookie goes from one org to another, and no proxy is taken from the
environment.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2
import msgspec

from domain.errors import SalesforceRefused

CONNECT_SECONDS_MAX = 3.0
READ_SECONDS_MAX = 10.0
OPERATION_SECONDS_MAX = 15.0
BODY_BYTES_MAX = 4 << 20
CONNECTIONS_MAX = 1_000  # One slow org should not keep all others waiting.
PAUSES_SECONDS = (0.1, 0.4)
PAUSE_SECONDS_MAX = 2.0
AGAIN = {429, 503}
UNAUTHORIZED = 401
CODE = re.compile(r"[A-Z]{2,30}(_[A-Z]{1,30}){0,7}|[a-z]{2,30}(_[a-z]{1,30}){0,7}")
SESSION_OVER = {"INVALID_SESSION_ID", "invalid_token", "invalid_session"}
# A bare word, with 403, in place of an error in JSON.
BAD_TOKEN = "Bad_OAuth_Token"  # noqa: S105 - the name of what is wrong with one
UNREACHABLE: dict[type[Exception], str] = {
    httpx2.ConnectError: "cannot be connected to",
    httpx2.ConnectTimeout: "cannot be connected to in time",
    httpx2.ReadTimeout: "did not answer in time",
    httpx2.RemoteProtocolError: "does not speak HTTP, or broke off",
}
HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and whatever JSON came with it; None if it was not JSON.

    `is_bad_token`: OAuth's own endpoints say so of an access token that is over, and
    the one that opens the org's pages also of a good one, of an API Only User.
    """

    status: int
    content: Any
    is_bad_token: bool = False

    @property
    def is_success(self) -> bool:
        return self.status in range(200, 300)

    @property
    def is_unauthorized(self) -> bool:
        """Whether the access token is no longer, or not yet, good."""
        return self.status == UNAUTHORIZED or self.code in SESSION_OVER

    @property
    def fields(self) -> Mapping[str, Any]:
        """The content if it is an object, else nothing."""
        return self.content if isinstance(self.content, dict) else {}

    @property
    def code(self) -> str:
        """Salesforce's name for what went wrong: OAuth and REST spell it differently.

        Only the name is ever repeated, if it looks like one: an org may put anything
        it was sent into its answer.
        """
        first: Any = self.content
        if isinstance(self.content, list) and self.content:
            first = self.content[0]
        if not isinstance(first, dict):
            return ""
        code = first.get("errorCode") or first.get("error")
        return code if isinstance(code, str) and CODE.fullmatch(code) else ""


class Wire:
    """Made once for a process; connections are kept and shared."""

    @cached_property
    def _http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=HEADERS,
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
            timeout=httpx2.Timeout(READ_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        token: str = "",
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """What the org answers, whatever it is; `SalesforceRefused` if nothing."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        pauses = iter(PAUSES_SECONDS)
        while True:
            pause = next(pauses, None)
            try:
                request = self._http.build_request(
                    method, url, headers=headers, data=form, params=query
                )
                answer, wanted = await self._send(request)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
                if pause is None:
                    raise SalesforceRefused(_unreachable(url, error)) from None
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise SalesforceRefused(_unreachable(url, error)) from None
            else:
                if answer.status not in AGAIN:
                    return answer
                if pause is None:
                    raise SalesforceRefused(
                        f"{host_of(url)} has too much to do (it answered"
                        f" {answer.status}); try again later"
                    )
                pause = max(pause, wanted)
            await asyncio.sleep(pause)

    async def _send(self, request: httpx2.Request) -> tuple[Answer, float]:
        """The answer, and how long it asks us to wait."""
        response = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            # As sent: nothing small can unpack into something large.
            async for part in response.aiter_raw():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise SalesforceRefused(
                        f"{request.url.host} answers more than"
                        f" {BODY_BYTES_MAX >> 20} MiB"
                    )
        finally:
            await response.aclose()
        wanted = response.headers.get("retry-after", "")
        pause = min(float(wanted), PAUSE_SECONDS_MAX) if wanted.isdecimal() else 0.0
        is_bad_token = body.strip() == BAD_TOKEN.encode()
        answer = Answer(response.status_code, _json(bytes(body)), is_bad_token)
        return answer, pause


@asynccontextmanager
async def within(seconds: float, host: str) -> AsyncIterator[None]:
    """All that happens inside, in so many seconds altogether."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise SalesforceRefused(
            f"{host} did not answer within {seconds:g} s; try again later"
        ) from None


def host_of(url: str) -> str:
    return httpx2.URL(url).host


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _unreachable(url: str, error: Exception) -> str:
    what = UNREACHABLE.get(type(error), "cannot be reached")
    return f"{host_of(url)} {what}; check the org's address and the network"
