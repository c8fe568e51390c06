"""The release history: what was released to each environment, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from msgspec.structs import asdict

from domain.environment.events import EnvironmentRetired
from domain.naming import fold
from domain.record import Recorded
from domain.release import ReleasePublished
from projections.queries import load
from projections.view import Row, View, Write

sql = load("release_history")

Shown = ReleasePublished | EnvironmentRetired


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    published: list[Row] = []
    gone: list[Row] = []
    for record in records:
        match record.event:
            case ReleasePublished() as release:
                key = {"position": record.position, "domain_key": fold(release.domain)}
                published.append(asdict(release) | key)
            case EnvironmentRetired():
                gone.append({"id": record.originator_id})
            case _:
                pass  # Not every event shows in this view.
    yield sql["add_releases"], published
    yield sql["remove_environments"], gone


release_history = View(
    "release_history",
    ("release", "gone_environment"),
    project,
    get_args(Shown),
    erase=(sql["erase_releases"],),
)
