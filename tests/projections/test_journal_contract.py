"""What every journal promises: order, all or nothing, and nobody hurts another."""

from __future__ import annotations

import asyncio
from dataclasses import replace as variant
from datetime import datetime
from typing import Any

import pytest

from domain.decider import Step
from domain.environment.details import ReviseEnvironment
from domain.environment.environment import environment
from domain.environment.events import EnvironmentRevised
from domain.errors import DomainError, EnvironmentNotFound, NotHolder, ProjectNotFound
from domain.event import Actor, Command
from domain.project import AddEnvironment, RegisterProject, project
from domain.record import Origin
from domain.roles import Role
from tests.projections.journal_contract import OpenRig, begin, folded, kinds, until
from tests.support.builders import (
    OWNER,
    STRANGER,
    acquire,
    by,
    register,
    release,
    request,
    to,
)


class BugError(Exception):
    """Nobody foresaw it."""


def break_down(_: Command, __: Any, ___: datetime) -> Any:
    raise BugError


broken = variant(environment, decide=break_down)


def test_calls_that_gather_are_decided_in_the_order_they_came(
    open_rig: OpenRig,
) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            tickets = [f"t{n}" for n in range(20)]
            calls = [rig.journal.execute(to("e", request(t))) for t in tickets]
            outcomes = await asyncio.gather(*calls)
            assert list(outcomes[-1].states[0].queue.tickets) == tickets
            assert [o.position for o in outcomes] == [3, *range(4, 23)]
            assert kinds(outcomes[0].events) == ["LockRequested", "LockGranted"]
            assert kinds(outcomes[1].events) == ["LockRequested"]

    asyncio.run(scenario())


def test_an_outcome_has_the_events_the_states_and_the_instant(
    open_rig: OpenRig,
) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e1", "e2")
            outcome = await rig.journal.execute(
                to("e1", request("a")), to("e2", request("b"))
            )
            [first, second] = outcome.states
            assert list(first.queue.tickets) == ["a"]
            assert list(second.queue.tickets) == ["b"]
            last = rig.records()[-1]
            assert (outcome.position, outcome.at) == (last.position, last.origin.at)
            assert outcome.events == [r.event for r in rig.records()[-4:]]

    asyncio.run(scenario())


def test_nothing_to_append_is_success_at_position_zero(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            outcome = await rig.journal.execute(to("e", register()))
            assert (outcome.events, outcome.position) == ([], 0)
            assert outcome.states[0].details.name == "uat"
            assert len(rig.records()) == 1

    asyncio.run(scenario())


def test_a_later_step_sees_what_an_earlier_one_did(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            outcome = await rig.journal.execute(
                to("e", register(), fresh=True),
                to("e", request("a")),
                to("e", acquire("a")),
            )
            assert kinds(outcome.events) == [
                "EnvironmentRegistered",
                "LockRequested",
                "LockGranted",
                "LockAcquired",
            ]
            assert outcome.states[0] == outcome.states[2]

    asyncio.run(scenario())


@pytest.mark.parametrize("refused_first", [True, False])
def test_steps_together_are_appended_together_or_not_at_all(
    open_rig: OpenRig, refused_first: bool
) -> None:
    good, bad = to("e1", request("a")), to("missing", request("b"))
    steps = [bad, good] if refused_first else [good, bad]

    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e1")
            with pytest.raises(EnvironmentNotFound):
                await rig.journal.execute(*steps)
            assert len(rig.records()) == 1
            later = await rig.journal.execute(to("e1", request("c")))
            assert list(later.states[0].queue.tickets) == ["c"]

    asyncio.run(scenario())


def test_steps_of_different_deciders_share_one_append(open_rig: OpenRig) -> None:
    url = "https://github.com/acme/shop"
    found = RegisterProject(by=OWNER, identifier="acme/shop", remote_url=url)
    add = AddEnvironment(
        by=OWNER,
        environment_id="e",
        name="uat",
        category=register().registered.category,
        salesforce_username=None,
    )
    both = [Step(project, "p", add), to("e", register(), fresh=True)]

    async def scenario() -> None:
        async with open_rig() as rig:
            with pytest.raises(ProjectNotFound):
                await rig.journal.execute(*both)
            assert not rig.records()
            await rig.journal.execute(Step(project, "p", found))
            outcome = await rig.journal.execute(*both)
            assert kinds(outcome.events) == [
                "EnvironmentAdded",
                "EnvironmentRegistered",
            ]
            assert len({r.origin.at for r in rig.records()[1:]}) == 1

    asyncio.run(scenario())


def test_a_refusal_reaches_its_caller_and_nobody_else(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a")))
            refused, granted, unknown = await asyncio.gather(
                rig.journal.execute(to("e", release("a", actor=STRANGER))),
                rig.journal.execute(to("e", request("b"))),
                rig.journal.execute(to("missing", request("c"))),
                return_exceptions=True,
            )
            assert type(refused) is NotHolder
            assert not isinstance(granted, BaseException)
            assert type(unknown) is EnvironmentNotFound

    asyncio.run(scenario())


def test_an_unexpected_error_fails_its_own_call_alone(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            first, failed, second = await asyncio.gather(
                rig.journal.execute(to("e", request("a"))),
                rig.journal.execute(
                    to("e", request("x")), Step(broken, "e", request("y"))
                ),
                rig.journal.execute(to("e", request("b"))),
                return_exceptions=True,
            )
            assert type(failed) is BugError
            assert not isinstance(first, BaseException)
            assert not isinstance(second, BaseException)
            assert list(second.states[0].queue.tickets) == ["a", "b"]
            assert folded(environment, rig.records(), "e") == second.states[0]

    asyncio.run(scenario())


def test_positions_have_no_gap_after_refusals_and_errors(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            for n in range(5):
                with pytest.raises(DomainError):
                    await rig.journal.execute(
                        to("e", request(f"x{n}")), to("missing", request("y"))
                    )
                with pytest.raises(BugError):
                    await rig.journal.execute(Step(broken, "e", request("z")))
                await rig.journal.execute(to("e", request(f"t{n}")))
            assert [r.position for r in rig.records()] == list(range(1, 8))

    asyncio.run(scenario())


def test_a_caller_who_has_gone_is_passed_over(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            gone = asyncio.create_task(rig.journal.execute(to("e", request("a"))))
            await asyncio.sleep(0)  # So that it has asked before it goes.
            gone.cancel()
            outcome = await rig.journal.execute(to("e", request("b")))
            assert list(outcome.states[0].queue.tickets) == ["b"]
            with pytest.raises(asyncio.CancelledError):
                await gone

    asyncio.run(scenario())


def test_every_event_says_who_when_and_from_where(open_rig: OpenRig) -> None:
    actor = Actor("ci", Role.OWNER, "builds", "r-1", "192.0.2.7", "curl/8")
    revised = EnvironmentRevised(description="new")

    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            before = rig.journal.now()
            outcome = await rig.journal.execute(
                to("e", ReviseEnvironment(by=actor, revised=revised)),
                to("e", request("a")),
            )
            after = rig.journal.now()
            revision, asked, _ = [r.origin for r in rig.records()[1:]]
            assert revision == Origin(
                by="ci",
                role=Role.OWNER,
                at=outcome.at,
                application="builds",
                request_id="r-1",
                ip="192.0.2.7",
                user_agent="curl/8",
                cause=None,
            )
            assert (asked.by, asked.at) == ("by-a", outcome.at)
            assert before <= outcome.at <= after

    asyncio.run(scenario())


def test_the_journal_s_time_is_never_before_an_event_it_holds(
    open_rig: OpenRig,
) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await begin(rig, "e")
            for n in range(20):
                outcome = await rig.journal.execute(to("e", request(str(n))))
                assert rig.journal.now() >= outcome.at

    asyncio.run(scenario())


def test_the_time_passes_between_appends(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            start = rig.journal.now()
            rig.pass_time(0.001)
            await until(lambda: rig.journal.now() > start)

    asyncio.run(scenario())


def test_a_fresh_stream_is_one_like_any_other_afterwards(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            streams = [f"e{n}" for n in range(30)]
            await asyncio.gather(*(begin(rig, stream) for stream in streams))
            asked = [rig.journal.execute(to(s, request("a"))) for s in streams]
            for outcome in await asyncio.gather(*asked):
                assert list(outcome.states[0].queue.tickets) == ["a"]
            again = await rig.journal.execute(to("e7", release("a", actor=by("a"))))
            assert again.states[0].queue.holder is None

    asyncio.run(scenario())
