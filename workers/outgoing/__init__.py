"""What Berth sends to addresses that others name: checked, bounded, signed."""

from workers.outgoing.answer import Answer, Unreachable
from workers.outgoing.destination import check_url
from workers.outgoing.headers import check_headers
from workers.outgoing.names import Names
from workers.outgoing.post import Outgoing
from workers.outgoing.signing import new_secret, signed

__all__ = [
    "Answer",
    "Names",
    "Outgoing",
    "Unreachable",
    "check_headers",
    "check_url",
    "new_secret",
    "signed",
]
