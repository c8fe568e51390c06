"""The client against a made-up org: slow ones, rotations, and what it never does."""

from __future__ import annotations

import asyncio
from copy import copy
from datetime import datetime
from pathlib import Path

import pytest

from domain.errors import SalesforceRefused
from tests.support.fake_org.org import Reply
from tests.support.running import until
from tests.workers.salesforce.setting import Run, Setting
from workers.salesforce import Salesforce, parse_auth_url
from workers.salesforce import client as client_module
from workers.salesforce import sessions as sessions_module

SHORT_SECONDS = 0.2


def test_a_slow_org_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "OPERATION_SECONDS_MAX", SHORT_SECONDS)

    async def test(one: Setting) -> None:
        one.org.gate.clear()
        for asking in (
            one.salesforce.session(one.credential_id),
            one.salesforce.front_door(one.credential_id, "/"),
            one.salesforce.artifacts(one.credential_id),
            one.salesforce.identify(parse_auth_url(one.org.auth_url), "a"),
        ):
            with pytest.raises(SalesforceRefused, match=r"within 0\.2 s"):
                await asking
        one.org.gate.set()
        assert (await one.salesforce.session(one.credential_id)).token

    run(test)


def test_an_exchange_that_nobody_waits_for_any_more_ends_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "EXCHANGE_SECONDS_MAX", SHORT_SECONDS)

    async def test(one: Setting) -> None:
        one.org.gate.clear()
        with pytest.raises(SalesforceRefused, match=r"within 0\.2 s"):
            await one.salesforce.session(one.credential_id)
        assert not one.salesforce._sessions._renewing._asked
        one.org.gate.set()

    run(test)


def test_many_sessions_at_once_are_one_exchange(run: Run) -> None:
    async def test(one: Setting) -> None:
        asking = [one.salesforce.session(one.credential_id) for _ in range(20)]
        assert len(set(await asyncio.gather(*asking))) == 1
        assert one.org.asked["token"] == 1

    run(test)


def test_a_session_is_not_kept_for_ever(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "KEPT_SECONDS", 0)

    async def test(one: Setting) -> None:
        first = await one.salesforce.session(one.credential_id)
        second = await one.salesforce.session(one.credential_id)
        assert first.token != second.token

    run(test)


def test_two_processes_never_use_a_refresh_token_twice(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An org that rotates them ends all that came of one when it comes again."""

    async def test(one: Setting) -> None:
        one.org.rotates = True
        is_waiting, keep = asyncio.Event(), one.vault.replace
        vault = copy(one.vault)
        other, lease = Salesforce(one.salesforce.hosts, vault), vault.lease

        async def late(credential_id: str, secret: str) -> None:
            await is_waiting.wait()
            await keep(credential_id, secret)

        async def tell(credential_id: str, seconds: float) -> datetime | None:
            leased = await lease(credential_id, seconds)
            is_waiting.set()
            return leased

        monkeypatch.setattr(one.vault, "replace", late)
        monkeypatch.setattr(vault, "lease", tell)
        first = asyncio.create_task(one.salesforce.session(one.credential_id))
        await asyncio.to_thread(until, lambda: bool(one.org.past_tokens))
        second = await other.session(one.credential_id)
        assert {(await first).token, second.token} <= one.org.tokens
        assert await one.vault.get(one.credential_id) == one.org.auth_url
        await other.close()

    run(test)


def test_a_rotation_that_could_not_be_kept_is_kept_later(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(one: Setting) -> None:
        one.org.rotates = True
        replace = one.vault.replace

        async def fail(*_: str) -> None:
            raise ConnectionError

        monkeypatch.setattr(one.vault, "replace", fail)
        with pytest.raises(ConnectionError):
            await one.salesforce.session(one.credential_id)
        monkeypatch.setattr(one.vault, "replace", replace)
        one.org.rotates = False
        assert (await one.salesforce.session(one.credential_id)).token
        assert await one.vault.get(one.credential_id) == one.org.auth_url

    run(test)


def test_an_erased_credential_stays_erased(run: Run) -> None:
    async def test(one: Setting) -> None:
        one.org.rotates = True
        one.org.gate.clear()
        asking = asyncio.create_task(one.salesforce.session(one.credential_id))
        await asyncio.to_thread(until, lambda: one.org.asked["token"] > 0)
        await one.vault.forget(one.credential_id)
        one.org.gate.set()
        await asking
        assert await one.vault.get(one.credential_id) is None
        stranger = Salesforce(one.salesforce.hosts, one.vault)
        with pytest.raises(SalesforceRefused, match="was removed"):
            await stranger.session(one.credential_id)

    run(test)


def test_what_is_kept_but_makes_no_sense_is_a_refusal(
    run: Run,
) -> None:
    async def test(one: Setting) -> None:
        await one.vault.replace(one.credential_id, "force://canary")
        with pytest.raises(SalesforceRefused, match="no @") as refusal:
            await one.salesforce.session(one.credential_id)
        assert "canary" not in str(refusal.value)

    run(test)


def test_no_proxy_and_no_netrc_is_taken_from_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy":
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))

    async def test(one: Setting) -> None:
        assert await one.salesforce.front_door(one.credential_id, "/")

    run(test)


def test_no_cookie_is_kept(run: Run) -> None:
    async def test(one: Setting) -> None:
        await one.salesforce.artifacts(one.credential_id)
        assert one.org.asked["query"]
        assert one.org.cookies == []

    run(test)


def test_a_redirect_is_not_followed(run: Run) -> None:
    async def test(one: Setting) -> None:
        url = f"http://{one.org.host}/services/oauth2/userinfo"
        one.org.script("token", Reply(307, headers=(("location", url),)))
        with pytest.raises(SalesforceRefused, match="307"):
            await one.salesforce.session(one.credential_id)
        assert not one.org.asked["userinfo"]

    run(test)


def test_a_connection_that_breaks_is_tried_twice_more(run: Run) -> None:
    async def test(one: Setting) -> None:
        one.org.script("token", *[Reply(hang_up=True)] * 2)
        assert (await one.salesforce.session(one.credential_id)).token
        one.org.always["singleaccess"] = Reply(hang_up=True)
        with pytest.raises(SalesforceRefused, match="broke off"):
            await one.salesforce.front_door(one.credential_id, "/")
        assert one.org.asked == {"token": 3, "singleaccess": 3}

    run(test)


def test_a_session_does_not_show_its_token(run: Run) -> None:
    async def test(one: Setting) -> None:
        session = await one.salesforce.session(one.credential_id)
        assert session.token not in repr(session)

    run(test)
