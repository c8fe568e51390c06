"""What may come of a check, if not that all is as it was."""

from __future__ import annotations


class Unreadable(Exception):
    """It is not what it should be a proof of: nothing can be said about it."""


class Tampered(Exception):
    """It can be read, and something in it is not as it was; the message names it."""
