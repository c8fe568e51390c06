"""The AsyncAPI 3 document: where each event is heard of, and how it looks there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from api.documents import asyncapi_webhooks as webhooks
from domain.catalog import tag
from domain.event import Event
from domain.outward.cloud_event import CloudEvent, nats_subject, type_of
from domain.outward.schema import EVENTS, shapes
from domain.outward.subject import Kind, kind_of

Document = dict[str, Any]
BINDING = "0.3.0"
SCHEMA = "#/components/schemas/{name}"
HEADERS = "EventHeaders"
STREAMED = "streamed"
ABOUT = """\
Every event of a Berth installation, as CloudEvents 1.0.

Over NATS, in the JetStream stream BERTH_EVENTS, in binary mode: the attributes are \
headers, the payload is the data. Over HTTP, in pages or as server-sent events, in \
structured mode. Either way each comes at least once, in the order of `sequence`, \
which has no gaps. To webhooks, those that each asked for, signed.\
"""


def document() -> Document:
    """AsyncAPI 3.0, as JSON: what goes out over NATS, HTTP and webhooks."""
    events = EVENTS.values()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Berth's events",
            "version": version("berth-server"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {
            **{tag(event): _subject(event) for event in events},
            "events": _feed(),
            webhooks.CHANNEL: webhooks.channel(),
        },
        "operations": {
            **{f"publish.{tag(event)}": _publish(event) for event in events},
            "follow": _send("events", [STREAMED], "Follow the events") | _query(),
            "deliver": _deliver(),
        },
        "components": {
            "schemas": dict(_schemas()),
            "messages": {
                **{tag(event): _published(event) for event in events},
                STREAMED: _streamed(),
                **webhooks.messages(SCHEMA),
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _servers() -> Document:
    return {
        "nats": {
            "host": "{host}",
            "protocol": "nats",
            "description": "The installation's NATS, with JetStream",
            "variables": {"host": {"default": "127.0.0.1:4222"}},
        },
        "http": {
            "host": "{host}",
            "protocol": "http",
            "pathname": "/sfp/api",
            "variables": {"host": {"default": "127.0.0.1:8080"}},
            "security": [_at("components", "securitySchemes", "bearer")],
        },
        webhooks.SERVER: webhooks.server(),
    }


def _subject(event: type[Event]) -> Document:
    kind = kind_of(event)
    parameter = _parameter(kind)
    return {
        "address": nats_subject(kind, f"{{{parameter}}}", event),
        "parameters": {parameter: {"description": f"The id of the {kind}"}},
        "servers": [_at("servers", "nats")],
        "messages": {tag(event): _at("components", "messages", tag(event))},
    }


def _feed() -> Document:
    return {
        "address": "/events",
        "description": "With `Accept: text/event-stream`; each `data` is one event",
        "servers": [_at("servers", "http")],
        "messages": {STREAMED: _at("components", "messages", STREAMED)},
    }


def _publish(event: type[Event]) -> Document:
    return _send(tag(event), [tag(event)], f"{type_of(event)} happened")


def _deliver() -> Document:
    return _send(webhooks.CHANNEL, [*webhooks.MESSAGES], "Tell a webhook") | {
        "bindings": {"http": {"method": "POST", "bindingVersion": BINDING}}
    }


def _send(channel: str, messages: Sequence[str], summary: str) -> Document:
    return {
        "action": "send",
        "summary": summary,
        "channel": _at("channels", channel),
        "messages": [_at("channels", channel, "messages", name) for name in messages],
    }


def _query() -> Document:
    """What a reader may choose. Requests with wrong ones are refused."""
    text = {"type": "string"}
    query = {
        "type": "object",
        "properties": {"after": text, "types": text, "environmentId": text},
    }
    http = {"method": "GET", "query": query, "bindingVersion": BINDING}
    return {"bindings": {"http": http}}


def _published(event: type[Event]) -> Document:
    return {
        "name": type_of(event),
        "title": event.__name__,
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": SCHEMA.format(name=HEADERS)},
                {"properties": {"ce-type": {"const": type_of(event)}}},
            ]
        },
        "payload": {"$ref": _schema(event)},
    }


def _streamed() -> Document:
    return {
        "name": STREAMED,
        "title": "An event, with all that is said of it",
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": _schema(CloudEvent)},
    }


def _schemas() -> Iterator[tuple[str, Document]]:
    cloud_event = msgspec.json.schema(CloudEvent)["$defs"][CloudEvent.__name__]
    attributes = dict(cloud_event["properties"])
    attributes["time"]["format"] = "date-time"
    data = {"oneOf": [{"$ref": _schema(event)} for event in EVENTS.values()]}
    yield CloudEvent.__name__, cloud_event | {"properties": attributes | {"data": data}}
    yield from webhooks.schemas(EVENTS.values(), data, attributes).items()
    attributes.pop("data")
    required = [name for name in cloud_event["required"] if name in attributes]
    dataref = {"type": "string", "description": "Where the data is, if it is not here"}
    yield (
        HEADERS,
        {
            "type": "object",
            "properties": {
                **{f"ce-{name}": shape for name, shape in attributes.items()},
                "ce-dataref": dataref,
                "Nats-Msg-Id": {"type": "string", "description": "The same as ce-id"},
            },
            "required": [f"ce-{name}" for name in required],
        },
    )
    yield from shapes(EVENTS.values(), SCHEMA).items()


def _schema(event: type[Any]) -> str:
    return SCHEMA.format(name=event.__name__)


def _parameter(kind: Kind) -> str:
    """`taskKeyId` for a task-key."""
    first, *rest = kind.split("-")
    return f"{first}{''.join(word.title() for word in rest)}Id"


def _at(*path: str) -> Document:
    return {"$ref": "#/" + "/".join(path)}
