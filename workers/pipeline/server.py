"""A Berth elsewhere, asked over HTTP, and asked again while it does not answer.

All that is asked may be asked twice: a request for a ticket carries an Idempotency-Key,
and everything else says how it shall be.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx2
import msgspec

from workers.pipeline.clock import within

PREFIX = "/sfp/api"
CONNECT_SECONDS_MAX = 5.0
ANSWER_SECONDS_MAX = 15.0  # Beyond what the server was asked to wait.
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
PAUSE_SECONDS_MAX = 30.0
IN_USE = "IDEMPOTENCY_KEY_IN_USE"  # What was asked first is still being carried out.

Bearer = Callable[[], Awaitable[str]]
Tell = Callable[[str], None]
Told = TypeVar("Told")


class PipelineError(Exception):
    """What kept Berth from doing its part, in a line for whoever runs the pipeline."""


class Unreachable(PipelineError):
    """It did not answer in time, however often it was asked."""


class Refused(PipelineError):
    """It answered, and not with what was asked for.

    `code` is that of its error; "" if it is not Berth's, but of somebody in between.
    """

    def __init__(self, status: int, content: Any) -> None:
        fields = content if isinstance(content, dict) else {}
        self.status = status
        self.code = str(fields.get("code", ""))
        self.fields: Mapping[str, Any] = fields
        said = fields.get("message")
        super().__init__(said if isinstance(said, str) else _unlike_berth(status))

    @property
    def is_for_now(self) -> bool:
        """It says so, it or somebody in between failed, or did not hear all of us."""
        return (
            self.status == HTTPStatus.TOO_MANY_REQUESTS
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or (self.status == HTTPStatus.REQUEST_TIMEOUT and not self.code)
            or self.code == IN_USE
        )


def _unlike_berth(status: int) -> str:
    unlike = f"the server answered {status}, and not as Berth does"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{unlike}: that leads elsewhere, and --url is where Berth itself is"
    return unlike


class Server:
    """`url` is where it is, or its API; `bearer` tells the token of now."""

    def __init__(self, url: str, bearer: Bearer, tell: Tell) -> None:
        self._bearer = bearer
        self._tell = tell
        self._http = _client(_checked(_root(url) + PREFIX))
        self._is_berth = False

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        kind: type[Told],
        *,
        patience: float,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Told:
        """What it answers, within so many seconds of `patience`.

        `Refused` if the server says no; `Unreachable` if nobody knows what it says.
        """
        headers = {"Idempotency-Key": key} if key else {}
        request = self._http.build_request(
            method,
            path,
            params=query,
            json=body,
            headers=headers,
            timeout=_timeout(query),
        )
        why, through = "no answer", _through(self._http.base_url)
        try:
            async with within(patience):
                for pause in _pauses():
                    try:
                        return await self._once(request, kind)
                    except httpx2.RequestError as error:
                        rest, known = pause, why
                        why = str(error) or type(error).__name__
                    except _NotNow as error:
                        rest, known = max(pause, error.rest), why
                        why = str(error)
                    if why != known:
                        host = self._http.base_url.host
                        silent = f"{host} does not answer{through}"
                        self._tell(f"{silent}, asking again: {why}")
                    await asyncio.sleep(rest)
        except TimeoutError:
            asked = f"{self._http.base_url}{through}"
            raise Unreachable(f"no answer from {asked}: {why}") from None
        raise AssertionError

    async def _once(self, request: httpx2.Request, kind: type[Told]) -> Told:
        request.headers["Authorization"] = f"Bearer {await self._bearer()}"
        answer = await self._http.send(request)
        content: Any = None
        with suppress(ValueError, RecursionError):
            content = msgspec.json.decode(answer.content)
        if answer.is_success:
            with suppress(msgspec.ValidationError):
                told = msgspec.convert(content, kind)
                self._is_berth = True
                return told
        refusal = Refused(answer.status_code, content)
        # Once Berth was there, who answers otherwise is somebody in between.
        if refusal.is_for_now or (self._is_berth and not refusal.code):
            raise _NotNow(refusal, answer.headers)
        raise refusal


class _NotNow(Exception):
    """Ask again after `rest` seconds."""

    def __init__(self, refusal: Refused, headers: httpx2.Headers) -> None:
        super().__init__(str(refusal))
        told = headers.get("Retry-After", "")
        self.rest = min(float(told), PAUSE_SECONDS_MAX) if told.isdecimal() else 0.0


def _root(url: str) -> str:
    """Without what is the API's, of which some may have been given as well."""
    whole, part = PREFIX, PREFIX.rpartition("/")[0]
    return url.rstrip("/").removesuffix(whole).removesuffix(part)


def _client(url: httpx2.URL) -> httpx2.AsyncClient:
    try:
        return httpx2.AsyncClient(base_url=url)
    except OSError as error:
        why = f"what SSL_CERT_FILE or SSL_CERT_DIR names cannot be used: {error}"
    except (ValueError, ImportError, httpx2.InvalidURL):  # It may have a password.
        why = "the environment names a proxy that cannot be used"
    raise PipelineError(why)


def _through(url: httpx2.URL) -> str:
    """The proxy between, as the environment names it, but without its password."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all", "")
    if not proxy or proxy_bypass(url.host):
        return ""
    _, _, host = proxy.rpartition("@")
    return f" through the proxy {host.rpartition('//')[2].rstrip('/')}"


def _checked(url: str) -> httpx2.URL:
    with suppress(httpx2.InvalidURL):
        checked = httpx2.URL(url)
        if checked.userinfo:
            raise PipelineError(
                "--url has a name or a password in it: BERTH_TOKEN says who it is"
            )
        if checked.scheme in {"http", "https"} and checked.host:
            return checked
    raise PipelineError("--url is no URL: it begins with https:// or http://")


def _timeout(query: Mapping[str, str | int] | None) -> httpx2.Timeout:
    waits = float((query or {}).get("timeoutSeconds", 0))
    return httpx2.Timeout(waits + ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)


def _pauses() -> Iterator[float]:
    """Longer and longer, and never together with those who broke off with us."""
    for seconds in PAUSES_SECONDS:
        yield seconds * random.uniform(0.5, 1.5)  # noqa: S311 - nobody is kept out
    while True:
        yield PAUSES_SECONDS[-1] * random.uniform(0.5, 1.5)  # noqa: S311 - likewise
