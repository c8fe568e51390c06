"""Standard output: a pipe that nobody reads to its end, a disk that is full."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EBADF
from typing import BinaryIO


@contextmanager
def standard_output(code: int = 1) -> Iterator[BinaryIO]:
    """For bytes, which are all written at the end. `OSError` if they cannot be.

    Whoever reads no more, as `head` does, has what he wanted: then the process ends
    with the exit code `code`, and says nothing.
    """
    if sys.stdout is None:  # It was closed before we began.
        raise OSError(EBADF, os.strerror(EBADF))
    try:
        yield sys.stdout.buffer
        sys.stdout.flush()
    except OSError as error:
        # What is left would be written at the process's end, and fail once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            sys.exit(code)
        raise
