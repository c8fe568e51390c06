"""How much of the events NATS keeps."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct


class StreamLimits(Struct, frozen=True):
    """How much the stream keeps, 0 being all; and in how many servers of a cluster."""

    max_age_days: int = 0
    max_mib: int = 0
    replicas: int = 1

    @property
    def max_age(self) -> timedelta:
        return timedelta(days=self.max_age_days)
