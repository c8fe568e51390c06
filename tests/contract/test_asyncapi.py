"""The AsyncAPI document is one to its own parser, and says what is really there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import msgspec
import pytest

from domain.outward.cloud_event import CloudEvent, cloud_event, nats_subject_of, type_of
from domain.outward.subject import subject_of
from domain.webhook.events import Provider
from tests.golden.examples import EXAMPLES, ORIGIN, recorded
from tests.support.client import Json, refused
from tests.support.node_worker import BIN, NPM
from tests.support.running import Api
from workers.outgoing import new_secret, signed
from workers.webhooks.bodies import Bodies, trial

PROJECT = Path(__file__).parent / "asyncapi"
ERROR, WARNING = 0, 1


@pytest.fixture(scope="module")
def document(api: Api) -> Json:
    answer = httpx2.get(f"{api.url}/sfp/asyncapi.json")
    assert answer.headers["content-type"] == "application/vnd.aai.asyncapi+json"
    return dict(answer.json())


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the parser, in the very versions of its lock file."""
    folder = tmp_path_factory.mktemp("asyncapi") / "parser"
    shutil.copytree(PROJECT, folder)
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    node = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [str(BIN / "node"), str(NPM), *words],
        cwd=folder,
        env=os.environ | node,
        check=True,
        capture_output=True,
    )
    return folder


def parsed(parser: Path, document: Json) -> Any:
    run = subprocess.run(
        [str(BIN / "node"), str(parser / "parse.mjs")],
        input=json.dumps(document).encode(),
        capture_output=True,
        check=True,
    )
    return json.loads(run.stdout)


def serious(told: Any) -> list[Json]:
    return [one for one in told["problems"] if one["severity"] <= WARNING]


def test_the_official_parser_finds_nothing_wrong(parser: Path, document: Json) -> None:
    told = parsed(parser, document)
    assert serious(told) == []
    heard = {name for channel in told["read"] for name in channel["messages"]}
    others = {"streamed", "delivery", "webhook.test"}
    assert heard == others | {type_of(type(event)) for event in EXAMPLES}
    [unknown] = [channel for channel in told["read"] if channel["address"] is None]
    assert {*unknown["messages"]} == {"delivery", "webhook.test"}


def test_the_official_parser_would_find_something_wrong(
    parser: Path, document: Json
) -> None:
    broken = json.loads(json.dumps(document))
    del broken["operations"]["follow"]["action"]
    broken["channels"]["lock.acquired"]["messages"]["lock.acquired"]["$ref"] += "x"
    assert len(serious(parsed(parser, broken))) >= 2


def test_every_event_is_heard_of_under_its_subject(document: Json) -> None:
    channels = document["channels"]
    for event in EXAMPLES:
        record = recorded(event)
        channel = channels[event.__struct_config__.tag]
        [parameter] = channel["parameters"]
        address = channel["address"].replace(f"{{{parameter}}}", subject_of(record).id)
        assert address == nats_subject_of(record)


def test_every_event_keeps_to_the_schemas_it_is_told_with(document: Json) -> None:
    components = document["components"]
    shape = {
        "components": components,
        "$ref": f"#/components/schemas/{CloudEvent.__name__}",
    }
    whole = jsonschema_rs.validator_for(shape)
    for event in EXAMPLES:
        told = cloud_event(recorded(event), "here")
        sent = json.loads(msgspec.json.encode(told))
        assert whole.is_valid(sent)
        message = components["messages"][event.__struct_config__.tag]
        payload = {"components": components} | message["payload"]
        assert jsonschema_rs.is_valid(payload, sent["data"])
        headers = {"components": components} | message["headers"]
        attributes = {f"ce-{k}": v for k, v in sent.items() if k != "data"}
        assert jsonschema_rs.is_valid(headers, attributes)
        assert not jsonschema_rs.is_valid(headers, attributes | {"ce-type": "other"})


def test_the_schema_of_every_event_is_where_the_event_says(api: Api) -> None:
    for event in EXAMPLES:
        told = cloud_event(recorded(event), "here")
        answer = httpx2.get(api.url + told.dataschema)
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == told.dataschema
        assert jsonschema_rs.is_valid(answer.json(), json.loads(bytes(told.data)))


def test_what_webhooks_are_sent_keeps_to_its_schema(document: Json) -> None:
    components = document["components"]

    def is_valid(message: str, part: str, content: Any) -> bool:
        shape = {"components": components} | components["messages"][message][part]
        return bool(jsonschema_rs.is_valid(shape, content))

    bodies = Bodies("here")
    for event in EXAMPLES:
        body = bodies.of(Provider.GENERIC, recorded(event), None)
        told = json.loads(body)
        assert is_valid("delivery", "payload", told)
        assert not is_valid("webhook.test", "payload", told)
        for missing in ("type", "event", "timestamp", "data"):
            assert not is_valid("delivery", "payload", without(told, missing))
        assert not is_valid("delivery", "payload", told | {"type": "other"})
        assert not is_valid("delivery", "payload", told | {"data": {}})
    trial_ = json.loads(trial(Provider.GENERIC, "w", "a name", ORIGIN.at))
    assert is_valid("webhook.test", "payload", trial_)
    assert not is_valid("delivery", "payload", trial_)
    for secrets in ([new_secret()], [new_secret(), new_secret()]):
        headers = signed(secrets, "id", ORIGIN.at, b"{}")
        for message in ("delivery", "webhook.test"):
            assert is_valid(message, "headers", headers)
            for name in headers:
                assert not is_valid(message, "headers", without(headers, name))


def without(told: Json, name: str) -> Json:
    return {key: value for key, value in told.items() if key != name}


@pytest.mark.parametrize(
    "name",
    ["berth.lock.acquired.v1", "lock.acquired.json", "x.json", ".json", "%00.json"],
)
def test_there_is_no_schema_of_what_is_no_event(api: Api, name: str) -> None:
    answer = httpx2.get(f"{api.url}/sfp/api/schemas/{name}")
    refused(answer, 400 if "%00" in name else 404)
