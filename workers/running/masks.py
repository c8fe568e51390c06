"""Blots out what a task was told in confidence, wherever it says it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

# Shorter ones would blot out ordinary words.
SECRET_CHARACTERS_MIN = 4
# Parts of credentials that are good for nothing alone, and that results speak of.
NOT_SECRET = {"username", "instanceUrl", "loginUrl", "orgId", "expiresAt", "tokenType"}


class Masks:
    """The secrets of one task, known to its worker alone."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, answer: object) -> None:
        """Blot out every text of this answer from now on, also as part of others."""
        for text in _texts(answer):
            self._secrets |= {
                form
                for line in (text, *text.splitlines(), *_in_url(text))
                for form in (line, quote(line, safe=""), _as_json(line))
                if len(form) >= SECRET_CHARACTERS_MIN
            }
        longest_first = sorted(self._secrets, key=len, reverse=True)
        if longest_first:
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def hide(self, text: str) -> str:
        """`text` with *** for each secret in it."""
        return self._pattern.sub("***", text) if self._pattern else text

    def hide_cut(
        self, text: str, *, at_start: bool = False, at_end: bool = True
    ) -> str:
        """Of a text that was cut off: what may be half a secret there goes."""
        start = self._where_one_ends(text) if at_start else 0
        end = self._where_one_begins(text) if at_end else len(text)
        for found in self._pattern.finditer(text) if self._pattern else ():
            if found.start() < start < found.end():
                start = found.end()
            if found.start() < end < found.end():
                end = found.start()
        return self.hide(text[start:end])

    def hide_around(self, mark: re.Pattern[str], text: str) -> str:
        """Of a text that was cut where `mark` (one group) is found: on both sides."""
        parts = mark.split(text)  # each mark is one, too
        last = len(parts) - 1
        for n in range(0, len(parts), 2):
            parts[n] = self.hide_cut(parts[n], at_start=n > 0, at_end=n < last)
        return "".join(parts)

    def hide_within(self, value: Any) -> Any:
        """A JSON value, likewise."""
        match value if self._pattern else None:
            case str() as text:
                return self.hide(text)
            case list() as items:
                return [self.hide_within(item) for item in items]
            case dict() as fields:
                return {self.hide(k): self.hide_within(v) for k, v in fields.items()}
            case _:
                return value

    def _where_one_begins(self, text: str) -> int:
        """A secret that goes on after the end of `text`; else that end."""
        longest = max(map(len, self._secrets), default=0)
        for start in range(max(0, len(text) - longest), len(text)):
            if any(secret.startswith(text[start:]) for secret in self._secrets):
                return start
        return len(text)

    def _where_one_ends(self, text: str) -> int:
        """A secret that began before the start of `text`; else that start."""
        longest = max(map(len, self._secrets), default=0)
        for end in range(min(len(text), longest), 0, -1):
            if any(secret.endswith(text[:end]) for secret in self._secrets):
                return end
        return 0


def _texts(answer: object) -> Iterator[str]:
    match answer:
        case str() as text:
            yield text
        case list() as items:
            for item in items:
                yield from _texts(item)
        case dict() as fields:
            for name, value in fields.items():
                if name not in NOT_SECRET:
                    yield from _texts(value)


def _in_url(text: str) -> list[str]:
    """The secrets of `force://id:secret:refresh@host`: not whose it is, nor where."""
    credentials = text.partition("://")[2].rpartition("@")[0]
    return credentials.split(":")[1:]


def _as_json(text: str) -> str:
    return msgspec.json.encode(text.encode(errors="replace").decode()).decode()[1:-1]
