"""One process of an installation of a queue: `python -m tests.bench.queues ...`.

NAME URL install
NAME URL work               runs what comes, until stopped
NAME URL calm FOLDER COUNT  submits one, awaits its start, and again; prints the ms
NAME URL flood SECONDS      submits from several submitters; prints how many
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, monotonic_ns

import uvloop
from msgspec.json import encode

from tests.bench.queues import QUEUES
from tests.bench.queues.queue import SUBMITTERS, Flood, Queue, Submit
from tests.bench.starts import CALM_SECONDS, starts


async def calm(queue: Queue, url: str, folder: Path, count: int) -> Sequence[float]:
    taken = []
    with starts(folder) as started:
        async with queue.submitting(url) as submit:
            for _ in range(count):
                asked_ns = monotonic_ns()
                await submit(started.address)
                start_ns = await asyncio.to_thread(started.next_ns)
                taken.append((start_ns - asked_ns) / 1e6)
                await asyncio.sleep(CALM_SECONDS)
    return taken


async def flood(queue: Queue, url: str, seconds: float) -> Flood:
    async with queue.submitting(url) as submit:
        began_at = monotonic()
        until = began_at + seconds
        counts = await asyncio.gather(
            *(submit_until(submit, until) for _ in range(SUBMITTERS))
        )
    return Flood(began_at, sum(counts))


async def submit_until(submit: Submit, until: float) -> int:
    count = 0
    while monotonic() < until:
        await submit("")
        count += 1
    return count


async def main(name: str, url: str, what: str, *arguments: str) -> None:
    queue, told = QUEUES[name], b""
    match what, *arguments:
        case ("install",):
            await queue.install(url)
        case ("work",):
            await queue.work(url)
        case "calm", folder, count:
            told = encode(await calm(queue, url, Path(folder), int(count)))
        case "flood", seconds:
            told = encode(await flood(queue, url, float(seconds)))
        case _:
            raise SystemExit(__doc__)
    print(told.decode())


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
