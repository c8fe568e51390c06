"""A test that hangs fails; where it hangs on for all that, its process ends.

pytest-timeout raises an error in the test, once, and does not look at what comes after
a failure. A thread that is joined, or a task that will not be cancelled, may go on for
ever after that: then all stacks are shown, and pytest-xdist, which notes what test it
was, takes another process for what is left.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Generator
from typing import Any, Protocol

import pytest

# For whatever a failed test has to put away.
GRACE_SECONDS = 60
STDERR = pytest.StashKey[int]()


class Settings(Protocol):
    """What pytest-timeout knows of a test."""

    timeout: float


def pytest_configure(config: pytest.Config) -> None:
    """Here nothing is captured: what is shown later must not be, either."""
    config.stash[STDERR] = os.dup(2)


def end_after(seconds: float, config: pytest.Config) -> None:
    faulthandler.dump_traceback_later(seconds, exit=True, file=config.stash[STDERR])


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer(
    item: pytest.Item, settings: Settings
) -> Generator[None, Any, Any]:
    end_after(settings.timeout + GRACE_SECONDS, item.config)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Both pytest and pytest-timeout stop their clocks: a person might look."""
    if isinstance(node, pytest.Item):
        end_after(GRACE_SECONDS, node.config)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_runtest_protocol() -> Generator[None, Any, Any]:
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
