"""Examples for the API document, of webhooks."""

from __future__ import annotations

from typing import Any

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 - made up
CONFIG: dict[str, Any] = {
    "url": "https://ci.myorg.example/berth",
    "method": "POST",
    "headers": {"X-Api-Key": "<key>"},
    "filter": {
        "repositoryIdentifier": "myorg/myrepo",
        "environmentId": None,
        "category": "release",
        "types": ["lock.acquired", "lock.released"],
    },
}
WEBHOOK: dict[str, Any] = {
    "id": "8f14e45f-ceea-467f-a8d5-4f2d1c0b9a08",
    "name": "deploy gate",
    "event": "lock.*",
    "provider": "generic",
    "config": CONFIG | {"headers": {"X-Api-Key": "***"}},
    "timeout": 10_000,
    "retryCount": 9,
    "retryDelay": None,
    "ordering": "environment",
    "status": "active",
    "lastDeliveryAt": "2024-01-15T14:00:00Z",
    "errorCount": 0,
    "pendingDeliveries": 0,
    "createdBy": "ada@myorg.example",
    "createdAt": "2024-01-15T13:00:00Z",
    "updatedAt": "2024-01-15T13:00:00Z",
}
DELIVERY: dict[str, Any] = {
    "id": "4711",
    "eventId": "019b796d-d67b-7c27-a0d4-5787532d0f97",
    "eventType": "lock.acquired",
    "position": 42,
    "attempt": 1,
    "outcome": "failed",
    "status": 500,
    "latencyMs": 12.5,
    "error": "it answered 500",
    "responseHead": "oops",
    "attemptedAt": "2024-01-15T14:00:00Z",
    "nextAttemptAt": "2024-01-15T14:00:05Z",
}

WEBHOOK_EXAMPLES: dict[str, Any] = {
    "WebhookBody": {
        "name": "deploy gate",
        "event": "lock.*",
        "config": CONFIG,
        "ordering": "environment",
    },
    "WebhookPatch": {"status": "active", "retryCount": 3, "retryDelay": 1_000},
    "RotateBody": {"overlapSeconds": 3_600},
    "DeliverBody": {"position": 42},
    "WebhookAnswer": WEBHOOK,
    "WebhookCreatedAnswer": WEBHOOK | {"secret": SECRET},
    "SecretAnswer": {"secret": SECRET, "previousValidUntil": "2024-01-16T14:00:00Z"},
    "TrialAnswer": {
        "delivered": True,
        "status": 204,
        "latencyMs": 12.5,
        "error": None,
        "responseHead": "",
    },
    "DeliverAnswer": {
        "position": 42,
        "eventId": DELIVERY["eventId"],
        "eventType": "lock.acquired",
    },
    "ReplayAnswer": {"number": 17, "next": None},
    "DeliveriesAnswer": {"deliveries": [DELIVERY], "next": "4711"},
}
