r"""What is personal in stored bytes is hidden there; what may be told in its place.

    "requested_by":"\/n17.n0Pq..."    "origin":{"by":"\/o17.3mLs...","role":...

A cipher is marked by how its slash is spelled. It is of a name (`n`), or of a name with
an address and a user agent (`o`), which are fields of their own once it is opened.
"""

from __future__ import annotations

import re

MARK = b'"\\/'
NAME, ORIGIN = b"n", b"o"
CIPHER = re.compile(rb'"\\/([no])\d+\.[\w-]+"')
TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
TOLD = {
    NAME: re.compile(TEXT),
    ORIGIN: re.compile(
        rb'%s(?:,"ip":(?:null|%s),"user_agent":(?:null|%s))?' % (TEXT, TEXT, TEXT)
    ),
}


def hides(state: bytes) -> bool:
    """Whether there is a cipher in it."""
    return CIPHER.search(state) is not None


def tells(event: bytes, state: bytes) -> bool:
    """Whether `event` says what `state` does, and anything at all for each cipher.

    Both are JSON.
    """
    if event == state:
        return True
    at = 0
    for number, part in enumerate(CIPHER.split(state)):
        if number % 2:  # It is the kind of a cipher; what is between them is plain.
            found = TOLD[part].match(event, at)
            if found is None:
                return False
            at = found.end()
        elif event.startswith(part, at):
            at += len(part)
        else:
            return False
    return at == len(event)
