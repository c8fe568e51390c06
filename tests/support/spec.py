"""given(past).when(command, at).then(events): one sentence per rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from domain.decider import Decider, Wait
from domain.errors import DomainError
from domain.event import Command, Event


@dataclass(frozen=True)
class Spec:
    """The rules of one decider. As in the journal, time has its say first."""

    decider: Decider[Any, Any, Any]
    past: Sequence[Event] = ()

    def given(self, *past: Event) -> Spec:
        """What happened before, after what was given already."""
        return Spec(self.decider, [*self.past, *past])

    def when(self, command: Command, at: datetime) -> Question:
        state = self.decider.fold(self.past)
        lapsed = self.decider.lapse(state, at)
        return Question(
            self.decider, command, self.decider.fold(lapsed, state), at, lapsed
        )

    @property
    def state(self) -> Any:
        return self.decider.fold(self.past)


@dataclass(frozen=True)
class Question:
    """A command, put at an instant to a state that time has had its say on."""

    decider: Decider[Any, Any, Any]
    command: Command
    state: Any
    at: datetime
    lapsed: Sequence[Event]

    def then(self, *expected: Event) -> None:
        """What follows: the doing of time, then of the command. Nothing is success."""
        decision = self._decide()
        assert not isinstance(decision, Wait), f"waits for {decision.key}"
        assert [*self.lapsed, *decision] == list(expected)
        self.decider.fold(decision, self.state)  # Whatever happens can be told.

    def refused(self, error: type[DomainError], saying: str | None = None) -> None:
        """Exactly `error`, not a cousin of it, with a message that matches."""
        with pytest.raises(error, match=saying) as refusal:
            self._decide()
        assert refusal.type is error

    def waits(self, key: str) -> None:
        assert self._decide() == Wait(key)

    def _decide(self) -> Sequence[Event] | Wait:
        return self.decider.decide(self.command, self.state, self.at)
