"""What callers get wrong about webhooks, field by field."""

from __future__ import annotations

from tests.api.bad_input import (
    DIGITS,
    NOT_NAME,
    NOT_SECONDS,
    NOT_TEXT,
    Route,
    Values,
)

NOT_PATTERNS = (*NOT_TEXT, "null", '""', '"lock"', '"Lock.*"', '"nothing.at_all"')
NOT_URLS = ("https://[", "https://a\\u2100b.example", "", "https:", "https://a:b")
NOT_CONFIGS = (
    *("null", "7", '"a"', "[]"),
    *(f'{{"url": "{url}"}}' for url in NOT_URLS),
)
WEBHOOK_DETAILS: Values = {
    "provider": ('"Slack"', '"mail"', '""', "null", "7"),
    "timeout": (*NOT_SECONDS, "99", "30001", "null"),
    "retryCount": (*NOT_SECONDS[1:5], "21", DIGITS),
    "retryDelay": (*NOT_SECONDS, "99", "86400001"),
    "status": ('"failed"', '"Active"', "null", "1"),
}
WEBHOOK_ROUTES = {
    "webhook": Route(
        "POST",
        "/webhooks",
        good={
            "name": '"a"',
            "event": '"*"',
            "config": '{{"url": "https://a.example"}}',
        },
        bad={"name": NOT_NAME, "event": NOT_PATTERNS, "config": NOT_CONFIGS}
        | WEBHOOK_DETAILS,
        required=("name", "event", "config"),
    ),
    "patch webhook": Route(
        "PATCH",
        "/webhooks/{webhook}",
        bad={"name": NOT_NAME, "event": NOT_PATTERNS, "config": NOT_CONFIGS}
        | WEBHOOK_DETAILS,
    ),
    "rotate": Route(
        "POST",
        "/webhooks/{webhook}/rotate-secret",
        bad={"overlapSeconds": (*NOT_SECONDS[1:], "604801")},
    ),
    "deliver": Route(
        "POST",
        "/webhooks/{webhook}/deliver",
        good={"position": "1"},
        bad={
            "position": (*NOT_SECONDS[:5], DIGITS, "true", "[]", "9007199254740993"),
            "eventId": (*NOT_TEXT, '"1"', '""'),
        },
    ),
}
