"""A scene that a test writes down is played: else the test could not fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.test_house import ROOT

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def never_played(source: str) -> Iterator[str]:
    """Functions inside a test that it does not name."""
    for test in ast.walk(ast.parse(source)):
        if isinstance(test, FUNCTIONS) and test.name.startswith("test_"):
            named = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
            for node in test.body:
                if isinstance(node, FUNCTIONS) and node.name not in named:
                    yield f"{test.name}: {node.name}"


def test_every_scene_is_played() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    assert not [found for file in files for found in never_played(file.read_text())]


def test_a_scene_that_is_not_would_be_found() -> None:
    forgotten = "def test_x():\n    async def scene():\n        assert False\n"
    assert [*never_played(forgotten)] == ["test_x: scene"]
    assert not [*never_played(forgotten + "    play(scene)\n")]
