"""What a task wrote: its beginning and its end, however much there was in between."""

from __future__ import annotations

from collections import deque
from typing import Final

from workers.running.masks import Masks

# Less than what is stored of an attempt, by a line: else the end would be cut off.
KEPT_BYTES: Final = 240 << 10
LINE_BYTES_MAX: Final = 8 << 10
# Beyond what is kept of a line, so that no secret is cut in two before it is masked.
_LINE_BYTES_HELD: Final = LINE_BYTES_MAX + (16 << 10)
_CHARACTER_BYTES_MAX: Final = 4
_LINES_BYTES: Final = 8 << 10
_REST_BYTES: Final = 64 << 10


class Captured:
    """Half of `kept_bytes` goes to the first lines, half to the last."""

    def __init__(self, masks: Masks, kept_bytes: int = KEPT_BYTES) -> None:
        self._masks = masks
        self._head_bytes_left = self._tail_bytes_max = kept_bytes // 2
        self._line = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._left_out_bytes = 0

    @property
    def bytes_at_once(self) -> int:
        """So many are fed within milliseconds, also if each of them is a line."""
        return _LINES_BYTES if self._head_bytes_left > 0 else _REST_BYTES

    def feed(self, chunk: bytes) -> list[str]:
        """Take what was written; return those of the first lines that are complete."""
        lines: list[str] = []
        start = 0
        while self._head_bytes_left > 0:
            newline = chunk.find(b"\n", start)
            end = len(chunk) if newline < 0 else newline
            room = _LINE_BYTES_HELD - len(self._line)
            self._line += chunk[start : min(end, start + room)]
            if newline < 0:
                return lines
            start = newline + 1
            lines.append(self._readable(bytes(self._line)))
            self._line.clear()
            self._head_bytes_left -= _size_of(lines[-1])
        self._keep_for_the_end(chunk[start:])
        return lines

    def close(self) -> list[str]:
        """The last lines, after one that tells how much came between, if any did."""
        if self._head_bytes_left > 0:
            return [self._readable(bytes(self._line))] if self._line else []
        raw = b"".join(self._tail)
        if self._left_out_bytes:  # what is left of a line may end in half a secret
            whole_lines = raw.partition(b"\n")[2]
            self._left_out_bytes += len(raw) - len(whole_lines)
            raw = whole_lines
        last: deque[str] = deque()
        room = self._tail_bytes_max
        lines = raw.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        while lines:
            line = self._readable(lines[-1][:_LINE_BYTES_HELD])
            room -= _size_of(line)
            if room < 0:
                break
            last.appendleft(line)
            lines.pop()
        left_out = self._left_out_bytes + sum(len(line) + 1 for line in lines)
        return [f"... {left_out} bytes left out ...", *last] if left_out else list(last)

    def _keep_for_the_end(self, chunk: bytes) -> None:
        """Kept as it came: to take gigabytes apart that nobody will see costs time."""
        if chunk:
            self._tail.append(chunk)
            self._tail_bytes += len(chunk)
        while self._tail and self._tail_bytes - len(self._tail[0]) > (
            self._tail_bytes_max + _LINE_BYTES_HELD
        ):
            gone = len(self._tail.popleft())
            self._tail_bytes -= gone
            self._left_out_bytes += gone

    def _readable(self, raw: bytes) -> str:
        text = raw.decode(errors="replace").replace("\0", "").removesuffix("\r")
        if len(raw) < _LINE_BYTES_HELD:
            text = self._masks.hide(text)
        else:  # half a character, and half a secret
            text = self._masks.hide_cut(text.rstrip("\N{REPLACEMENT CHARACTER}"))
        if len(text) <= LINE_BYTES_MAX // _CHARACTER_BYTES_MAX:
            return text
        kept = text.encode()[:LINE_BYTES_MAX].decode(errors="ignore")
        return kept if len(kept) == len(text) else kept + " ... (cut)"


def _size_of(line: str) -> int:
    return len(line.encode()) + 1
