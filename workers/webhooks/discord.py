"""A message for Discord: a line that mentions nobody, whatever stands in it."""

from __future__ import annotations

import re
from typing import Any

from workers.webhooks.telling import Told

CONTENT_LENGTH_MAX = 2_000
MARKUP = re.compile(r"([\\*_~`|>#\-\[\]()<@:+.!])")


def discord(told: Told) -> dict[str, Any]:
    """The body of its webhook. Nobody is mentioned, whatever the text says."""
    content = f"**{escaped(told.what)}**: {escaped(told.text)}"
    return {
        "content": cut(content),
        "allowed_mentions": {"parse": []},
        "embeds": [
            {
                "footer": {"text": told.type},
                "timestamp": f"{told.at:%Y-%m-%dT%H:%M:%S}Z",
            }
        ],
    }


def escaped(text: str) -> str:
    return MARKUP.sub(r"\\\1", text)


def cut(content: str) -> str:
    """No longer than Discord takes; an escape is not cut in two."""
    if len(content) <= CONTENT_LENGTH_MAX:
        return content
    return content[: CONTENT_LENGTH_MAX - 2].rstrip("\\") + "…"
