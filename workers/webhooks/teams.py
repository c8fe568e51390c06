"""A message for Microsoft Teams: an Adaptive Card, in runs of text without markup."""

from __future__ import annotations

from typing import Any

from workers.webhooks.telling import Told

CARD = "application/vnd.microsoft.card.adaptive"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


def teams(told: Told) -> dict[str, Any]:
    """The body of its webhook, an Adaptive Card: text in it is never markup."""
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": CARD,
                "content": {
                    "$schema": SCHEMA,
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        _line(_run(told.what, weight="bolder"), _run(f": {told.text}")),
                        _line(
                            _run(
                                f"{told.type}, {told.at:%Y-%m-%d %H:%M:%S} UTC",
                                size="small",
                                isSubtle=True,
                            )
                        ),
                    ],
                },
            }
        ],
    }


def _line(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [*runs]}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
