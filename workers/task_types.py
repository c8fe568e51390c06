"""The types of task that this installation serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.task.types import TaskType

REVIEW_ENVIRONMENTS = (
    "fetchReviewEnvironment",
    "checkReviewEnvironment",
    "extendReviewEnvironment",
    "transitionReviewEnvironment",
    "unassignReviewEnvironment",
    "listAssignedReviewEnvironments",
)


def task_types(served_elsewhere: Sequence[str]) -> Mapping[str, TaskType]:
    """By name. Those `served_elsewhere` have workers in other languages, and a queue
    each."""
    local = [TaskType(name) for name in REVIEW_ENVIRONMENTS]
    others = [TaskType(name, queue=name) for name in served_elsewhere]
    return {one.name: one for one in (*others, *local)}
