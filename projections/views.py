"""Every view there is, by name."""

from __future__ import annotations

from projections.audit_log import audit_log
from projections.directory import directory
from projections.environment_history import environment_history
from projections.environment_listing import environment_listing
from projections.holds import holds
from projections.release_history import release_history
from projections.schedule_board import schedule_board
from projections.task_board import task_board
from projections.view import View
from projections.webhook_directory import webhook_directory

VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        environment_listing,
        audit_log,
        environment_history,
        holds,
        directory,
        release_history,
        schedule_board,
        task_board,
        webhook_directory,
    )
}
