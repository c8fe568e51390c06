"""How far a rebuild is: a bar on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from projections.storage.rebuild import Progress, Stage

LINE_EVERY_SECONDS = 5.0
Report = Callable[[Progress], None]


@contextmanager
def progress_shown() -> Iterator[Report]:
    """What is reported within the block is shown on stderr."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(console).report
        return
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(Stage.READING)

        def report(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.position,
                total=progress.tip,
                description=progress.stage,
            )

        yield report


class RateColumn(ProgressColumn):
    """`52,113 events/s`: of the last half minute, as the time that is left is."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} events/s")


class Lines:
    """`reading: 120000 of 500000 events, 48,113 events/s, 8 s left`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = monotonic()
        self._told_at = self._began
        self._stage = Stage.READING

    def report(self, progress: Progress) -> None:
        now = monotonic()
        is_news = progress.stage is not self._stage
        if is_news or now - self._told_at >= LINE_EVERY_SECONDS:
            self._told_at, self._stage = now, progress.stage
            self._console.out(self._line(progress, now - self._began))

    def _line(self, progress: Progress, seconds: float) -> str:
        position, tip, stage = progress
        line = f"{stage}: {position} of {tip} events"
        if stage is not Stage.READING or not position:
            return line
        rate = position / seconds
        return f"{line}, {rate:,.0f} events/s, {(tip - position) / rate:.0f} s left"
