"""What a task writes is kept, within bounds, as text that can be stored."""

from __future__ import annotations

import psutil

from projections.storage.task_log import ATTEMPT_BYTES_MAX
from tests.workers.running.stage import carried_out
from workers.running import Completed
from workers.running.captured import KEPT_BYTES, LINE_BYTES_MAX, Captured
from workers.running.masks import Masks


def test_lines_are_heard_in_order_also_the_unfinished_last_one() -> None:
    _, ear = carried_out("write", hex=b"one\ntwo\r\n\nlast".hex())
    assert ear.lines == ["one", "two", "", "last"]


def test_what_is_not_utf_8_is_replaced_and_nul_removed() -> None:
    _, ear = carried_out("write", hex=b"a\xffb\0c\n".hex())
    assert ear.lines == ["a\N{REPLACEMENT CHARACTER}bc"]


def test_a_long_line_is_cut() -> None:
    _, ear = carried_out("write", hex=b"x".hex(), times=100_000)
    assert ear.lines == ["x" * LINE_BYTES_MAX + " ... (cut)"]


def test_of_a_gigabyte_the_beginning_and_the_end_are_kept() -> None:
    before = psutil.Process().memory_info().rss
    line = b"0123456789abcde\n"
    ending, ear = carried_out("write", hex=line.hex(), times=1 << 16, chunks=1 << 10)
    assert ending == Completed(None)
    kept = sum(len(text) + 1 for text in ear.lines)
    assert KEPT_BYTES * 0.9 < kept < KEPT_BYTES * 1.01
    (told,) = (text for text in ear.lines if text.endswith(" bytes left out ..."))
    left_out = int(told.split()[1])
    assert left_out + kept - len(told) - 1 == 1 << 30
    assert psutil.Process().memory_info().rss - before < 64 << 20


def test_all_that_is_kept_finds_room_where_it_is_stored() -> None:
    captured = Captured(Masks())
    lines = captured.feed((b"x" * LINE_BYTES_MAX + b"yz\n") * 100 + b"the error\n")
    lines += captured.close()
    stored = "".join(f"{line}\n" for line in lines).encode()
    assert lines[-1] == "the error"
    assert len(stored) < ATTEMPT_BYTES_MAX


def test_a_gigabyte_without_a_newline_is_one_line() -> None:
    _, ear = carried_out("write", hex=b"x".hex(), times=1 << 20, chunks=1 << 10)
    assert ear.lines == ["x" * LINE_BYTES_MAX + " ... (cut)"]


def test_however_it_comes_in_pieces_nothing_is_lost_or_doubled() -> None:
    text = "".join(f"line {n}\n" for n in range(2_000))
    for size in (1, 7, 64, 4_096, len(text)):
        captured, lines = Captured(Masks(), kept_bytes=1_000), list[str]()
        for start in range(0, len(text), size):
            lines += captured.feed(text[start : start + size].encode())
        lines += captured.close()
        at = next(n for n, line in enumerate(lines) if line.startswith("..."))
        left_out = int(lines[at].split()[1])
        head, tail = ("\n".join(part) for part in (lines[:at], lines[at + 1 :]))
        assert text.startswith(head)
        assert text.endswith(tail + "\n")
        assert len(head) + len(tail) + 2 + left_out == len(text)
