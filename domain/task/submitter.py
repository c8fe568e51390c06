"""Whoever submitted a task, for what is done in that name: as much as he may, no more.

An application's token goes along: once it is revoked or has expired, nothing more is
done in its name. The token of a person or of a CI job is often meant to live for
minutes, less than the task, and cannot be revoked: what it allowed at first holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.decider import Step
from domain.event import Actor
from domain.task.events import Submitter
from domain.token import UseToken, stream_of, token


def submitter_of(by: Actor) -> Submitter:
    """As it was when they submitted; repositories are sorted."""
    limit = None if by.repositories is None else sorted(by.repositories)
    return Submitter(by.id, by.role, by.application, limit, by.token_id)


def actor_of(submitter: Submitter, operation_id: str = "") -> Actor:
    """`operation_id` of the task that acts, which stands for a request's id."""
    limit = submitter.repositories
    return Actor(
        submitter.id,
        submitter.role,
        submitter.application,
        request_id=operation_id,
        repositories=None if limit is None else frozenset(limit),
        token_id=submitter.token_id,
    )


def guard_of(by: Actor) -> Sequence[Step]:
    """What goes before the steps that are taken in the name of `by`."""
    if by.token_id is None:
        return []
    return [Step(token, stream_of(by.token_id), UseToken(by=by))]
