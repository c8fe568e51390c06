"""The contract of the events: a JSON Schema for each, and all of it as AsyncAPI."""

from __future__ import annotations

from functools import cache

import msgspec
from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from api.documents.asyncapi import document
from api.health import OPEN
from domain.outward.schema import EVENTS, schema_of

MEDIA_SCHEMA = "application/schema+json"
MEDIA_ASYNCAPI = "application/vnd.aai.asyncapi+json"
SUFFIX = ".json"


@get(
    "/schemas/{event_schema:str}",
    opt=OPEN,
    media_type=MEDIA_SCHEMA,
    summary="The JSON Schema of an event's data",
    tags=["Events"],
)
async def get_event_schema(event_schema: FromPath[str]) -> Response[bytes]:
    """Such as `berth.lock.acquired.v1.json`: what `dataschema` of the event names."""
    return Response(_schema(event_schema), media_type=MEDIA_SCHEMA)


@get("/sfp/asyncapi.json", opt=OPEN, include_in_schema=False)
async def get_asyncapi() -> Response[bytes]:
    return Response(_asyncapi(), media_type=MEDIA_ASYNCAPI)


def _schema(name: str) -> bytes:
    event_type = EVENTS.get(name.removesuffix(SUFFIX))
    if event_type is None or not name.endswith(SUFFIX):
        raise NotFoundException("there is no event of this type")
    return msgspec.json.encode(schema_of(event_type))


@cache
def _asyncapi() -> bytes:
    return msgspec.json.encode(document())
