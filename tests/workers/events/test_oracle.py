"""The CloudEvents' own package reads the same from NATS as from HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import uvloop
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_binary_event,
    from_structured_event,
)

from domain.roles import Role
from tests.golden.examples import ENVIRONMENT, EXAMPLES
from tests.projections.test_views import append
from tests.support.running import SECRET, VAULT_KEYS, Installation
from tests.workers.events.stage import relaying
from workers.embedded import EmbeddedNats

REQUEST_ID = 'Euro € 😀 100% "a"\r\n'
ASK = """
UPDATE berth_events SET state = convert_to(jsonb_set(
    convert_from(state, 'UTF8')::jsonb, '{origin,request_id}', to_jsonb(%s::text)
)::text, 'UTF8')
WHERE notification_id %% 2 = 0
"""
MEDIA = "application/cloudevents+json"
NDJSON = {"Accept": "application/x-ndjson"}


async def heard(url: str, nats_url: str) -> Sequence[Any]:
    """Every message of the stream, as it came over NATS."""
    async with relaying(url, nats_url) as stage:
        await stage.completed()
        return [
            from_binary_event(HTTPMessage(message.headers or {}, message.data or b""))
            for message in await stage.stored()
        ]


def read(installation: Installation) -> Sequence[Any]:
    """Every line that the API tells."""
    with installation.api("api") as api:
        answer = api.caller(Role.OWNER).get("/events", headers=NDJSON, limit="1000")
        assert answer.is_success
        return [
            from_structured_event(HTTPMessage({"content-type": MEDIA}, line))
            for line in answer.content.splitlines()
        ]


def test_every_event_is_the_same_in_either_mode(
    own_journal_url: str, nats: EmbeddedNats, tmp_path: Path
) -> None:
    """Also where a request's id has what no header can carry as it is."""
    append(own_journal_url, [(ENVIRONMENT, event) for event in EXAMPLES])
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(ASK, [REQUEST_ID])
    environment = {
        "BERTH_DATABASE_URL": own_journal_url,
        "BERTH_NATS_URL": nats.url,
        "BERTH_SECRET": SECRET,
        "BERTH_VAULT_KEYS": VAULT_KEYS,
    }
    over_nats = uvloop.run(heard(own_journal_url, nats.url))
    over_http = read(Installation(environment, tmp_path))
    assert len(over_nats) == len(over_http) == len(EXAMPLES)
    for one, other in zip(over_nats, over_http, strict=True):
        assert one.get_attributes() == other.get_attributes()
        assert one.get_data() == other.get_data()
    ids = {event.get_attributes().get("correlationid") for event in over_nats}
    assert ids == {None, REQUEST_ID}
