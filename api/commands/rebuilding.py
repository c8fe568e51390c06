"""`berth rebuild`: views, and the stream in NATS."""

from __future__ import annotations

import asyncio
from time import monotonic

from api.commands.data_dir import DataDir
from api.commands.progress import progress_shown
from api.commands.up_folder import journal_of, settings_of
from projections import rebuild as views_anew
from projections.views import VIEWS
from workers.events.anew import make_anew
from workers.settings import SettingsError

EVENTS = "events"


def rebuild(*views: str, data_dir: DataDir | None = None) -> None:
    """Build views anew from the journal, while the server runs.

    Parameters
    ----------
    views
        Their names, such as environment_listing or audit_log; all of them if none is
        given. Also events, which is the stream in NATS.
    data_dir
        The folder of a `berth up` that runs, in place of BERTH_DATABASE_URL.
    """
    if unknown := set(views) - {*VIEWS, EVENTS}:
        known = ", ".join(sorted({*VIEWS, EVENTS}))
        raise SettingsError(f"no view {min(unknown)}; there are {known}")
    if EVENTS in views:
        asyncio.run(make_anew(settings_of(data_dir)))
    wanted = [VIEWS[name] for name in VIEWS if name in views or not views]
    if not wanted:
        print(f"{EVENTS}: will be published anew by a worker")
        return
    began = monotonic()
    with progress_shown() as report:
        views_anew.rebuild(*journal_of(data_dir), wanted, report)
    told = ", ".join(view.name for view in wanted)
    print(f"{told}: rebuilt in {monotonic() - began:.1f} s")
