"""A pipeline, the environment that it locks, and what can be shut between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Caller, Json
from tests.support.gate import Gate, gate_to
from tests.support.pipeline import Pipeline
from tests.support.running import Api


@pytest.fixture
def pipeline(api: Api, application: Caller, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(api.url, application, tmp_path)
    yield pipeline
    pipeline.close()


@pytest.fixture
def gate(api: Api, pipeline: Pipeline) -> Iterator[Gate]:
    with gate_to(api.port) as gate:
        pipeline.url = gate.url
        yield gate


@pytest.fixture
def prod(owner: Caller) -> Json:
    return owner.environment(name="prod")
