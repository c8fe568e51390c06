"""A message for Slack: in blocks that know no markup, so that no name can be any."""

from __future__ import annotations

from typing import Any

from workers.webhooks.telling import Told

# What Slack itself reads in a text: `<!channel>` would call everybody.
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def slack(told: Told) -> dict[str, Any]:
    """`text` is for notifications, and for whoever shows no blocks."""
    return {
        "text": told.sentence.translate(MARKUP),
        "blocks": [
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {
                                "type": "text",
                                "text": told.what,
                                "style": {"bold": True},
                            },
                            {"type": "text", "text": f": {told.text}"},
                        ],
                    }
                ],
            },
            {
                "type": "context",
                "elements": [
                    {
                        "type": "plain_text",
                        "text": f"{told.type}, {told.at:%Y-%m-%d %H:%M:%S} UTC",
                        "emoji": False,
                    }
                ],
            },
        ],
    }
