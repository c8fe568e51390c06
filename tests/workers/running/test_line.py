"""What a task says to its worker arrives whole, whoever says it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from workers.running.context import Line
from workers.running.wire import LENGTH, Progressed, Returned, Said

BUFFER_BYTES = 1 << 12  # a frame of the result fills it many times
THREADS, REPORTS = 4, 50
RESULT = "x" * (200 << 10)


@pytest.fixture
def ends() -> Iterator[tuple[Line, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    line = Line(theirs.detach())
    with ours, line._socket:
        yield line, ours


def heard(reading: socket.socket) -> Said:
    def exactly(size: int) -> bytes:
        return reading.recv(size, socket.MSG_WAITALL)

    (length,) = LENGTH.unpack(exactly(LENGTH.size))
    said: Said = msgspec.json.decode(exactly(length), type=Said)
    return said


def test_threads_that_report_do_not_tear_a_result(
    ends: tuple[Line, socket.socket],
) -> None:
    line, worker = ends

    def report() -> None:
        for percent in range(REPORTS):
            line.say(Progressed(percent))

    result = Returned(msgspec.Raw(msgspec.json.encode(RESULT)))
    returning = threading.Thread(target=line.say, args=(result,), daemon=True)
    returning.start()
    worker.recv(1, socket.MSG_PEEK)  # it has begun, and there is no room for its end
    reporting = [threading.Thread(target=report, daemon=True) for _ in range(THREADS)]
    for thread in reporting:
        thread.start()
    said = [heard(worker) for _ in range(THREADS * REPORTS + 1)]
    for thread in (returning, *reporting):
        thread.join()
    assert [one for one in said if isinstance(one, Returned)] == [result]
