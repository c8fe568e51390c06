"""Stored histories, each as it was the day it was made, and what came of it.

    python -m tests.golden.history           writes one more, of what Berth does today
    python -m tests.golden.history outcomes  writes anew what comes of them

A folder of `histories/` has the journal, a row a line, which is never touched again;
`states.json`, what the deciders make of each stream; `views.json`, the rows of every
view. A later version comes to the same. It may tell more: a field that was not there is
no difference. Whoever means to change what is there writes the outcomes anew, and
answers for what `git diff` then shows.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, get_args

import msgspec
import psycopg
from psycopg import sql

from domain.access import AccessEvent, access
from domain.catalog import AnyEvent
from domain.decider import Decider
from domain.environment.environment import environment
from domain.environment.events import EnvironmentEvent
from domain.event import Event
from domain.once import RequestCarriedOut, once
from domain.org import OrgEvent, orgs
from domain.project import project
from domain.project_events import ProjectEvent
from domain.record import Recorded
from domain.release import ReleasePublished, release
from domain.review_index import ReviewEnvironmentChosen, review_index
from domain.subject import SubjectErased, subject
from domain.task.concurrency import TaskKeyEvent, concurrency
from domain.task.events import TaskEvent
from domain.task.lifecycle import lifecycle
from domain.task.schedule import schedule
from domain.task.schedule_events import ScheduleEvent
from domain.token import TokenEvent, token
from domain.webhook.events import WebhookEvent
from domain.webhook.places import WebhookPlaceEvent, places
from domain.webhook.webhook import webhook
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.mapper import recorded
from projections.views import VIEWS
from tests.support.history.pipelines import Manners
from tests.support.history.traffic import Load, history
from tests.support.journal_rows import Row, copy_rows, rows_of
from tests.support.servers import embedded_servers, fresh_database, migrated

HISTORIES = Path(__file__).parent / "histories"
JOURNAL, STATES, VIEW_ROWS = "journal.ndjson", "states.json", "views.json"
BEGIN = datetime(2026, 1, 5, 7, tzinfo=UTC)
SPAN = timedelta(hours=3)
SEED = 1
# Little goes on, and much of it goes wrong.
LOAD = Load(
    environments=5,
    deployments=40,
    tasks=500,
    looks=700,
    reviews=300,
    crowd=25,
    crowd_after=timedelta(minutes=40),
    manners=Manners(
        never_comes=0.08,
        never_leaves=0.08,
        gives_up=0.08,
        is_impatient=0.08,
        is_forced=0.08,
    ),
)

Json = Any
AnyDecider = Decider[Any, Any, Any]
# Whose events a stream holds says which decider folds it.
DECIDERS: Mapping[type[Event], AnyDecider] = {
    **dict.fromkeys(get_args(EnvironmentEvent), environment),
    **dict.fromkeys(get_args(ProjectEvent), project),
    **dict.fromkeys(get_args(OrgEvent), orgs),
    **dict.fromkeys(get_args(TokenEvent), token),
    **dict.fromkeys(get_args(AccessEvent), access),
    **dict.fromkeys(get_args(TaskEvent), lifecycle),
    **dict.fromkeys(get_args(ScheduleEvent), schedule),
    **dict.fromkeys(get_args(TaskKeyEvent), concurrency),
    **dict.fromkeys(get_args(WebhookEvent), webhook),
    **dict.fromkeys(get_args(WebhookPlaceEvent), places),
    ReleasePublished: release,
    ReviewEnvironmentChosen: review_index,
    RequestCarriedOut: once,
    SubjectErased: subject,
}


class Line(msgspec.Struct, frozen=True):
    """A row of the journal; `state` is the text of its very bytes."""

    position: int
    stream: str
    version: int
    topic: str
    state: str

    @property
    def row(self) -> Row:
        state = self.state.encode()
        return self.stream, self.version, self.topic, state, self.position

    @property
    def record(self) -> Recorded:
        state = self.state.encode()
        return recorded(self.stream, self.version, self.position, state)


def folders() -> Sequence[Path]:
    return sorted(path for path in HISTORIES.iterdir() if path.is_dir())


def lines_of(folder: Path) -> Sequence[Line]:
    lines = (folder / JOURNAL).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Line) for line in lines]


def states(records: Sequence[Recorded]) -> Json:
    """Each stream, folded to its end."""
    found: dict[str, Any] = {}
    for record in records:
        stream, decider = record.originator_id, DECIDERS[type(record.event)]
        state = found.get(stream, decider.initial)
        found[stream] = decider.evolve(state, record.event)
    return {k: shown(found[k]) for k in sorted(found) if found[k] is not None}


def shown(state: Any) -> Json:
    """Structs as objects, mappings as pairs: only the former may get more fields."""
    if isinstance(state, msgspec.Struct):
        fields = state.__struct_fields__
        return {field: shown(getattr(state, field)) for field in fields}
    if isinstance(state, Mapping):
        return [[key, shown(value)] for key, value in state.items()]
    if isinstance(state, list | tuple):
        return [shown(value) for value in state]
    return msgspec.to_builtins(state)


def view_rows(url: str) -> Json:
    """Of every table of every view, brought up to date as the keepers do it."""
    with closing(Database(url, name="golden")) as database:
        store = ViewStore(database)
        for view in VIEWS.values():
            while store.advance(view):
                pass
    with psycopg.connect(url) as connection:
        return {
            name: {table: _rows(connection, table) for table in view.tables}
            for name, view in VIEWS.items()
        }


def _rows(connection: psycopg.Connection[Any], table: str) -> Json:
    query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY 1")
    found = connection.execute(query.format(sql.Identifier(table))).fetchall()
    return sorted((row for (row,) in found), key=json.dumps)


def load(url: str, lines: Sequence[Line]) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        copy_rows(cursor, (line.row for line in lines))


def differences(kept: Json, now: Json, where: str = "") -> Iterator[str]:
    """Where `now` does not say what was `kept`."""
    if isinstance(kept, dict) and isinstance(now, dict):
        for key, value in kept.items():
            if key not in now:
                yield f"{where}.{key} is gone"
            else:
                yield from differences(value, now[key], f"{where}.{key}")
    elif isinstance(kept, list) and isinstance(now, list):
        if len(kept) != len(now):
            yield f"{where} has {len(now)} in place of {len(kept)}"
        for number, (value, other) in enumerate(zip(kept, now, strict=False)):
            yield from differences(value, other, f"{where}[{number}]")
    elif kept != now:
        yield f"{where} is {now!r}, and was {kept!r}"


def write_one_more() -> Path:
    """What goes on in Berth today, in a folder of its own."""
    HISTORIES.mkdir(exist_ok=True)
    folder = HISTORIES / f"{len(folders()) + 1}"
    folder.mkdir()
    lines = [
        Line(position, stream, version, topic, state.decode())
        for stream, version, topic, state, position in rows_of(eventful())
    ]
    journal = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (folder / JOURNAL).write_bytes(journal)
    return folder


def eventful() -> Sequence[Recorded]:
    """A history in which every event happens: that of the first seed that has one."""
    for seed in count(SEED):
        records = history(seed, BEGIN, BEGIN + SPAN, LOAD).records
        if {type(record.event) for record in records} == set(get_args(AnyEvent)):
            return records
    raise AssertionError


def write_outcomes(folder: Path) -> None:
    lines = lines_of(folder)
    write(folder / STATES, states([line.record for line in lines]))
    with (
        tempfile.TemporaryDirectory() as data,
        embedded_servers(Path(data)) as servers,
        fresh_database(servers.database_url) as url,
    ):
        migrated(url)
        load(url, lines)
        write(folder / VIEW_ROWS, view_rows(url))


def write(path: Path, outcome: Json) -> None:
    path.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    is_made = sys.argv[1:] == ["outcomes"]
    chosen = folders() if is_made else [write_one_more()]
    for folder in chosen:
        write_outcomes(folder)
        print(f"wrote {folder}")


if __name__ == "__main__":
    main()
