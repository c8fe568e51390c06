"""A reader that takes next to nothing is dropped, and costs next to nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import httpx2
import psutil
import psycopg
import pytest

from domain.project_events import ProjectRegistered
from domain.roles import Role
from tests.golden.examples import path_of
from tests.support.client import Caller
from tests.support.events import STREAM, following, page
from tests.support.running import HOST, Api, Installation, free_port, until
from workers.supervisor import Command

EVENTS, PADDING = 8_000, "x" * 4_000
READERS = 20
# What one may cost: a piece of the journal, and as much again in uvicorn's buffer.
BYTES_EACH_MAX = 1024 * 1024
# As in production, but sooner.
SOONER = """
from api import event_stream, http_limits
event_stream.PATIENCE_SECONDS = 1.5
http_limits.STALLED_SECONDS_MAX = 5.0
"""
FILL = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
SELECT 'projects/' || n, 1, 'project.registered', %s, n
FROM generate_series(1, %s) AS n
"""


class Impatient(NamedTuple):
    """A process that waits for nobody, on a journal of 32 MB."""

    api: Api
    process: Command

    def connections(self) -> int:
        """How many clients have one open."""
        open_ = psutil.Process(self.process.pid).net_connections("tcp")
        mine = [one for one in open_ if one.laddr.port == self.api.port]
        return len([one for one in mine if one.status == psutil.CONN_ESTABLISHED])


@pytest.fixture
def there(own_journal_url: str, installation: Installation) -> Iterator[Impatient]:
    event = ProjectRegistered("acme/shop", "", "github", {})
    stored = json.loads(path_of(event).read_bytes())
    stored["event"]["remote_url"] = PADDING
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(FILL, (json.dumps(stored).encode(), EVENTS))
    port = free_port()
    own = {"BERTH_DATABASE_URL": own_journal_url, "BERTH_PORT": str(port)}
    process = installation.berth("api", name="impatient", first=SOONER, **own)
    url = f"http://{HOST}:{port}"
    with process, httpx2.Client(base_url=f"{url}/sfp/api", timeout=30) as http:
        api = Api(url, port, http)
        until(api.is_ready)
        yield Impatient(api, process)


def opened(api: Api, reader: Caller) -> socket.socket:
    """A stream from the very first event on, of which one byte is read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect((HOST, api.port))
    connection.sendall(
        (
            f"GET /sfp/api/events?after=0 HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Accept: {STREAM}\r\nAuthorization: Bearer {reader.token}\r\n\r\n"
        ).encode()
    )
    connection.settimeout(30)
    assert connection.recv(1) == b"H"
    return connection


def test_who_takes_a_byte_is_cut_off_and_memory_stays_bounded(
    there: Impatient,
) -> None:
    reader, server = there.api.caller(Role.OWNER), psutil.Process(there.process.pid)
    page(reader, limit=1_000)  # Whatever is needed anyway is there by now.
    sizes = [server.memory_info().rss]
    with ExitStack() as stack:
        for _ in range(READERS):
            stack.enter_context(opened(there.api, reader))
        assert there.connections() > READERS // 2

        def are_cut_off() -> bool:
            sizes.append(server.memory_info().rss)
            return there.connections() <= 1

        until(are_cut_off)
    assert following(there.api) == 0
    assert max(sizes) - sizes[0] < READERS * BYTES_EACH_MAX
    assert len(page(reader, limit=10)["events"]) == 10


def test_who_reads_on_in_time_is_told_where_he_was(there: Impatient) -> None:
    with opened(there.api, there.api.caller(Role.OWNER)) as connection:
        until(lambda: following(there.api) == 1)
        until(lambda: following(there.api) == 0)
        heard = b""
        while not heard.endswith(b"0\r\n\r\n"):
            more = connection.recv(1 << 20)
            assert more, "cut off in the middle"
            heard += more
    _, _, last = heard.rpartition(b"event: berth.end\ndata: ")
    end = json.loads(last.partition(b"\n")[0])
    assert end["code"] == "SLOW"
    ids = [line for line in heard.split(b"\n") if line.startswith(b"id: ")]
    assert ids[-1] == b"id: " + end["resumeAfter"].encode()
    assert 0 < int(end["resumeAfter"]) < EVENTS
