"""The lock's promises, kept in every history that anybody can bring about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from unittest.mock import patch

import msgspec
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.decider import Wait
from domain.environment import lock
from domain.environment import queue as queue_rules
from domain.environment.environment import Environment, environment
from domain.environment.events import (
    EnvironmentEvent,
    LockAcquired,
    LockExpired,
    LockGranted,
    LockLapsed,
    LockReleased,
    LockRenewed,
    LockRequested,
)
from domain.environment.lock import LockCommand
from domain.environment.queue import LockQueue, TicketStatus, queue_of
from domain.errors import DomainError
from domain.event import Actor
from tests.support.builders import (
    NOON,
    OWNER,
    acquire,
    nudge,
    registered,
    release,
    renew,
    request,
)

CLIENTS = [Actor(f"client-{n}", OWNER.role.APPLICATION) for n in range(3)]
ENDED_MAX, QUEUED_MAX = 3, 5
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Act:
    """Somebody does something some seconds after the act before."""

    deed: str
    who: Actor
    ticket: int  # Counted back from the latest one.
    lease: int
    patience: int
    wait: int


acts = st.builds(
    Act,
    st.sampled_from(
        ["request", "request", "acquire", "acquire", "renew", "release", "nudge"]
    ),
    st.sampled_from([*CLIENTS, OWNER]),
    st.integers(0, 4),
    st.sampled_from([1, 10, 40]),
    st.sampled_from([5, 1_000]),
    st.sampled_from([0, 0, 0, 1, 7, 30]),
)


@dataclass
class History:
    """What came of some acts: the events with their instants, a state after each."""

    told: list[tuple[datetime, EnvironmentEvent]] = field(default_factory=list)
    states: list[tuple[datetime, Environment]] = field(default_factory=list)
    steps: list[Sequence[EnvironmentEvent]] = field(default_factory=list)

    @property
    def queues(self) -> Iterator[tuple[datetime, LockQueue]]:
        return ((at, state.queue) for at, state in self.states)


def command_of(act: Act, tickets: Sequence[tuple[str, Actor]]) -> LockCommand:
    if act.deed == "nudge" or (act.deed != "request" and not tickets):
        return nudge()
    if act.deed == "request":
        ticket = f"t{len(tickets) + 1}"
        return request(ticket, lease=act.lease, patience=act.patience, actor=act.who)
    ticket, owner = tickets[-1 - act.ticket % len(tickets)]
    match act.deed:
        case "acquire":
            return acquire(ticket, actor=owner, disclose=True)
        case "renew":
            return renew(ticket, act.lease, actor=owner)
        case _:  # A client may try to release what another holds; the owner may.
            return release(ticket, actor=act.who)


def play(script: Sequence[Act]) -> History:
    """As the journal does: time first, then the command. Anything may be refused."""
    history = History()
    state = environment.fold([registered(claim_window_seconds=15)])
    tickets: list[tuple[str, Actor]] = []
    at = NOON
    with (
        patch.object(queue_rules, "ENDED_REMEMBERED_MAX", ENDED_MAX),
        patch.object(lock, "QUEUED_MAX", QUEUED_MAX),
    ):
        for act in script:
            at += timedelta(seconds=act.wait)
            command = command_of(act, tickets)
            news = list(environment.lapse(state, at))
            state = environment.fold(news, state)
            try:
                decision = environment.decide(command, state, at)
            except DomainError:
                decision = []
            if not isinstance(decision, Wait):
                news += decision
                state = environment.fold(decision, state)
            if isinstance(command, lock.RequestLock):
                tickets.append((command.ticket_id, command.by))
            history.told += [(at, event) for event in news]
            history.states.append((at, state))
            history.steps.append(news)
    return history


histories = st.lists(acts, max_size=40).map(play)


@for_all(histories)
def test_there_are_never_two_holders(history: History) -> None:
    holder = None
    for _, event in history.told:
        if isinstance(event, LockGranted):
            assert holder is None
            holder = event.ticket_id
        elif isinstance(event, LockAcquired | LockRenewed):
            assert event.ticket_id == holder
        elif isinstance(event, LockReleased | LockExpired):
            assert event.ticket_id == holder
            holder = None


@for_all(histories)
def test_every_grant_has_the_next_fence(history: History) -> None:
    fences = [e.fence for _, e in history.told if isinstance(e, LockGranted)]
    assert fences == list(range(1, len(fences) + 1))


@for_all(histories)
def test_a_fence_belongs_to_one_ticket_for_ever(history: History) -> None:
    holders: dict[int, str] = {}
    for _, event in history.told:
        fence = getattr(event, "fence", None)
        ticket = getattr(event, "ticket_id", "")
        if fence is not None:
            assert holders.setdefault(fence, ticket) == ticket


@for_all(histories)
def test_nothing_ends_before_its_time(history: History) -> None:
    until: dict[str, datetime] = {}
    for at, event in history.told:
        match event:
            case LockRequested():
                until[event.ticket_id] = event.lapses_at
            case LockGranted() | LockAcquired() | LockRenewed():
                until[event.ticket_id] = event.expires_at
                assert event.expires_at > at
            case LockExpired() | LockLapsed():
                assert at >= until[event.ticket_id]
            case _:
                pass


@for_all(histories)
def test_nothing_outlives_its_time(history: History) -> None:
    for at, queue in history.queues:
        for ticket in queue.tickets.values():
            is_queued = ticket.status is TicketStatus.QUEUED
            until = ticket.lapses_at if is_queued else ticket.expires_at
            assert until is not None
            assert until > at


@for_all(histories)
def test_a_renewal_only_ever_extends(history: History) -> None:
    until: dict[str, datetime] = {}
    for _, event in history.told:
        if isinstance(event, LockAcquired):
            assert event.ticket_id not in until
        if isinstance(event, LockAcquired | LockRenewed):
            assert event.expires_at >= until.get(event.ticket_id, NOON)
            until[event.ticket_id] = event.expires_at


@for_all(histories)
def test_first_come_is_first_served(history: History) -> None:
    events = [event for _, event in history.told]
    asked = [e.ticket_id for e in events if isinstance(e, LockRequested)]
    served = [e.ticket_id for e in events if isinstance(e, LockGranted)]
    assert served == [ticket for ticket in asked if ticket in set(served)]
    assert len(served) == len(set(served))


@for_all(histories)
def test_nobody_waits_while_nobody_holds(history: History) -> None:
    for _, queue in history.queues:
        tickets = list(queue.tickets.values())
        assert queue.holder is (tickets[0] if tickets else None)
        assert queue.queued == tickets[1:]


@for_all(histories)
def test_the_state_stays_small(history: History) -> None:
    for _, queue in history.queues:
        assert len(queue.ended) <= ENDED_MAX
        assert len(queue.queued) <= QUEUED_MAX


@for_all(histories)
def test_folding_at_once_is_folding_one_by_one(history: History) -> None:
    with patch.object(queue_rules, "ENDED_REMEMBERED_MAX", ENDED_MAX):
        start = environment.fold([registered(claim_window_seconds=15)])
        state = environment.fold([event for _, event in history.told], start)
    if history.states:
        assert state == history.states[-1][1]
        assert same_order(state, history.states[-1][1])


@for_all(histories)
def test_a_snapshot_is_the_state(history: History) -> None:
    for _, state in history.states[-1:]:
        copy = msgspec.json.decode(msgspec.json.encode(state), type=Environment)
        assert copy == state
        assert same_order(copy, state)


@for_all(histories)
def test_its_open_tickets_are_all_there_is_to_a_queue(history: History) -> None:
    """A reader that knows only them comes to the same queue."""
    for _, queue in history.queues:
        rebuilt = queue_of(
            list(queue.tickets.values()), queue.fence, queue.claim_window_seconds
        )
        assert rebuilt == replace(queue, ended={})


def same_order(one: Environment, other: Environment) -> bool:
    """Two dicts are equal in whatever order; a queue is not."""
    return list(one.queue.tickets) == list(other.queue.tickets) and list(
        one.queue.ended
    ) == list(other.queue.ended)


@for_all(histories)
def test_time_does_something_exactly_when_it_is_due(history: History) -> None:
    for _, state in history.states:
        due = environment.due(state)
        if due is None:
            assert environment.lapse(state, NOON + timedelta(days=999)) == []
        else:
            assert environment.lapse(state, due - MICROSECOND) == []
            assert environment.lapse(state, due)


@for_all(histories)
def test_who_waits_is_woken_when_the_answer_changes(history: History) -> None:
    states = [state for _, state in history.states]
    for (before, after), news in zip(pairwise(states), history.steps[1:], strict=True):
        waited = {ticket.id for ticket in before.queue.queued}
        wait_on = {ticket.id for ticket in after.queue.queued}
        assert waited - wait_on <= {environment.wakes(event) for event in news}
