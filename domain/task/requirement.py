"""What is asked of a task by those who rely on it and change nothing.

Put beside a step to another stream, it makes both of them one decision.
"""

from __future__ import annotations

from domain.task.commands import Requirement, RequireOver
from domain.task.errors import InstanceGoing, InstanceOver
from domain.task.task import Task, status_of


def check(command: Requirement, task: Task) -> None:
    """`lapse` has been applied to `task`, so that a dead worker's is not going on."""
    status = status_of(task.state)
    if isinstance(command, RequireOver):
        if not task.state.is_over:
            raise InstanceGoing(f"the instance before is {status}")
    elif task.state.is_over:
        raise InstanceOver(f"the instance before is {status}")
