"""One line for each promise: the limit, what was reached, and whether it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("what", "limit", "reached", "ratio", "floor", "", "p50", "p99")


@dataclass(frozen=True)
class Row:
    """`verdict` is None where DESIGN section 8 asks for nothing."""

    what: str
    limit: str
    reached: str
    ratio: float | None = None
    floor: str = ""
    verdict: bool | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    notes: Sequence[str] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        verdicts = {None: "", True: "ok", False: "BELOW"}
        return (
            self.what,
            self.limit,
            self.reached,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            self.floor,
            verdicts[self.verdict],
            _ms(self.p50_ms),
            _ms(self.p99_ms),
        )


def rendered(rows: Sequence[Row]) -> str:
    lines = [HEAD, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    table.insert(1, "  ".join("-" * width for width in widths))
    for row in rows:
        if row.notes:
            table += ["", row.what, *(f"  {note}" for note in row.notes)]
    return "\n".join(table)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"
