"""Spans of what happens, when an installation has traces; else none is made.

OpenTelemetry is not imported here: it comes with an extra, through `sending_traces`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

_NONE: AbstractContextManager[Any] = nullcontext()


class Traces:
    """`tracer` is OpenTelemetry's; None: there are no traces."""

    def __init__(self) -> None:
        self.tracer: Any = None

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """What happens inside is a span of this name; None is given if there is none.

        `task_type="x"` becomes the attribute `berth.task_type`. What is raised inside
        is not told: it may be but a refusal, and has names in it.
        """
        if self.tracer is None:
            return _NONE
        named = {f"berth.{key}": value for key, value in attributes.items()}
        span: AbstractContextManager[Any] = self.tracer.start_as_current_span(
            name,
            attributes=named,
            record_exception=False,
            set_status_on_exception=False,
        )
        return span


TRACES = Traces()
