"""What the AsyncAPI document says of webhooks: how an event comes to a receiver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.catalog import tag
from domain.event import Event
from workers.webhooks.bodies import TEST_TYPE, Attributes, Payload

Document = dict[str, Any]
SERVER, CHANNEL = "receiver", "webhooks"
DELIVERY = "delivery"
ABOUT = """\
To the `config.url` of each webhook whose provider is `generic`, by POST (or PUT, if \
its `config.method` says so), with its `config.headers` besides. Chats are sent a \
message for people instead. Anything but a 2xx is a failure, and tried again.\
"""
SIGNATURE = """\
`v1,` and the base64 of HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`, as \
Standard Webhooks say; while the secret is changed, two of them with a space between\
"""
HEADERS: Document = {
    "type": "object",
    "properties": {
        "webhook-id": {
            "type": "string",
            "description": "The event's id, the same at each try and in each replay",
        },
        "webhook-timestamp": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "When this try was sent, in seconds since 1970",
        },
        "webhook-signature": {
            "type": "string",
            "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
            "description": SIGNATURE,
        },
    },
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
}


def server() -> Document:
    return {
        "host": "{host}",
        "protocol": "https",
        "description": "Whoever receives what a webhook is told",
        "variables": {"host": {"description": "That of the webhook's `config.url`"}},
    }


def channel() -> Document:
    """Its address is null, which is to say: known only when it is used."""
    return {
        "address": None,
        "title": "A webhook",
        "description": ABOUT,
        "servers": [{"$ref": f"#/servers/{SERVER}"}],
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES
        },
    }


def messages(schema: str) -> Document:
    """`schema` makes a reference of the `{name}` of a schema."""
    return {
        name: {
            "name": name,
            "title": title,
            "contentType": "application/json",
            "headers": HEADERS,
            "payload": {"$ref": schema.format(name=payload)},
        }
        for name, (title, payload) in MESSAGES.items()
    }


def schemas(
    events: Iterable[type[Event]],
    data: Document,
    cloud_event: Mapping[str, Any],
) -> Document:
    """`data` is the schema of any event's; `cloud_event`, those of its attributes."""
    payload = msgspec.json.schema(Payload)["$defs"][Payload.__name__]["properties"]
    timestamp = payload["timestamp"] | {"format": "date-time"}
    names = Attributes.__struct_fields__
    optional = {"correlationid"}
    attributes = {
        "type": "object",
        "properties": {name: cloud_event[name] for name in names},
        "required": [name for name in names if name not in optional],
    }
    tags = {"enum": [tag(event) for event in events]}
    tried = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("webhookId", "name")},
        "required": ["webhookId", "name"],
    }
    return {
        "Delivery": _object(
            type=tags, event=attributes, timestamp=timestamp, data=data
        ),
        "Trial": _object(type={"const": TEST_TYPE}, timestamp=timestamp, data=tried),
    }


def _object(**properties: Document) -> Document:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
    }


MESSAGES = {
    DELIVERY: ("An event that the webhook asked for", "Delivery"),
    TEST_TYPE: ("What `POST /webhooks/{id}/test` sends: no event", "Trial"),
}
