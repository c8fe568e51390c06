"""Standard output: a pipe that nobody reads to its end, a disk that is full."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """For bytes, which are all written at the end. `OSError` if they cannot be.

    Whoever reads no more, as `head` does, has what he wanted: then the process ends
    with exit code 1, and says nothing.
    """
    try:
        yield sys.stdout.buffer
        sys.stdout.flush()
    except OSError as error:
        # What is left would be written at the process's end, and fail once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        raise
