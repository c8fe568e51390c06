"""Runs one task in a fresh process of its own, whatever that process does."""

from workers.running.assignment import (
    Assignment,
    Cancelled,
    Completed,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.running.context import Context, Credentials, Refused
from workers.running.fork_server import ForkServer, ForkServerError
from workers.running.handlers import Handler, Handlers, task

__all__ = [
    "Assignment",
    "Cancelled",
    "Completed",
    "Context",
    "Credentials",
    "Ending",
    "Failed",
    "FailureKind",
    "ForkServer",
    "ForkServerError",
    "Handler",
    "Handlers",
    "Listener",
    "Refused",
    "task",
]
