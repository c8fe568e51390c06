"""Everything that Berth asks of Salesforce, each within a bounded time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from domain.errors import SalesforceRefused
from domain.naming import fold
from projections.storage.vault import Vault
from workers.salesforce.artifacts import Artifact, installed_artifacts
from workers.salesforce.auth_url import AuthUrl
from workers.salesforce.sessions import USERINFO, Session, Sessions
from workers.salesforce.wire import (
    OPERATION_SECONDS_MAX,
    Answer,
    Wire,
    host_of,
    within,
)
from workers.salesforce_hosts import Hosts

USER_LENGTH_MAX = 255
SINGLE_ACCESS = "/services/oauth2/singleaccess"
# How an org says that its app may not make single-use URLs, or knows of none.
NOT_FOR_THIS_APP = {400, 403, 404, 405}


class Salesforce:
    """An org is named by the id under which the vault keeps its auth URL."""

    def __init__(self, hosts: Hosts, vault: Vault) -> None:
        self.hosts = hosts
        self._wire = Wire()
        self._sessions = Sessions(self._wire, hosts, vault)

    async def close(self) -> None:
        await self._wire.close()

    async def identify(self, auth_url: AuthUrl, username: str) -> tuple[AuthUrl, str]:
        """Make sure that `auth_url` is `username`'s own.

        Returns the auth URL to keep, which may have a newer refresh token, and the
        URL of the org's instance.
        """
        async with within(OPERATION_SECONDS_MAX, "the org"):
            session, newer = await self._sessions.exchange(auth_url)
            actual = await self._username(session)
        if fold(actual) != fold(username):
            secrets = (*auth_url.secrets, *newer.secrets, session.token)
            is_one = any(secret in actual for secret in secrets)
            whose = "another user" if is_one else actual
            raise SalesforceRefused(f"this auth URL is of {whose}, not of {username}")
        return newer, session.instance_url

    async def auth_url(self, credential_id: str) -> str:
        """What Berth itself logs in with."""
        return (await self._sessions.stored(credential_id)).text

    async def session(self, credential_id: str) -> Session:
        """A session that should be good."""
        async with within(OPERATION_SECONDS_MAX, "the org"):
            return await self._sessions.of(credential_id)

    async def live_session(self, credential_id: str) -> Session:
        """A session that the org has taken just now."""
        async with within(OPERATION_SECONDS_MAX, "the org"):
            return await self._sessions.live(credential_id)

    async def front_door(self, credential_id: str, path: str) -> str:
        """A URL that opens `path` in the org: once, if the org's app may make such."""
        async with within(OPERATION_SECONDS_MAX, "the org"):
            session, answer = await self._single_access(credential_id, path)
        if answer.is_bad_token:
            raise SalesforceRefused(
                "the org opens no page for its user, who may be an API Only User"
            )
        url = answer.fields.get("frontdoor_uri")
        if answer.is_success and isinstance(url, str):
            return self.hosts.check_url(url)
        if answer.status not in NOT_FOR_THIS_APP:
            raise SalesforceRefused(
                f"the org's answer has no front door ({answer.code or answer.status})"
            )
        # The older way takes any access token.
        query = urlencode({"sid": session.token, "retURL": path})
        return f"{session.instance_url}/secur/frontdoor.jsp?{query}"

    async def artifacts(self, credential_id: str) -> Sequence[Artifact]:
        async def ask(path: str, query: Mapping[str, str]) -> Answer:
            _, answer = await self._sessions.ask(
                credential_id, "GET", path, **({"query": query} if query else {})
            )
            return answer

        async with within(OPERATION_SECONDS_MAX, "the org"):
            return await installed_artifacts(ask)

    async def _single_access(
        self, credential_id: str, path: str
    ) -> tuple[Session, Answer]:
        """What a session that the org still takes is answered."""
        sessions, form = self._sessions, {"redirect_uri": path}
        asked = credential_id, "POST", SINGLE_ACCESS
        session, answer = await sessions.ask(*asked, form=form)
        if answer.is_bad_token and await sessions.live(credential_id) is not session:
            session, answer = await sessions.ask(*asked, form=form)
        return session, answer

    async def _username(self, session: Session) -> str:
        """As the org tells it: to OpenID's question, else at the identity URL."""
        answer = await self._sessions.ask_with(session, "GET", USERINFO)
        name = answer.fields.get("preferred_username")
        if not answer.is_success and session.identity_url:
            url = self.hosts.check_url(session.identity_url)
            answer = await self._wire.ask("GET", url, token=session.token)
            name = answer.fields.get("username")
        is_name = isinstance(name, str) and name.isprintable()
        if not answer.is_success or not name or not is_name:
            raise SalesforceRefused(
                f"{host_of(session.instance_url)} does not say whose the token is"
                f" ({answer.code or answer.status})"
            )
        return str(name)[:USER_LENGTH_MAX]
