"""One query for all who ask at the same time, also for those who insist."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import SalesforceRefused
from domain.org import OrgAskedTooOften
from tests.support.fake_org.org import rest_error
from tests.workers.salesforce.setting import Run, Setting
from workers.salesforce.inventory import ASKED_AT_ONCE_MAX


def test_all_who_insist_at_once_share_one_query(run: Run) -> None:
    async def test(one: Setting) -> None:
        asking = [one.inventory.of(one.credential_id, force=True) for _ in range(9)]
        found = await asyncio.gather(*asking)
        assert {(f.cached, f.retrieved_at) for f in found} == {
            (False, found[0].retrieved_at)
        }
        assert one.org.asked["query"] == 1

    run(test)


def test_who_insists_beside_others_gets_no_old_answer(run: Run) -> None:
    async def test(one: Setting) -> None:
        await one.inventory.of(one.credential_id)
        asking = [one.inventory.of(one.credential_id, force=n == 2) for n in range(5)]
        found = await asyncio.gather(*asking)
        assert [f.cached for f in found] == [True, True, False, True, True]
        assert one.org.asked["query"] == 2

    run(test)


def test_an_org_is_not_asked_without_end(run: Run) -> None:
    async def test(one: Setting) -> None:
        for _ in range(ASKED_AT_ONCE_MAX):
            assert not (await one.inventory.of(one.credential_id, force=True)).cached
        with pytest.raises(OrgAskedTooOften):
            await one.inventory.of(one.credential_id, force=True)
        assert one.org.asked["query"] == ASKED_AT_ONCE_MAX
        assert (await one.inventory.of(one.credential_id)).cached

    run(test)


def test_a_failure_is_not_remembered(run: Run) -> None:
    async def test(one: Setting) -> None:
        one.org.script("query", rest_error(400, "INVALID_TYPE"))
        with pytest.raises(SalesforceRefused):
            await one.inventory.of(one.credential_id)
        assert not (await one.inventory.of(one.credential_id)).cached

    run(test)


def test_a_failure_leaves_the_last_answer_to_others(run: Run) -> None:
    async def test(one: Setting) -> None:
        first = await one.inventory.of(one.credential_id)
        one.org.always["query"] = rest_error(400, "INVALID_TYPE")
        with pytest.raises(SalesforceRefused):
            await one.inventory.of(one.credential_id, force=True)
        kept = await one.inventory.of(one.credential_id)
        assert (kept.cached, kept.retrieved_at) == (True, first.retrieved_at)

    run(test)


def test_what_is_erased_meanwhile_is_told_and_not_kept(run: Run) -> None:
    async def test(one: Setting) -> None:
        await one.salesforce.session(one.credential_id)
        await one.vault.forget(one.credential_id)
        found = await one.inventory.of(one.credential_id)
        assert len(found.artifacts) == 3
        assert not (await one.inventory.of(one.credential_id)).cached

    run(test)
