"""Receivers that mean no good: none costs more than its time and a little memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.support.receivers import receivers
from tests.workers.outgoing.setting import Speak, post, sending, speaking
from workers.outgoing import Answer, Outgoing, Unreachable

OK = b"HTTP/1.1 200 OK\r\n"
MIB = 1 << 20
MEMORY_BYTES_MAX = 16 * MIB
Test = Callable[[Outgoing, str], Awaitable[None]]


def says(
    *parts: bytes, again: bytes = b"", every_seconds: float | None = None
) -> Speak:
    """Answers `parts`, and then `again` for as long as anybody listens."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
        await writer.drain()
        while again:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(every_seconds or 0)
        if every_seconds is not None:
            await reader.read()

    return speak


def answer_of(speak: Speak, timeout_seconds: float = 5.0) -> Answer:
    async def test() -> Answer:
        async with sending() as (outgoing, _), speaking(speak) as url:
            return await post(outgoing, url, timeout_seconds)

    return asyncio.run(test())


def reason_of(speak: Speak, timeout_seconds: float = 5.0) -> str:
    with pytest.raises(Unreachable) as refusal:
        answer_of(speak, timeout_seconds)
    assert "127.0.0.1" not in refusal.value.reason
    return refusal.value.reason


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MEMORY_BYTES_MAX


@pytest.mark.usefixtures("little_memory")
def test_of_an_endless_answer_little_is_read() -> None:
    size = b"content-length: 1073741824\r\n\r\n"
    answer = answer_of(says(OK, size, again=b"a" * MIB))
    assert (answer.status, answer.head) == (200, b"a" * 2_048)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65_536 + b"\r\n"),
        (b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10_000),
        (b"connection: close\r\n\r\n", b"a" * MIB),
        (b"content-encoding: gzip\r\n\r\n", b"a" * MIB),
    ],
)
def test_however_it_is_framed(start: bytes, again: bytes) -> None:
    answer = answer_of(says(OK, start, again=again))
    assert (answer.status, answer.head) == (200, (b"a" * 2_048))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    ("start", "again"),
    [
        (OK, b"x-a: b\r\n"),
        (OK, b"x-a: b\r\n" * 10_000),
        (OK + b"x-a: ", b"a" * MIB),
        (OK, b"a" * MIB),
        (b"HTTP/1.1 200 ", b"a" * MIB),
        (b"", b"a" * MIB),
        (b"", b"\r\n" * MIB),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1;", b"a" * MIB),
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"0" * MIB),
        (OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-a: b\r\n" * 10_000),
        (OK + b"transfer-encoding: chunked\r\n\r\n0\r\nx-a:", b"a" * MIB),
    ],
)
def test_an_endless_beginning_or_end_is_broken_off(start: bytes, again: bytes) -> None:
    assert "within" not in reason_of(says(start, again=again), 30.0)


@pytest.mark.usefixtures("little_memory")
def test_answers_that_nobody_asked_for_are_not_kept() -> None:
    """They come while the connection waits for the next request."""
    unasked = OK + b"content-length: 0\r\n\r\n"

    async def test() -> None:
        over = asyncio.Event()

        async def speak(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            try:
                while True:
                    writer.write(unasked * 1_000)
                    await writer.drain()
            except ConnectionError:
                over.set()

        async with sending() as (outgoing, _), speaking(speak) as url:
            assert (await post(outgoing, url)).status == 200
            await asyncio.wait_for(over.wait(), 10)

    asyncio.run(test())


@pytest.mark.parametrize(
    "speak",
    [
        says(every_seconds=0),
        says(OK, every_seconds=0),
        says(b"HTTP/1.1 200 ", again=b"a", every_seconds=0.05),
        says(OK, again=b"x", every_seconds=0.05),
        says(OK, b"content-length: 9000\r\n\r\n", again=b"a", every_seconds=0.05),
        says(OK, b"connection: close\r\n\r\n", again=b"a", every_seconds=0.05),
        says(OK, b"transfer-encoding: chunked\r\n\r\n", every_seconds=0),
    ],
)
def test_the_time_is_that_of_the_whole_exchange(speak: Speak) -> None:
    assert "within 0.3 s" in reason_of(speak, 0.3)


@pytest.mark.parametrize(
    ("speak", "why"),
    [
        (says(), "closed the connection"),
        (says(OK), "closed the connection|does not speak HTTP|broke"),
        (says(OK, b"content-length: 10\r\n\r\na"), "broke off"),
        (says(OK, b"transfer-encoding: chunked\r\n\r\n5\r\na"), "broke off"),
        (says(OK, b"transfer-encoding: chunked\r\n\r\nzz\r\n"), "broke off|speak HTTP"),
        (says(OK, b"content-length: -1\r\n\r\n"), "does not speak HTTP"),
        (says(OK, b"content-length: 1\r\ncontent-length: 2\r\n\r\n"), "speak HTTP"),
        (says(b"\x16\x03\x01\x02\x00\x01" * 9), "does not speak HTTP"),
        (says(b"220 mail.example ESMTP\r\n"), "does not speak HTTP"),
        (says(b"HTTP/1.1 99999 A\r\n\r\n"), "does not speak HTTP"),
        (says(b"HTTP/9.9 200 A\r\n\r\n"), "does not speak HTTP"),
        (says(b"HTTP/1.1 200 OK\r\na\x00b: c\r\n\r\n"), "does not speak HTTP"),
    ],
)
def test_nonsense_is_not_an_answer(speak: Speak, why: str) -> None:
    reason = reason_of(speak)
    assert any(one in reason for one in why.split("|")), reason


def test_a_switch_of_protocols_is_an_answer_and_ends_the_connection() -> None:
    async def test() -> None:
        speak = says(
            b"HTTP/1.1 101 -\r\nupgrade: a\r\nconnection: upgrade\r\n\r\n",
            every_seconds=0,
        )
        async with sending() as (outgoing, _), speaking(speak) as url:
            assert (await post(outgoing, url, 1.0)).status == 101

    asyncio.run(test())


def test_who_never_reads_is_given_up() -> None:
    async def speak(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def test() -> None:
        async with sending() as (outgoing, _), speaking(speak) as url:
            with pytest.raises(Unreachable, match=r"within 0\.3 s"):
                await outgoing.post(
                    url,
                    method="POST",
                    headers={},
                    body=b"a" * MIB,
                    timeout_seconds=0.3,
                )

    asyncio.run(test())


def test_who_is_dead_is_told_and_found_again() -> None:
    async def test() -> None:
        async with sending() as (outgoing, _), receivers(1) as [receiver]:
            await post(outgoing, receiver.url)
            await receiver.die()
            with pytest.raises(Unreachable):
                await post(outgoing, receiver.url)
            with pytest.raises(Unreachable, match="cannot be connected to"):
                await post(outgoing, receiver.url)
            await receiver.live()
            assert (await post(outgoing, receiver.url)).status == 200

    asyncio.run(test())


def test_a_slow_one_does_not_delay_another() -> None:
    async def test() -> None:
        async with sending() as (outgoing, _), receivers(2) as [slow, quick]:
            slow.seconds = 60
            waiting = [
                asyncio.create_task(post(outgoing, slow.url, 30)) for _ in range(100)
            ]
            await slow.got(100)
            for _ in range(20):
                assert (await post(outgoing, quick.url)).status == 200
            slow.seconds = 0  # For others at the same host: its gateway's, say.
            for _ in range(20):
                assert (await post(outgoing, slow.url)).status == 200
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(test())
