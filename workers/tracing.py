"""Whether a process has traces: if OpenTelemetry's variables say where to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from workers.settings import SettingsError

WHERE = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def tracing(
    part: str, environment: Mapping[str, str] = os.environ
) -> AbstractContextManager[None]:
    """For the length of the `with` block, if at all; `SettingsError` without the extra.

    `part` is the process's, in the service's name.
    """
    wanted = next((name for name in WHERE if environment.get(name)), None)
    if wanted is None:
        return nullcontext()
    try:
        from workers.otel import sending_traces  # noqa: PLC0415 - of the extra
    except ImportError:
        raise SettingsError(
            f"{wanted} is set, but traces take: pip install 'berth-server[otel]'"
        ) from None
    return sending_traces(part, environment)
