"""Access tokens: one for a refresh token, kept until shortly before it runs out.

Salesforce says neither how long a token is good nor when it ends one early. So each is
kept for ten minutes at most, and one that an org no longer takes is exchanged once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from domain.errors import Invalid, JournalUnavailable, SalesforceRefused
from projections.storage.vault import Vault
from workers.salesforce.auth_url import AuthUrl, parse_auth_url
from workers.salesforce.together import Together
from workers.salesforce.wire import Answer, Wire, within
from workers.salesforce_hosts import Hosts

KEPT_SECONDS = 600
OUT_OF_ORDER = (*range(300, 400), *range(500, 600))
MARGIN_SECONDS = 60
REMEMBERED_MAX = 10_000
LEASE_SECONDS = 20.0
TURN_PAUSE_SECONDS = 0.1
USERINFO = "/services/oauth2/userinfo"
EXCHANGE_SECONDS_MAX = 10.0

# Salesforce takes one at a time for a refresh token, which a pipeline may have, too.
BUSY = "token request is already being processed"
BUSY_PAUSES_SECONDS = (0.2, 0.4, 0.8)

# OAuth's errors, and the descriptions of `invalid_grant` that tell them apart.
REASONS = {
    "expired access/refresh token": (
        "the refresh token has expired or was revoked; register the org again"
    ),
    "inactive user": "the org's user is inactive",
    "inactive organization": "the org is inactive",
    BUSY: "the org is at another request with this auth URL; try again later",
    "ip restricted": "the org does not let this address in",
    "invalid_grant": "the refresh token is not accepted; register the org again",
    "invalid_client": "the client secret is not accepted",
    "invalid_client_id": "the client id is not known to the org",
    "invalid_client_credentials": "the client secret is not accepted",
    "inactive_org": "the org is inactive",
}


@dataclass(frozen=True, slots=True)
class Session:
    """An access token, the org that takes it, and where it says whose it is."""

    token: str = field(repr=False)
    instance_url: str
    identity_url: str | None
    good_until: float


class Sessions:
    def __init__(self, wire: Wire, hosts: Hosts, vault: Vault) -> None:
        self._wire = wire
        self._hosts = hosts
        self._vault = vault
        self._kept: OrderedDict[str, Session] = OrderedDict()
        self._renewing: Together[str, Session] = Together()
        # Rotated, but the vault could not be told so far: nobody else has these.
        self._unsaved: dict[str, AuthUrl] = {}

    async def of(self, credential_id: str) -> Session:
        """A good one, as far as is known here."""
        session = self._kept.get(credential_id)
        if session is not None and monotonic() < session.good_until:
            return session
        return await self._renewing.ask(
            credential_id, lambda: self._renew(credential_id)
        )

    async def ask(
        self,
        credential_id: str,
        method: str,
        path: str,
        **content: Mapping[str, str],
    ) -> tuple[Session, Answer]:
        """Ask the org; once more with another token if it does not take this one."""
        session = await self.of(credential_id)
        answer = await self.ask_with(session, method, path, **content)
        if not _is_over(path, answer):
            return session, answer
        if self._kept.get(credential_id) is session:
            del self._kept[credential_id]
        session = await self.of(credential_id)
        answer = await self.ask_with(session, method, path, **content)
        if _is_over(path, answer):
            self._kept.pop(credential_id, None)
            raise SalesforceRefused("the org refuses the access token it just issued")
        return session, answer

    async def live(self, credential_id: str) -> Session:
        """One that the org has taken just now."""
        session, _ = await self.ask(credential_id, "GET", USERINFO)
        return session

    async def ask_with(
        self, session: Session, method: str, path: str, **content: Mapping[str, str]
    ) -> Answer:
        url = session.instance_url + path
        return await self._wire.ask(method, url, token=session.token, **content)

    async def exchange(self, auth_url: AuthUrl) -> tuple[Session, AuthUrl]:
        """A new session, and the auth URL from now on: an org may rotate its token."""
        origin = self._hosts.origin(auth_url.host)
        form = {
            "grant_type": "refresh_token",
            "client_id": auth_url.client_id,
            "refresh_token": auth_url.refresh_token,
        }
        if auth_url.client_secret:
            form["client_secret"] = auth_url.client_secret
        answer = await self._answer(f"{origin}/services/oauth2/token", form)
        if not answer.is_success:
            raise SalesforceRefused(_reason(answer))
        facts = answer.fields
        token, instance = _text(facts, "access_token"), _text(facts, "instance_url")
        if token is None or instance is None:
            raise SalesforceRefused("the org's answer has no access token")
        session = Session(
            token,
            self._hosts.origin(instance),
            _text(facts, "id"),
            monotonic() + _seconds_kept(facts.get("expires_in")),
        )
        newer = _text(facts, "refresh_token") or auth_url.refresh_token
        return session, auth_url.rotated(newer)

    async def _answer(self, url: str, form: Mapping[str, str]) -> Answer:
        """What the org says once it is at no other request for the same."""
        for pause in BUSY_PAUSES_SECONDS:
            answer = await self._wire.ask("POST", url, form=form)
            if answer.fields.get("error_description") != BUSY:
                return answer
            await asyncio.sleep(pause)
        return await self._wire.ask("POST", url, form=form)

    async def _renew(self, credential_id: str) -> Session:
        async with self._turn(credential_id):
            kept = await self.stored(credential_id)
            async with within(EXCHANGE_SECONDS_MAX, "the org"):
                session, newer = await self.exchange(kept)
            if newer != kept or credential_id in self._unsaved:
                self._unsaved[credential_id] = newer
                await self._vault.replace(credential_id, newer.text)
                del self._unsaved[credential_id]
        self._kept[credential_id] = session
        self._kept.move_to_end(credential_id)
        if len(self._kept) > REMEMBERED_MAX:
            self._kept.popitem(last=False)
        return session

    @asynccontextmanager
    async def _turn(self, credential_id: str) -> AsyncIterator[None]:
        """One process at a time, from reading a refresh token to keeping the next.

        An org that rotates them ends all that came of one when it comes again.
        """
        async with within(LEASE_SECONDS, "the org"):
            while not (until := await self._vault.lease(credential_id, LEASE_SECONDS)):
                await self.stored(credential_id)  # It may have been erased.
                await asyncio.sleep(TURN_PAUSE_SECONDS)
        try:
            yield
        finally:
            with suppress(JournalUnavailable):  # It ends by itself, a little later.
                await self._vault.give_back(credential_id, until)

    async def stored(self, credential_id: str) -> AuthUrl:
        """As the vault has it, or newer; `SalesforceRefused` if it was erased."""
        if unsaved := self._unsaved.get(credential_id):
            return unsaved
        text = await self._vault.get(credential_id)
        if text is None:
            raise SalesforceRefused("the org was removed or registered again just now")
        try:
            return parse_auth_url(text, "the org's auth URL")
        except Invalid as error:
            raise SalesforceRefused(str(error)) from None


def _is_over(path: str, answer: Answer) -> bool:
    """Whether the session is, by this answer. Who it is of is told of any good one."""
    return answer.is_unauthorized or (path == USERINFO and answer.is_bad_token)


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    is_good = isinstance(value, str) and value.isascii() and value.isprintable()
    return value if value and is_good else None


def _seconds_kept(expires_in: Any) -> float:
    if isinstance(expires_in, str) and expires_in.isdecimal():
        expires_in = float(expires_in)
    if not isinstance(expires_in, int | float):
        return KEPT_SECONDS
    return max(0.0, min(KEPT_SECONDS, expires_in - MARGIN_SECONDS))


def _reason(answer: Answer) -> str:
    described = answer.fields.get("error_description")
    for key in (described, answer.code):
        if isinstance(key, str) and key in REASONS:
            return REASONS[key]
    if answer.status in OUT_OF_ORDER:
        return f"the org answered {answer.status}; try again later"
    return f"the org refuses the refresh token ({answer.code or answer.status})"
